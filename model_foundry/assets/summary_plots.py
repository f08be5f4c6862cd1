"""Which figures of a summary are worth a picture, by the summary's name."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from model_foundry.assets import plots

Row = Mapping[str, Any]
Rows = Sequence[Row]
_SHARE: Final = "share of them"


def summary_plot(name: str, rows: Rows) -> dg.MarkdownMetadataValue | None:
    """The picture of one day of a summary; None for a day without rows, or where there is none."""
    plot = _PLOTS.get(name)
    return plot(rows) if plot and rows else None


def _events(rows: Rows) -> dg.MarkdownMetadataValue:
    hours = [str(hour) for hour in range(24)]
    per_subject: dict[str, dict[str, float]] = {}
    for row in rows:
        heights = per_subject.setdefault(row["subject"], dict.fromkeys(hours, 0))
        heights[str(row["hour_utc"])] += row["events"]
    shown = plots.largest(per_subject, lambda heights: sum(heights.values()))
    return plots.bars({("Events", "hour (UTC)", "events"): shown})


def _slot_throughput(rows: Rows) -> dg.MarkdownMetadataValue:
    def by_slot(column: str) -> dict[str, dict[float, int]]:
        return _distributions(rows, lambda row: f"{row['slot']}, {row['origin']}", column)

    return plots.distributions(
        {
            ("Time to first token", "ms", _SHARE): by_slot("ttft_ms_sketch"),
            ("Whole request", "ms", _SHARE): by_slot("total_ms_sketch"),
        }
    )


def _slot_load(rows: Rows) -> dg.MarkdownMetadataValue:
    first = min(row["hour_starts_at"] for row in rows)
    busy: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        hours = (row["hour_starts_at"] - first).total_seconds() / 3600
        busy.setdefault(row["slot"], []).append((first.hour + hours, 100 * row["busy_share"]))
    shown = plots.largest(busy, lambda points: sum(share for _, share in points))
    title = f"Slots at work since {first:%Y-%m-%d} 0:00 UTC"
    return plots.lines({(title, "hour", "% of the hour"): shown})


def _tool_calls(rows: Rows) -> dg.MarkdownMetadataValue:
    durations = _distributions(rows, lambda row: row["tool_name"], "duration_ms_sketch")
    return plots.distributions({("Tool calls", "ms", _SHARE): durations})


def _chats(rows: Rows) -> dg.MarkdownMetadataValue:
    by_language: dict[str, Counter[str]] = {}
    for row in rows:
        models = by_language.setdefault(row["user_language"] or "no text", Counter())
        models[str(row["model"])] += row["turns"]
    tokens = _distributions(rows, lambda row: row["model"], "output_tokens_sketch")
    languages = plots.largest(by_language, lambda models: models.total())
    return _beside(
        plots.bars({("Turns by language of the question", "model", "turns"): languages}),
        plots.distributions({("Length of the answers", "tokens", _SHARE): tokens}),
    )


def _semantic_search(rows: Rows) -> dg.MarkdownMetadataValue:
    scores = _distributions(rows, lambda row: row["vault"], "top_score_sketch")
    hits: dict[str, dict[float, int]] = {}
    for row in rows:
        counts = hits.setdefault(str(row["vault"]), {})
        for hit_count, queries in (row["hit_counts"] or {}).items():
            counts[hit_count] = counts.get(hit_count, 0) + queries
    return plots.distributions(
        {
            ("Score of the best hit", "score", _SHARE): scores,
            ("Hits", "hits of a query", _SHARE): plots.largest(hits, lambda c: sum(c.values())),
        }
    )


def _recipes(rows: Rows) -> dg.MarkdownMetadataValue:
    became = {
        status: {row["recipe"]: float(row[status]) for row in rows}
        for status in ("ok", "rejected", "failed")
    }
    times = _distributions(rows, lambda row: row["recipe"], "total_ms_sketch")
    return _beside(
        plots.bars({("Jobs", "recipe", "jobs"): became}),
        plots.distributions({("Whole request", "ms", _SHARE): times}),
    )


def _quarantine(rows: Rows) -> dg.MarkdownMetadataValue:
    refused: dict[str, Counter[str]] = {}
    for row in rows:
        refused.setdefault(row["subject"], Counter())[row["reason"]] += row["messages"]
    shown = plots.largest(refused, lambda reasons: reasons.total())
    return plots.bars({("Quarantined", "reason", "messages"): shown})


def _requests(rows: Rows) -> dg.MarkdownMetadataValue:
    times = _distributions(rows, lambda row: row["kind"], "total_ms_sketch")
    return plots.distributions({("Requests", "ms of the longest part", _SHARE): times})


def _distributions(
    rows: Iterable[Row], name: Callable[[Row], Any], column: str
) -> dict[str, dict[float, int]]:
    """Sketches of rows with the same name added up: name → value → how many."""
    sketches: dict[str, Counter[int]] = {}
    for row in rows:
        if row[column]:
            sketches.setdefault(str(name(row)), Counter()).update(row[column])
    shown = plots.largest(sketches, lambda counts: counts.total())
    return {
        name: {_value(bucket): count for bucket, count in counts.items()}
        for name, counts in shown.items()
    }


def _value(bucket: int) -> float:
    """What a bucket of sql/duckdb/macros/sketch.sql stands for."""
    return math.copysign(0.99e-6 * (1.01 / 0.99) ** abs(bucket), bucket) if bucket else 0.0


def _beside(*pictures: dg.MarkdownMetadataValue) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(" ".join(str(picture.md_str) for picture in pictures))


_PLOTS: Final[Mapping[str, Callable[[Rows], dg.MarkdownMetadataValue]]] = {
    "daily_events": _events,
    "daily_slot_throughput": _slot_throughput,
    "daily_slot_load": _slot_load,
    "daily_tool_calls": _tool_calls,
    "daily_chats": _chats,
    "daily_semantic_search": _semantic_search,
    "daily_recipes": _recipes,
    "daily_quarantine": _quarantine,
    "daily_requests": _requests,
}
