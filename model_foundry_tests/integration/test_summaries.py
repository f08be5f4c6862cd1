"""The summaries, executed on known rows; and foundry.duckdb, open to anyone meanwhile."""

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from model_foundry import lake
from model_foundry.intake.drain import drain
from model_foundry.postgres.flat import FLAT_TABLES
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries import compute as summary_sql
from model_foundry.summaries.compute import ROLLUPS, SUMMARIES
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
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
    assert (slot["total_p50_ms"], slot["total_p95_ms"]) == pytest.approx((200, 300), rel=0.01)
    assert slot["pp_tokens_per_s"] == pytest.approx(40.0)
    # Each took one second for its tokens: 60 tokens over 3 seconds.
    assert slot["tg_tokens_per_s"] == pytest.approx(20.0)

    [tool] = query(settings, "SELECT * FROM daily_tool_calls")
    assert (tool["calls"], tool["errors"], tool["error_rate"]) == (2, 1, 0.5)
    assert (tool["duration_p50_ms"], tool["duration_p95_ms"]) == pytest.approx((2, 4), rel=0.01)

    sessions = {r["correlation_id"]: r for r in query(settings, "SELECT * FROM session_summary")}
    assert sessions.keys() == {"s1", "s2", "session-1"}
    one = sessions["s1"]
    names = ("events", "chats", "tool_calls", "tool_errors", "nodes", "edges", "output_tokens")
    assert [one[name] for name in names] == [4, 2, 1, 1, 1, 1, 40]
    # The first chat began 100 ms before its event.
    assert (one["span_s"], one["slots"]) == (3 * 3600 + 0.1, ["naughty"])


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
    [file] = lake.refresh_day(settings, "llm_tool_call", day).files
    assert not lake.refresh_day(settings, "llm_tool_call", day).refreshed
    Path(file.path).write_bytes(b"damaged")
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


def test_days_of_nothing_of_one_event_and_of_what_was_refused(settings: Settings) -> None:
    """What is refused belongs to the day on which JetStream stored it: today."""
    empty, one, today = "2026-11-19", DAY, f"{datetime.now(UTC):%Y-%m-%d}"
    land(settings, event(), Raw("llm.chat.persist", b"not JSON"))
    both = materialize(settings, *FLAT_TABLES, *SUMMARIES, days=(empty, one))
    results = {empty: both, one: both}
    results[today] = materialize(settings, *FLAT_TABLES, *SUMMARIES, day=today)
    for day, result in results.items():
        assert all(check.passed for check in checks_of(result))
        rows = {
            name: metadata_of(result, name, day)["dagster/partition_row_count"]
            for name in ("daily_events", "daily_tool_calls", "daily_quarantine", "session_summary")
        }
        assert (
            list(rows.values())
            == {
                empty: [0, 0, 0, 0],
                one: [1, 1, int(today == one), 1],
                today: [0, 0, 1, 0],
            }[day]
        )
    assert query(
        settings, "SELECT reason, messages, replayed, raw_bytes FROM daily_quarantine"
    ) == [{"reason": "not_json", "messages": 1, "replayed": 0, "raw_bytes": 8}]
    for name in ROLLUPS:
        query(settings, f"SELECT * FROM weekly_{name}")
    [month] = query(settings, "SELECT * FROM monthly_tool_calls")
    assert (month["starts_on"], month["days"], month["calls"]) == (
        datetime(2026, 11, 1).date(), 1, 1,  # noqa: DTZ001
    )  # fmt: skip


def test_a_long_session_across_midnight(settings: Settings, pytestconfig: pytest.Config) -> None:
    count: int = pytestconfig.getoption("--session-events")
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    land(
        settings,
        *(
            event(
                "llm.tool_call",
                {"tool_name": "a", "duration_ms": number % 1000},
                occurred_at=midnight + timedelta(milliseconds=number - count // 2),
            )
            for number in range(count)
        ),
    )
    result = materialize(settings, *FLAT_TABLES, *SUMMARIES, days=("2026-11-19", DAY))
    assert all(check.passed for check in checks_of(result))
    daily = query(settings, "SELECT calls, sessions FROM daily_tool_calls ORDER BY day")
    assert daily == [{"calls": count // 2, "sessions": 1}] * 2
    [week] = query(settings, "SELECT calls, days, duration_p50_ms, duration_p99_ms "
                             "FROM weekly_tool_calls")  # fmt: skip
    assert (week["calls"], week["days"]) == (count, 2)
    assert (week["duration_p50_ms"], week["duration_p99_ms"]) == pytest.approx((499, 989), rel=0.01)


def test_a_materialization_shows_the_day(settings: Settings) -> None:
    """Table, plot, columns with their comments and their lineage, whatever names the data has."""
    land(
        settings,
        *(
            event("llm.tool_call", {"tool_name": name, "duration_ms": 3}, correlation_id=name)
            for name in ("_under", "$x^", "道具", "a\x1b[31m", "long " * 30)
        ),
    )
    few = settings.model_copy(update={"plotted_days": 1})
    result = materialize(few, *FLAT_TABLES, "daily_tool_calls", "daily_events", day=DAY)
    shown = metadata_of(result, "daily_tool_calls", DAY)
    assert shown["bytes"] > 0
    assert len(shown["rows"].records) == 5
    columns = {column.name: column for column in shown["dagster/column_schema"].columns}
    assert columns["calls"].type == "int64"
    assert "failed one of the same session" in columns["retries"].description
    lineage = shown["dagster/column_lineage"].deps_by_column
    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["error_rate"]] == [
        ("llm_tool_call", "is_error")
    ]
    for name in ("daily_tool_calls", "daily_events"):
        [encoded] = re.findall(r"svg\+xml;base64,([^)]+)", metadata_of(result, name, DAY)["plot"])
        svg = base64.b64decode(encoded).decode()
        assert svg.startswith("<svg")
        assert ("$x^" in svg and "道具" in svg) == (name == "daily_tool_calls")
        assert "mathdefault" not in svg
    of_inbox = metadata_of(result, "daily_events", DAY)["dagster/column_lineage"].deps_by_column
    [source] = of_inbox["sessions"]
    assert source.asset_key.to_user_string() == "pipeline_event_inbox_record"
    many = materialize(few, "daily_events", days=("2026-11-19", DAY))
    assert "plot" not in metadata_of(many, "daily_events", DAY)
    assert metadata_of(result, "llm_tool_call", DAY)["bytes"] > 0


def test_a_summary_that_loses_rows_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, event(), event("llm.tool_call", {"tool_name": None}))

    def careless(name: str) -> str:
        wrong = "$day AND tool_name IS NOT NULL"
        text = load_sql(name)
        return text.replace("$day", wrong) if name == "duckdb/daily_tool_calls" else text

    monkeypatch.setattr(summary_sql, "load_sql", careless)
    result = materialize(settings, *FLAT_TABLES, "daily_tool_calls", day=DAY, raise_on_error=False)
    [check] = [each for each in checks_of(result) if each.check_name == "every_row_counted"]
    assert not check.passed
    assert f"{DAY}: counts 1 of 2 rows" in str(check.description)
    assert "sql/duckdb/daily_tool_calls.sql" in str(check.description)
    assert "materialize daily_tool_calls" in str(check.description)
