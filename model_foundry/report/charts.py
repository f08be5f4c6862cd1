"""Bars over the hours of a day, as an SVG."""

import base64
import io
from collections.abc import Mapping

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure


def hours(title: str, unit: str, named: Mapping[str, Mapping[int, float]]) -> str:
    """A data URI of stacked bars: name → hour (0 to 23) → value."""
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    FigureCanvasSVG(figure)
    axis = figure.subplots()
    base = [0.0] * 24
    for name, values in named.items():
        heights = [float(values.get(hour, 0)) for hour in range(24)]
        # A dollar sign would begin a formula.
        axis.bar(range(24), heights, bottom=base, label=name.replace("$", r"\$")[:40])
        base = [low + height for low, height in zip(base, heights, strict=True)]
    axis.set(title=title, xlabel="hour (UTC)", ylabel=unit, xlim=(-0.6, 23.6))
    axis.set_xticks(range(0, 24, 3))
    axis.grid(axis="y", alpha=0.3)
    if named:
        axis.legend(fontsize="small", ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"
