"""The result as a person reads it: a table with bars, and the ratios beside their targets."""

from typing import Any, Final

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table

from benchmarks.intake import arms

_BAR_WIDTH: Final = 30
_TITLES: Final = {
    "naive": "naive",
    "textbook": "textbook",
    "faststream_batch": "FastStream batch",
    "dlt_merge": "dlt merge",
    "ours": "ours",
    "copy_bound": "COPY alone (bound)",
}
_TARGETS: Final = {
    "vs_naive": (">=", 25.0),
    "vs_best_peer": (">=", 2.0),
    "vs_copy_bound": (">=", 0.5),
    "cost_at_5m_rows": ("<=", 1.15),
    "cost_at_5m_rows_random_ids": ("<=", 1.6),
    "append_to_rebuild": ("<=", 0.05),
    "peak_rss_mb": ("<", 300.0),
}


def render(result: dict[str, Any]) -> RenderableType:
    """Rates of all arms, of several processes, and the ratios."""
    return Group(_rates(result), _ratios(result))


def _rates(result: dict[str, Any]) -> Table:
    rows: list[tuple[str, dict[str, Any] | None, str]] = []
    for name, figures in result["arms"].items():
        rate = figures["events_per_s"] if figures else None
        rows.append((_TITLES[name], rate, "cyan" if name == arms.OURS else "white"))
    for count, rate in result["processes"].items():
        rows.append((f"ours, {count} at once", rate, "cyan"))
    largest = max(rate["median"] for _, rate, _ in rows if rate)
    table = Table(title="Intake", title_justify="left")
    table.add_column("arm", no_wrap=True)
    table.add_column("events/s", justify="right")
    table.add_column("rounds", justify="right")
    table.add_column("", width=_BAR_WIDTH)
    for title, rate, colour in rows:
        if rate is None:
            table.add_row(title, "make bench-peers", "", "", style="red")
            continue
        rounds = " ".join(f"{one / 1000:.1f}k" for one in rate["rounds"])
        bar = Bar(largest, 0, rate["median"], width=_BAR_WIDTH, color=colour)
        table.add_row(title, f"{rate['median']:,.0f}", rounds, bar)
    return table


def _ratios(result: dict[str, Any]) -> Table:
    table = Table(title=_setting(result["size"]), title_justify="left")
    for column in ("ratio", "measured", "target", ""):
        table.add_column(column, justify="left" if column == "ratio" else "right")
    measured = {**result["ratios"], "peak_rss_mb": result["peak_rss_mb"]}
    for name, (relation, target) in _TARGETS.items():
        value = measured[name]
        if value is None:
            table.add_row(name, "null", f"{relation} {target:g}", "[red]no peer installed")
            continue
        met = value >= target if relation == ">=" else value <= target
        sign = "[green]met" if met else "[red]missed"
        table.add_row(name, f"{value:g}", f"{relation} {target:g}", sign)
    return table


def _setting(size: dict[str, int]) -> str:
    return (
        f"{size['events']:,} events (naive {size['naive_events']:,}), rounds: {size['rounds']}, "
        f"full inbox: {size['preloaded']:,} rows"
    )
