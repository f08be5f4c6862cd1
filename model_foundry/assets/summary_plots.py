"""Which figures of a summary are worth a picture, by the summary's name."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final, NamedTuple

import dagster as dg

from model_foundry.assets.plots import plots
from model_foundry.looks import charts
from model_foundry.looks.charts import Chart, Name, Scale

Row = Mapping[str, Any]
Rows = Sequence[Row]


class Day(NamedTuple):
    """A UTC day, and the zone in which people read its hours; None: the machine's."""

    day: date
    zone: tzinfo | None


def summary_plot(
    name: str, rows: Rows, day: date, zone: tzinfo | None
) -> dg.MarkdownMetadataValue | None:
    """The picture of one day of a summary; None for a day without rows, or where there is none."""
    plot = _PLOTS.get(name)
    return plots(*plot(rows, Day(day, zone))) if plot and rows else None


def _events(rows: Rows, day: Day) -> list[Chart]:
    per_subject: dict[str, Counter[int]] = {}
    for row in rows:
        per_subject.setdefault(row["subject"], Counter())[row["hour_utc"]] += row["events"]
    shown = charts.with_others(per_subject)
    midnight = datetime.combine(day.day, time(), UTC)
    return [charts.by_hour("Events by hour", Scale("events"), shown, midnight, day.zone)]


def _slot_throughput(rows: Rows, _: Day) -> list[Chart]:
    def by_slot(column: str) -> dict[Name, dict[float, int]]:
        return _distributions(rows, lambda row: (str(row["slot"]), str(row["origin"])), column)

    return [
        charts.distributions("Time to first token", _AT_MOST, by_slot("ttft_ms_sketch")),
        charts.distributions("Whole request", _AT_MOST, by_slot("total_ms_sketch")),
    ]


def _slot_load(rows: Rows, day: Day) -> list[Chart]:
    busy: dict[str, list[tuple[datetime, float]]] = {}
    for row in rows:
        busy.setdefault(row["slot"], []).append((row["hour_starts_at"], row["busy_share"]))
    shown = charts.largest(busy, lambda points: sum(share for _, share in points))
    return [charts.over_days("Slots at work", Scale("of the hour", "_share"), shown, *day)]


def _tool_calls(rows: Rows, _: Day) -> list[Chart]:
    durations = _distributions(rows, lambda row: str(row["tool_name"]), "duration_ms_sketch")
    return [charts.distributions("Tool calls", _AT_MOST, durations)]


def _chats(rows: Rows, _: Day) -> list[Chart]:
    by_language: dict[str, Counter[str]] = {}
    for row in rows:
        models = by_language.setdefault(row["user_language"] or "no text", Counter())
        models[str(row["model"])] += row["turns"]
    tokens = _distributions(rows, lambda row: str(row["model"]), "output_tokens_sketch")
    languages = charts.with_others(by_language)
    return [
        charts.bars("Turns by model and language of the question", Scale("turns"), languages),
        charts.distributions("Length of the answers", Scale("at most so many tokens"), tokens),
    ]


def _semantic_search(rows: Rows, _: Day) -> list[Chart]:
    scores = _distributions(rows, lambda row: str(row["vault"]), "top_score_sketch")
    hits: dict[Name, Counter[float]] = {}
    for row in rows:
        hits.setdefault(str(row["vault"]), Counter()).update(row["hit_counts"] or {})
    shown = charts.with_others(hits)
    return [
        charts.distributions("Score of the best hit", Scale("at most"), scores),
        charts.distributions("Hits of a query", Scale("at most so many hits"), shown),
    ]


def _recipes(rows: Rows, _: Day) -> list[Chart]:
    became = {
        status: {row["recipe"]: float(row[status]) for row in rows}
        for status in ("ok", "rejected", "failed")
    }
    times = _distributions(rows, lambda row: str(row["recipe"]), "total_ms_sketch")
    return [
        charts.bars("Jobs by recipe", Scale("jobs"), became),
        charts.distributions("Whole request", _AT_MOST, times),
    ]


def _lost_output(rows: Rows, _: Day) -> list[Chart]:
    lost: dict[str, Counter[str]] = {}
    for row in rows:
        why = str(row["error_kind"] or row["finish_reason"])
        lost.setdefault(str(row["slot"]), Counter())[why] += row["output_tokens"] or 0
    shown = charts.with_others(lost)
    return [charts.bars("Output that nobody got, by reason and slot", Scale("tokens"), shown)]


def _cache_misses(rows: Rows, _: Day) -> list[Chart]:
    again: dict[str, Counter[str]] = {}
    for row in rows:
        again.setdefault(str(row["slot"]), Counter())[row["cause"]] += row["reread_tokens"] or 0
    shown = charts.with_others(again)
    return [charts.bars("Prompts read again, by cause and slot", Scale("tokens"), shown)]


def _quarantine(rows: Rows, _: Day) -> list[Chart]:
    refused: dict[str, Counter[str]] = {}
    for row in rows:
        refused.setdefault(row["subject"], Counter())[row["reason"]] += row["messages"]
    shown = charts.with_others(refused)
    return [charts.bars("Quarantined by reason and subject", Scale("messages"), shown)]


def _requests(rows: Rows, _: Day) -> list[Chart]:
    times = _distributions(rows, lambda row: str(row["kind"]), "total_ms_sketch")
    longest = Scale("the longest part took at most", "_ms")
    return [charts.distributions("Requests", longest, times)]


def _distributions(
    rows: Iterable[Row], name: Callable[[Row], Name], column: str
) -> dict[Name, dict[float, int]]:
    """Sketches of rows with the same name added up: name → value → how many."""
    sketches: dict[Name, Counter[int]] = {}
    for row in rows:
        if row[column]:
            sketches.setdefault(name(row), Counter()).update(row[column])
    shown = charts.with_others(sketches)
    return {
        name: {_value(bucket): count for bucket, count in counts.items()}
        for name, counts in shown.items()
    }


def _value(bucket: int) -> float:
    """What a bucket of sql/duckdb/macros/sketch.sql stands for."""
    return math.copysign(0.99e-6 * (1.01 / 0.99) ** abs(bucket), bucket) if bucket else 0.0


_AT_MOST: Final = Scale("took at most", "_ms")
_PLOTS: Final[Mapping[str, Callable[[Rows, Day], list[Chart]]]] = {
    "daily_events": _events,
    "daily_slot_throughput": _slot_throughput,
    "daily_slot_load": _slot_load,
    "daily_tool_calls": _tool_calls,
    "daily_chats": _chats,
    "daily_semantic_search": _semantic_search,
    "daily_recipes": _recipes,
    "daily_lost_output": _lost_output,
    "daily_cache_misses": _cache_misses,
    "daily_quarantine": _quarantine,
    "daily_requests": _requests,
}
