"""The figures as a person reads them."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table

_TARGETS: Final = {
    "vs_pandas_5m": (">=", 8.0),
    "vs_twenty_lines_5m": (">=", 1.5),
    "lake_vs_postgres": (">=", 7.0),
    "two_processes_time": ("<=", 0.85),
    "new_to_whole_day": ("<=", 0.05),
    "new_events_s": ("<", 2.0),
    "peak_rss_mb_5m": ("<", 400.0),
}


def render(result: dict[str, Any]) -> RenderableType:
    """Every arm's seconds and memory, and the ratios against their targets."""
    table = Table(title="\nA day's summary", title_justify="left")
    for column in ("arm", "events", "s", "peak MB"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for events, arms in result["arms"].items():
        for name, figures in arms.items():
            if figures is None:
                table.add_row(name, f"{int(events):,}", "not installed", "", style="red")
                continue
            seconds, peak = figures["seconds"]["median"], figures["peak_rss_mb"]
            table.add_row(name, f"{int(events):,}", f"{seconds:.2f}", f"{peak:.0f}")
    ratios = Table()
    for column in ("ratio", "measured", "target", ""):
        ratios.add_column(column, justify="left" if column == "ratio" else "right")
    measured = {
        **result["ratios"],
        "new_events_s": result["arrival_s"]["new_events"]["median"],
        "peak_rss_mb_5m": result["peak_rss_mb_5m"],
    }
    for name, (relation, target) in _TARGETS.items():
        met = measured[name] >= target if relation == ">=" else measured[name] <= target
        sign = "[green]met" if met else "[red]missed"
        ratios.add_row(name, f"{measured[name]:g}", f"{relation} {target:g}", sign)
    return Group(table, ratios)
