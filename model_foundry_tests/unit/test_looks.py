"""Figures as people read them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from model_foundry.assets import metadata
from model_foundry.looks import units
from model_foundry.settings import Settings

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("total_ms", 0.0304, "30.4 µs"),
        ("total_ms", 999.7, "1 s"),
        ("total_ms", 4711.2, "4.71 s"),
        ("total_ms", 119_000, "119 s"),
        ("span_s", 60, "1 min"),
        ("span_s", 600, "10 min"),
        ("span_s", 10_000, "2.78 h"),
        ("span_s", 30 * 86_400, "30 days"),
        ("span_s", 0, "0 s"),
        ("busy_share", 0.00031, "0.03 %"),
        ("error_rate", 1, "100 %"),
        ("output_tokens_per_s", 35.714, "35.7/s"),
        ("raw_bytes", 1_234_567, "1.23 MB"),
        ("output_tokens", 12_345_678, "12,345,678"),
        ("score", 0.51234, "0.512"),
        ("score", float("inf"), "inf"),
        ("ttft_p50_ms", None, "–"),
        ("is_error", True, "yes"),
        ("slots", ["naughty", "grandpa"], "naughty, grandpa"),
        ("error_kinds", {"timeout": 3}, "timeout: 3"),
        ("name", "a\n\x1b[31mb", "a \ufffd[31mb"),
        ("name", "long " * 40, ("long " * 40)[:119] + "…"),
        ("occurred_at", NOON, "2026-07-01 21:00:00"),
    ],
)
def test_a_cell(column: str, value: Any, text: str) -> None:
    assert units.shown(column, value, Settings(timezone="Asia/Tokyo").zone) == text


def test_headings_are_words_without_the_units_of_their_cells() -> None:
    names = (
        "ttft_p50_ms",
        "output_tokens",
        "tg_tokens_per_s",
        "error_rate",
        "correlation_id",
        "_s",
    )
    told = ["TTFT p50", "output tokens", "TG tokens per s", "error", "correlation ID", "s"]
    assert [units.heading(name) for name in names] == told


def test_a_preview_begins_with_what_tells_rows_apart_and_leaves_out_what_says_nothing() -> None:
    columns = [
        ("day", "date"), ("arguments", "jsonb"), ("calls", "bigint"), ("total_p50_ms", "double"),
        ("text", "text"), ("nothing", "text"), ("at", "timestamptz"), ("tool_name", "text"),
    ]  # fmt: skip
    rows = [
        {"day": "2026-11-20", "arguments": {"n": n}, "calls": n, "total_p50_ms": 1500.0 * n,
         "text": "long " * 20 + str(n), "nothing": None, "at": NOON.replace(minute=n),
         "tool_name": f"tool {n}"}
        for n in range(1, 4)
    ]  # fmt: skip
    zone = Settings(timezone="Europe/Berlin").zone
    shown = metadata.preview(rows, columns, zone, most=4)
    assert [column.name for column in shown.schema.columns] == [
        "tool_name", "calls", "total_p50_ms", "at"
    ]  # fmt: skip
    assert dict(shown.records[0].data) == {
        "tool_name": "tool 1", "calls": 1, "total_p50_ms": "1.5 s", "at": "2026-07-01 14:01:00"
    }  # fmt: skip
    every = metadata.preview(rows, columns, zone)
    assert [column.name for column in every.schema.columns][4:] == ["text", "arguments"]
    [alone] = metadata.preview(rows[:1], columns, zone).records
    assert "day" in alone.data
    assert "nothing" not in alone.data
    assert len(metadata.preview([], columns, zone).schema.columns) == len(columns)
