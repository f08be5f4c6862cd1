"""The summaries, executed on known rows; and foundry.duckdb, open to anyone meanwhile."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.flat import FLAT_TABLES
from model_foundry.store.summaries import SUMMARIES
from model_foundry_tests.foundry import materialize
from model_foundry_tests.line import Raw, event, execute, publish

DAY = "2026-11-20"


def land(settings: Settings, *events: Raw) -> None:
    publish(settings, events)
    asyncio.run(drain(settings))


def query(settings: Settings, statement: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as connection:
        result = connection.execute(statement)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def chat(total_ms: float, tokens: int, tg: float, **fields: Any) -> Raw:
    payload = {
        "slot": "naughty",
        "model": "m",
        "usage": {"prompt_tokens": 100, "completion_tokens": tokens, "cached_tokens": 20},
        "timings": {
            "duration_ms": total_ms,
            "prompt_per_second": 40.0,
            "predicted_per_second": tg,
        },
    }
    return event("llm.chat.persist", payload, **fields)


def test_summaries_of_known_rows(settings: Settings) -> None:
    at_nine = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    land(
        settings,
        chat(100, 10, 10.0, correlation_id="s1", occurred_at=at_nine),
        chat(300, 30, 30.0, correlation_id="s1"),
        chat(200, 20, 20.0, correlation_id="s2"),
        event("knowledge.tool_call", {"tool_name": "a", "is_error": True, "duration_ms": 4},
              correlation_id="s1"),
        event("llm.tool_call", {"tool_name": "a", "is_error": False, "duration_ms": 2}),
        event("llm.flow.lineage", {"nodes": [{"node_id": "x"}, {"node_id": "x"}], "edges": [{}]},
              correlation_id="s1"),
    )  # fmt: skip
    materialize(settings, *FLAT_TABLES, *SUMMARIES, day=DAY)

    events = query(settings, "SELECT subject, hour_utc, events, under_old_name FROM daily_events")
    found = {(row["subject"], row["hour_utc"]): row for row in events}
    assert found["llm.chat.persist", 9]["events"] == 1
    assert found["llm.chat.persist", 12]["events"] == 2
    assert found["llm.tool_call", 12] == {
        "subject": "llm.tool_call", "hour_utc": 12, "events": 2, "under_old_name": 1,
    }  # fmt: skip

    [slot] = query(settings, "SELECT * FROM daily_slot_throughput")
    assert (slot["origin"], slot["slot"], slot["model"]) == ("traffic", "naughty", "m")
    assert (slot["requests"], slot["input_tokens"], slot["output_tokens"]) == (3, 300, 60)
    assert (slot["total_p50_ms"], slot["pp_tokens_per_s"]) == (200.0, 40.0)
    assert slot["total_p95_ms"] == pytest.approx(290.0)
    # Each took one second for its tokens: 60 tokens over 3 seconds.
    assert slot["tg_tokens_per_s"] == pytest.approx(20.0)

    [tool] = query(settings, "SELECT * FROM daily_tool_calls")
    assert (tool["calls"], tool["errors"], tool["error_rate"]) == (2, 1, 0.5)
    assert tool["duration_p50_ms"] == 3.0

    sessions = {r["correlation_id"]: r for r in query(settings, "SELECT * FROM session_summary")}
    assert sessions.keys() == {"s1", "s2", "session-1"}
    one = sessions["s1"]
    names = ("events", "chats", "tool_calls", "tool_errors", "nodes", "edges", "output_tokens")
    assert [one[name] for name in names] == [4, 2, 1, 1, 1, 1, 40]
    assert (one["span_s"], one["slots"]) == (3 * 3600, ["naughty"])


def test_a_summary_follows_what_its_day_holds_now(settings: Settings) -> None:
    land(settings, event())
    materialize(settings, "llm_tool_call", "daily_tool_calls", day=DAY)
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as reader:
        statement = "SELECT sum(calls) FROM daily_tool_calls"
        assert reader.execute(statement).fetchall() == [(1,)]
        land(settings, event())
        # Only the summary is asked for, after the table was brought up to date: no stale lake.
        materialize(settings, "llm_tool_call", day=DAY)
        materialize(settings, "daily_tool_calls", day=DAY)
        assert reader.execute(statement).fetchall() == [(2,)]


def test_the_lake_keeps_a_day_that_postgres_dropped_and_skips_one_that_did_not_change(
    settings: Settings,
) -> None:
    land(settings, event())
    materialize(settings, "llm_tool_call", "daily_tool_calls", day=DAY)
    day = datetime.fromisoformat(DAY).date()
    [name] = lake.refresh_day(settings, "llm_tool_call", day).files
    assert not lake.refresh_day(settings, "llm_tool_call", day).refreshed
    Path(name).write_bytes(b"damaged")
    again = lake.refresh_day(settings, "llm_tool_call", day)
    assert (again.rows, again.refreshed) == (1, True)
    execute(settings, "DELETE FROM flat_day")
    execute(settings, "DELETE FROM llm_tool_call")
    kept = lake.refresh_day(settings, "llm_tool_call", day)
    assert (kept.rows, kept.refreshed) == (1, False)


def test_requests_of_a_day_wait_until_they_are_answered(settings: Settings) -> None:
    land(
        settings,
        event("llm.generation.request", {"messages": []}),
        event("llm.translation.request", {"text": "a", "from": "en", "to": "ja"}),
        event("llm.translation.request", {"text": "b", "from": "en", "to": "ja"}),
    )
    materialize(settings, "llm_request", "daily_requests", day=DAY)
    found = query(settings, "SELECT kind, requests, answered, waiting FROM daily_requests")
    assert found == [
        {"kind": "generation", "requests": 1, "answered": 0, "waiting": 1},
        {"kind": "translation", "requests": 2, "answered": 0, "waiting": 2},
    ]
