"""Figures as pictures for the Dagster UI: an SVG in Markdown."""

import base64
import io
from collections.abc import Mapping, Sequence

import dagster as dg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]


def lines(panels: Mapping[tuple[str, str, str], Mapping[str, Points]]) -> dg.MarkdownMetadataValue:
    """Panels side by side, each with a line a name.

    Args:
        panels: (title, x label, y label) → name → points.
    """
    figure = Figure(figsize=(5 * len(panels), 3.2), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, ((title, x_label, y_label), named) in zip(axes, panels.items(), strict=True):
        for name, points in named.items():
            axis.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
        axis.set(title=title, xlabel=x_label, ylabel=y_label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if named:
            axis.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="svg")
    encoded = base64.b64encode(picture.getvalue()).decode()
    titles = ", ".join(title for title, _, _ in panels)
    return dg.MetadataValue.md(f"![{titles}](data:image/svg+xml;base64,{encoded})")
