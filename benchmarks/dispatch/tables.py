"""The result as a person reads it: every arm, and the ratios beside their targets."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table

_TITLES: Final = {
    "8x400ms": "8 at a time, 400 ms each",
    "unequal": "8 at a time and 400 ms, 3 at a time and 2 s",
    "8x50ms": "8 at a time, 50 ms each",
}
_TARGETS: Final = {
    "utilization_8x400ms": (">=", 0.977),
    "utilization_unequal": (">=", 0.97),
    "utilization_8x50ms_queue_ahead": (">=", 0.985),
    "of_the_bound_8x400ms": (">=", 0.985),
    "of_the_bound_unequal": (">=", 0.985),
    "of_the_bound_8x50ms": (">=", 0.985),
    "vs_bare_loop_llamacpp": (">=", 0.97),
    "cpu_ms_per_request_overhead": ("<", 3.0),
    "peak_rss_mb_100k_jobs": ("<", 400.0),
    "cached_tokens_with_affinity": (">=", 1.5),
}


def render(result: dict[str, Any]) -> RenderableType:
    """Utilization of all arms, and what is to be reached."""
    return Group(*(_arms(name, result) for name in _TITLES), _ratios(result))


def _arms(name: str, result: dict[str, Any]) -> Table:
    table = Table(title=_TITLES[name], title_justify="left")
    for column in ("arm", "jobs", "of the ideal", "CPU ms a request", "most in flight"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for arm, figures in result["arms"][name].items():
        if figures is None:
            table.add_row(arm, "", "make bench-peers", "", "", style="red")
            continue
        table.add_row(
            arm,
            f"{figures['jobs']:,}",
            f"{figures['utilization']['median']:.3f}",
            f"{figures['client_cpu_ms_per_request']['median']:.2f}",
            " + ".join(map(str, figures["peak_in_flight"])),
        )
    return table


def _ratios(result: dict[str, Any]) -> Table:
    size = result["size"]
    title = f"{size['jobs']:,} jobs, rounds: {size['rounds']}, many: {size['many_jobs']:,}"
    table = Table(title=title, title_justify="left")
    for column in ("figure", "measured", "target", ""):
        table.add_column(column, justify="left" if column == "figure" else "right")
    measured = {**result, **result["ratios"]}
    for name, (relation, target) in _TARGETS.items():
        value = measured[name]
        met = value >= target if relation == ">=" else value < target
        sign = "[green]met" if met else "[red]missed"
        table.add_row(name, f"{value:g}", f"{relation} {target:g}", sign)
    return table
