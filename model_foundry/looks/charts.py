"""Charts as SVG: lines, bars, bars over the hours of a day, distributions.

Belongs here: how they look, whatever their names hold. Does not: which figures are worth one.
Text stays text, but for scripts that a system may lack. Colours follow the reader's light or dark.
A name has one colour everywhere (`colours`); names of one colour that meet are drawn otherwise.
"""

import io
import math
import re
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from rich.cells import cell_len, set_cell_size

from model_foundry.looks import fonts, units
from model_foundry.looks.colours import colour
from model_foundry.looks.style import DARK, LIGHT

if TYPE_CHECKING:  # takes a second, and most processes draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar("T")
N = TypeVar("N", bound="Name")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V", int, float)
Points = Sequence[tuple[float, float]]
Name = str | tuple[str, str]
"""What is drawn; with a second part where one name is drawn twice, in one colour."""

# By which a text's room is measured; it is drawn in the reader's own.
_MEASURED: Final = "DejaVu Sans"
_WIDTH_IN: Final = 6.2
_PLOT_IN: Final = 2.1
_POINTS: Final = 10
_CELLS: Final = 32
_NAMES: Final = 8
_BARS: Final = 12
_TICKS: Final = 8
# Of an axis, what a label on it takes with the space around it.
_LABEL_SHARE: Final = 0.12
_DASHES: Final = ("-", "--", ":", "-.")
_HATCHES: Final = ("", "////", "....", "xx")
_CURVE: Final = 200
# As matplotlib knows them; each becomes the variable of the stylesheet.
_INK, _DIM, _LINE, _BACK = "#010203", "#020304", "#030405", "#040506"
_VARIABLES: Final = {_INK: "ink", _DIM: "dim", _LINE: "line", _BACK: "back"}


class Scale(NamedTuple):
    """An axis: what it says, and the suffix of a column that has such values (`_ms`, `_share`)."""

    label: str
    unit: str = ""


class Chart(NamedTuple):
    """An SVG document, and what it is in words."""

    title: str
    svg: str


def lines(title: str, x: Scale, y: Scale, named: Mapping[Name, Points]) -> Chart:
    """A line a name; the values of x that there are, are ticks."""

    def draw(axis: "Axes") -> None:
        for name, points, dash in _styled(named, _DASHES):
            xs, ys = zip(*sorted(points), strict=True)
            axis.plot(xs, ys, dash, marker="o", markersize=4, color=_of(name), label=_label(name))
        values = sorted({value for points in named.values() for value, _ in points})
        if len(values) > _TICKS:
            _scaled(axis, values, x.unit)
        elif values:
            if values[0] > 0 and values[-1] >= 8 * values[0]:
                axis.set_xscale("log", base=2)
            axis.set_xticks(values, [units.number(value) for value in values])
            axis.set_xticks([], minor=True)
            if len(values) == 1:
                axis.set_xlim(values[0] * 0.5, values[0] * 1.5 or 1)
        _from_zero(axis, "y", y.unit)
        axis.grid(axis="y")

    return _drawn(title, x, y, draw)


def over_days(
    title: str, y: Scale, named: Mapping[N, Sequence[tuple[datetime, float]]], day: date,
    zone: tzinfo | None,
) -> Chart:  # fmt: skip
    """A line a name over the hours of a UTC day, and of those before and after that have values.

    The hours are those of `zone`; None: of the machine.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    times = [moment for points in named.values() for moment, _ in points]
    first = min([midnight, *times])
    last = max([midnight + timedelta(hours=24), *(t + timedelta(hours=1) for t in times)])

    def hours(moment: datetime) -> float:
        return (moment - first).total_seconds() / 3600

    def draw(axis: "Axes") -> None:
        for name, points, dash in _styled(named, _DASHES):
            xs, ys = zip(*sorted(points), strict=True)
            middle = [hours(moment) + 0.5 for moment in xs]
            axis.plot(
                middle, ys, dash, marker="o", markersize=4, color=_of(name), label=_label(name)
            )
        _hour_ticks(axis, first, round(hours(last)), zone)
        _from_zero(axis, "y", y.unit)
        axis.grid(axis="y")

    return _drawn(title, Scale(_hours_of(first, zone)), y, draw)


def by_hour(
    title: str, y: Scale, named: Mapping[str, Mapping[int, float]], first: datetime,
    zone: tzinfo | None, *, hours: int = 24,
) -> Chart:  # fmt: skip
    """Stacked bars over the hours of a day that begins at `first`: name → hour → height.

    They are labelled in `zone`; None: the machine's.
    """

    def draw(axis: "Axes") -> None:
        below = [0.0] * hours
        for name, heights, hatch in _styled(named, _HATCHES):
            stacked = [float(heights.get(hour, 0)) for hour in range(hours)]
            middles = [hour + 0.5 for hour in range(hours)]
            axis.bar(
                middles, stacked, 0.86, below, color=_of(name), hatch=hatch, edgecolor=_BACK,
                linewidth=0.3, label=_label(name),
            )  # fmt: skip
            below = [low + height for low, height in zip(below, stacked, strict=True)]
        _hour_ticks(axis, first, hours, zone)
        _from_zero(axis, "y", y.unit)
        axis.grid(axis="y")

    return _drawn(title, Scale(_hours_of(first, zone)), y, draw)


def bars(title: str, x: Scale, named: Mapping[str, Mapping[str, float]]) -> Chart:
    """Stacked bars, one below the other: name in the stack → bar → length.

    The longest bars, and one for all others.
    """
    lengths: dict[str, float] = {}
    for values in named.values():
        for bar, value in values.items():
            lengths[bar] = lengths.get(bar, 0) + value
    shown = sorted(lengths, key=lambda bar: -lengths[bar])
    if len(shown) > _BARS:
        hidden = set(shown[_BARS - 1 :])
        others = _others(len(hidden))
        shown = [*shown[: _BARS - 1], others]
        named = {
            name: {**values, others: sum(value for bar, value in values.items() if bar in hidden)}
            for name, values in named.items()
        }

    def draw(axis: "Axes") -> None:
        left = [0.0] * len(shown)
        for name, values, hatch in _styled(named, _HATCHES):
            stacked = [float(values.get(bar, 0)) for bar in shown]
            if any(stacked):
                axis.barh(
                    range(len(shown)), stacked, 0.7, left, color=_of(name), hatch=hatch,
                    edgecolor=_BACK, linewidth=0.3, label=_label(name),
                )  # fmt: skip
            left = [low + length for low, length in zip(left, stacked, strict=True)]
        axis.set_yticks(range(len(shown)), [_label(bar) for bar in shown])
        axis.set_ylim(len(shown) - 0.4, -0.6)
        _from_zero(axis, "x", x.unit)
        axis.grid(axis="x")

    height = max(0.8, 0.26 * len(shown) + 0.2)
    return _drawn(title, x, Scale(""), draw, height_in=height)


def distributions(title: str, x: Scale, named: Mapping[Name, Mapping[float, int]]) -> Chart:
    """A curve a name: which share of its values is at most x. name → value → how many of it."""
    curves: dict[Name, Points] = {}
    for name, counted in named.items():
        total, below = sum(counted.values()), 0
        points = []
        for value, count in sorted(counted.items()):
            below += count
            points.append((value, below / total))
        curves[name] = points
    return shares(title, x, curves)


def shares(title: str, x: Scale, named: Mapping[Name, Points]) -> Chart:
    """A curve a name, from (value, share of the values that are at most it) pairs."""

    def draw(axis: "Axes") -> None:
        values = [value for points in named.values() for value, _ in points]
        _scaled(axis, values, x.unit)
        for name, points, dash in _styled(named, _DASHES):
            # Steps that are narrower than a pixel would only fill Dagster's storage.
            every = max(1, len(points) // _CURVE)
            xs, ys = zip(*[(points[0][0], 0.0), *points[::every], points[-1]], strict=True)
            axis.step(xs, ys, dash, where="post", color=_of(name), label=_label(name))
            if len(points) == 1:
                axis.plot(xs[-1:], ys[-1:], "o", markersize=4, color=_of(name))
        axis.set_ylim(0, 1.04)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axis.grid(axis="both")

    return _drawn(title, x, Scale("share"), draw)


def largest(named: Mapping[N, T], size: Callable[[T], float]) -> dict[N, T]:
    """The names that a chart has room for, largest first; what is left out is not drawn."""
    return dict(sorted(named.items(), key=lambda item: -size(item[1]))[:_NAMES])


def with_others(named: Mapping[N, Mapping[K, V]]) -> dict[N | str, dict[K, V]]:
    """Likewise of what can be added up: the last name has the sums of all that have no room."""
    ordered = sorted(named.items(), key=lambda item: -sum(item[1].values()))
    if len(ordered) <= _NAMES:
        return {name: dict(values) for name, values in ordered}
    rest: dict[K, V] = {}
    for _, values in ordered[_NAMES - 1 :]:
        for key, value in values.items():
            rest[key] = rest.get(key, 0) + value
    kept: dict[N | str, dict[K, V]] = {name: dict(values) for name, values in ordered[: _NAMES - 1]}
    return kept | {_others(len(ordered) - len(kept)): rest}


def _others(count: int) -> str:
    return f"{count:,} others"


def _styled(named: Mapping[Any, T], styles: Sequence[str]) -> Iterable[tuple[Any, T, str]]:
    """Each, with how it is drawn: names of one colour differ in it."""
    met: dict[str, int] = {}
    for name, value in named.items():
        number = met.get(_of(name), 0)
        met[_of(name)] = number + 1
        yield name, value, styles[number % len(styles)]


def _of(name: Name) -> str:
    return colour(name if isinstance(name, str) else name[0])


def _label(name: Name) -> str:
    """A name that SVG can hold; matplotlib leaves out of the legend what begins with `_`."""
    shown = units.line(name if isinstance(name, str) else ", ".join(name))
    if cell_len(shown) > _CELLS:
        shown = f"{set_cell_size(shown, _CELLS - 1).rstrip()}…"
    return f"\N{ZERO WIDTH SPACE}{shown}" if shown.startswith("_") else shown


def _tick(value: float, unit: str) -> str:
    if unit:
        return units.figure(unit, value)
    return units.short(value)


def _from_zero(axes: "Axes", side: Literal["x", "y"], unit: str) -> None:
    """A linear axis of figures that begins at 0, with few ticks, whole ones for counts."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(5, integer=not unit, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, unit)))
    _, high = axis.get_view_interval()
    axes.set(**{f"{side}lim": (0.0, high if unit and high > 0 else max(high, 1.0))})


def _scaled(axes: "Axes", values: Sequence[float], unit: str) -> None:
    """Logarithmic where durations or counts differ by much; ticks at figures that people say."""
    from matplotlib.ticker import (  # noqa: PLC0415
        FixedLocator,
        FuncFormatter,
        MaxNLocator,
        NullLocator,
    )

    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    ticks = _said(low, high, unit) if low > 0 and (unit == "_ms" or low >= 1) else []
    if len(ticks) >= 3:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low / 1.15, high * 1.15)
    else:
        whole = not unit and all(float(value).is_integer() for value in values)
        margin = (high - low) * 0.05 or (1.0 if whole else abs(high) * 0.1 or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=whole))
        axes.set_xlim(max(low - margin, 0.0) if low >= 0 else low - margin, high + margin)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, unit)))


def _said(low: float, high: float, unit: str) -> list[float]:
    """Of 1, 2, 5, 10 …, for times also 1 min, 10 min, 1 h …, those between that have room."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        if unit == "_ms":
            said = [10.0**power * step for power in range(-6, 5) for step in steps]
            said = [value for value in said if value < 60_000]
            for unit_ms, most in ((60_000.0, 60), (3_600_000.0, 24), (86_400_000.0, 1_000)):
                said += [
                    unit_ms * 10**power * step
                    for power in range(3)
                    for step in steps
                    if 10**power * step < most
                ]
        else:
            said = [10.0**power * step for power in range(15) for step in steps]
        found = [value for value in said if low <= value <= high]
        narrowest = min((after / before for before, after in pairwise(found)), default=math.inf)
        if len(found) <= _TICKS and narrowest >= (high / low) ** _LABEL_SHARE:
            break
    return found[:: -(-len(found) // _TICKS)] if found else []


def _hour_ticks(axis: "Axes", first: datetime, hours: int, zone: tzinfo | None) -> None:
    every = next(
        (step for step in (3, 6, 12, 24) if hours <= _TICKS * step), 24 * (hours // 192 + 1)
    )
    ticks = range(0, hours + 1, every)
    texts = []
    for hour in ticks:
        local = (first + timedelta(hours=hour)).astimezone(zone)
        texts.append(f"{local:%H:%M}" if hours <= 48 else f"{local:%m-%d\n%H:%M}")
    axis.set_xticks(list(ticks), texts)
    axis.set_xlim(0, hours)


def _hours_of(first: datetime, zone: tzinfo | None) -> str:
    local = first.astimezone(zone)
    return f"time, from {local:%Y-%m-%d %H:%M} {local.tzname() or ''}".rstrip()


def _drawn(
    title: str, x: Scale, y: Scale, draw: "Callable[[Axes], None]", height_in: float = _PLOT_IN
) -> Chart:
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import font_manager  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.text import Text  # noqa: PLC0415

    if fonts.FAMILY not in {entry.name for entry in font_manager.fontManager.ttflist}:
        font_manager.fontManager.addfont(fonts.path())
    file = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its own fonts lack some scripts
        figure = Figure(layout="constrained")
        FigureCanvasSVG(figure)
        axis = figure.subplots()
        draw(axis)
        if title:
            figure.suptitle(title, x=0.015, ha="left", fontweight="bold", fontfamily=_MEASURED)
        axis.set(xlabel=x.label, ylabel=y.label)
        for spine in axis.spines.values():
            spine.set_color(_LINE)
        axis.spines[["top", "right"]].set_visible(False)
        rows = _legend(figure, axis)
        figure.set_size_inches(_WIDTH_IN, height_in + 0.95 + 0.2 * rows)
        texts = "".join(text.get_text() for text in figure.findobj(Text))
        mpl.rcParams["svg.fonttype"] = "path" if fonts.draws(texts) else "none"
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(title, _dressed(file.getvalue().decode()))


def _legend(figure: "Figure", axis: "Axes") -> int:
    """Below the plot, in as many columns as there is room for; how many rows it has."""
    handles, labels = axis.get_legend_handles_labels()
    if not labels:
        return 0
    widest = max(map(cell_len, labels))
    columns = max(1, min(len(labels), int((_WIDTH_IN - 0.2) / (0.085 * widest + 0.45))))
    figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False)
    return -(-len(labels) // columns)


def _dressed(svg: str) -> str:
    """With the stylesheet's colours, and the font of the reader's system."""
    svg = svg[svg.index("<svg") :]
    for hexadecimal, variable in _VARIABLES.items():
        svg = svg.replace(f": {hexadecimal}", f": var(--{variable})")
    family = "font-family: system-ui, sans-serif"
    svg = re.sub(rf"font-family: '{_MEASURED}'(, '{fonts.FAMILY}')?", family, svg)
    rules = (
        f"<style>svg{{color-scheme:light dark;{LIGHT}}}"
        f"@media(prefers-color-scheme:dark){{svg{{{DARK}}}}}</style>"
    )
    head = svg.index(">") + 1
    return svg[:head] + rules + svg[head:]


# Names are data: text and nothing else.
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "model-foundry",
    "text.parse_math": False,
    "font.family": [_MEASURED, fonts.FAMILY],
    "font.size": _POINTS,
    "figure.titlesize": _POINTS + 1,
    "legend.fontsize": _POINTS - 1,
    "text.color": _INK,
    "axes.labelcolor": _DIM,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": _BACK,
    "savefig.facecolor": _BACK,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.8,
}
