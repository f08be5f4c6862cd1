"""Figures as pictures for the Dagster UI: an SVG in Markdown.

Belongs here: lines, stacked bars and distributions, whatever their names hold. Does not: which
figures a summary is worth (`summary_plots`).
"""

import base64
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

if TYPE_CHECKING:  # takes a second, and most processes draw nothing
    from matplotlib.axes import Axes

Points = Sequence[tuple[float, float]]
Title = tuple[str, str, str]
"""Title, x label, y label."""

# Names are data: text and nothing else, drawn by the browser, which has all scripts.
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
}
_MAX_LABEL_CHARS: Final = 32
_MAX_NAMES: Final = 8


def lines(panels: Mapping[Title, Mapping[str, Points]]) -> dg.MarkdownMetadataValue:
    """Panels side by side, each with a line a name."""

    def draw(axis: "Axes", named: Mapping[str, Points]) -> None:
        for name, points in named.items():
            axis.plot(*zip(*sorted(points), strict=True), marker="o", label=_label(name))
        axis.set_ylim(bottom=0)

    return _drawn(panels, draw)


def bars(
    panels: Mapping[Title, Mapping[str, Mapping[str, float]]],
) -> dg.MarkdownMetadataValue:
    """Panels side by side, each with stacked bars: name in the stack → bar → height."""

    def draw(axis: "Axes", named: Mapping[str, Mapping[str, float]]) -> None:
        ticks = list(dict.fromkeys(bar for heights in named.values() for bar in heights))
        below = [0.0] * len(ticks)
        for name, heights in named.items():
            stacked = [heights.get(bar, 0.0) for bar in ticks]
            axis.bar(range(len(ticks)), stacked, bottom=below, label=_label(name))
            below = [low + height for low, height in zip(below, stacked, strict=True)]
        axis.set_xticks(range(len(ticks)), [_label(bar) for bar in ticks])
        if max((len(bar) for bar in ticks), default=0) * len(ticks) > 40:
            axis.tick_params(axis="x", labelrotation=30)
            for text in axis.get_xticklabels():
                text.set_horizontalalignment("right")

    return _drawn(panels, draw)


def distributions(
    panels: Mapping[Title, Mapping[str, Mapping[float, int]]],
) -> dg.MarkdownMetadataValue:
    """Panels side by side, each with a curve a name: which share of the values is at most x.

    Args:
        panels: title → name → value → how many there are of it.
    """

    from matplotlib.ticker import LogFormatter  # noqa: PLC0415

    def draw(axis: "Axes", named: Mapping[str, Mapping[float, int]]) -> None:
        for name, counted in named.items():
            total, below = sum(counted.values()), 0
            shares = []
            for value, count in sorted(counted.items()):
                below += count
                shares.append((value, below / total))
            axis.step(*zip(*shares, strict=True), where="post", marker=".", label=_label(name))
        if all(value > 0 for counted in named.values() for value in counted):
            axis.set_xscale("log")
            # Its own labels are mathematics, which is not parsed.
            axis.xaxis.set_major_formatter(LogFormatter())
            axis.xaxis.set_minor_formatter(LogFormatter())
        axis.set_ylim(0, 1.02)

    return _drawn(panels, draw)


def largest(named: Mapping[str, Any], size: Callable[[Any], float]) -> dict[str, Any]:
    """The names that a picture has room for, largest first; what is left out is not drawn."""
    ordered = sorted(named.items(), key=lambda item: -size(item[1]))
    return dict(ordered[:_MAX_NAMES])


def _drawn(
    panels: Mapping[Title, Any], draw: Callable[["Axes", Any], None]
) -> dg.MarkdownMetadataValue:
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    picture = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its own fonts lack some scripts
        figure = Figure(figsize=(5 * len(panels), 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, ((title, x_label, y_label), named) in zip(axes, panels.items(), strict=True):
            draw(axis, named)
            axis.set(title=title, xlabel=x_label, ylabel=y_label)
            axis.grid(alpha=0.3)
            if named:
                axis.legend(fontsize="small")
        figure.savefig(picture, format="svg", metadata={"Date": None})
    encoded = base64.b64encode(picture.getvalue()).decode()
    titles = ", ".join(title for title, _, _ in panels)
    return dg.MetadataValue.md(f"![{titles}](data:image/svg+xml;base64,{encoded})")


def _label(name: str) -> str:
    """A name that SVG can hold; matplotlib leaves out of the legend what begins with `_`."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    if len(shown) > _MAX_LABEL_CHARS:
        shown = f"{shown[: _MAX_LABEL_CHARS - 1]}…"
    return f"\N{ZERO WIDTH SPACE}{shown}" if shown.startswith("_") else shown
