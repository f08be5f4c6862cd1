"""Sessions through the whole line: published, drained, materialized, summarized, traced."""

import contextlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.postgres.flat import FLAT_TABLES, flatten_day
from model_foundry.settings import Settings
from model_foundry.summaries.day import summarize_day
from model_foundry_tests.foundry import materialize
from model_foundry_tests.integration.test_summaries import land, query
from model_foundry_tests.line import connection_to, event, execute
from model_foundry_tests.sessions import CRITICAL_PATH, PLAN, made_session

DAY = "2026-11-20"
HOSTILE = (
    "</script><script>document.title='owned'</script><!-- \x1b[2J\x1b]0;owned\x07 \u202eevil `x_y`"
)


# What pages, named questions and the report read.
SUMMARIES = (
    "session_summary",
    "session_agreement",
    "daily_cache_misses",
    "daily_lost_output",
    "daily_recipes",
    "daily_slot_throughput",
    "daily_tool_calls",
)


@pytest.fixture
def summarized(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that the command line finds too."""
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())
    monkeypatch.setenv("COLUMNS", "180")
    return settings


def flatten(settings: Settings, *days: str) -> None:
    with contextlib.closing(connection_to(settings)) as connection:
        for day in days:
            for table in FLAT_TABLES:
                flatten_day(connection, table, date.fromisoformat(day), rebuild=False)


def summarize(settings: Settings, *days: str) -> None:
    flatten(settings, *days)
    for day in days:
        for name in SUMMARIES:
            with duckdb.connect(":memory:") as connection:
                summarize_day(settings, connection, name, date.fromisoformat(day))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def traced(correlation_id: str, *arguments: str) -> dict[str, Any]:
    done = run("trace", correlation_id, "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_session_whose_figures_are_known(summarized: Settings, tmp_path: Path) -> None:
    land(summarized, *made_session(), *made_session("hostile", said=HOSTILE))
    names = ("session_summary", "session_agreement")
    materialize(summarized, *FLAT_TABLES, *names, day=DAY)

    [row] = query(summarized, "SELECT * FROM session_summary WHERE correlation_id = 'made'")
    assert row == row | {
        "events": 12, "day_events": 12, "chats": 4, "cut_chats": 0, "tool_calls": 1,
        "tool_errors": 1, "nodes": 5, "node_errors": 1, "edges": 6, "searches": 0, "jobs": 0,
        "input_tokens": 400, "output_tokens": 40, "slots": ["kindergarten", "naughty"],
        "span_s": 13.0, "max_parallel_chats": 2, "max_parallel_nodes": 3,
        "critical_path": CRITICAL_PATH, "critical_path_s": 13.0,
    }  # fmt: skip
    # 2 + 3 + 5 + 2 seconds of chats, over the 1…3, 3…9 and 11…13 in which any ran.
    assert row["mean_parallel_chats"] == pytest.approx(12 / 10)
    assert row["mean_parallel_nodes"] == pytest.approx((13 + 3 + 6) / 13)

    one, two = query(summarized, "SELECT * FROM session_agreement WHERE correlation_id = 'made'")
    assert (one["worker"], one["plan_decisions"], one["told"], one["kept"]) == ("one", 3, 1, 1)
    assert one["kept_decisions"] == ["port = 8080"]
    assert (two["worker"], two["told"], two["kept"], two["kept_share"]) == ("two", 2, 0, 0.0)
    assert two["ignored_decisions"] == ["day = 30", "event_inbox"]
    assert two["differing_settings"] == ["day = 14, the plan: 30"]
    assert (two["introduced_terms"], two["overlap_with_others"]) == (["14", "archive_table"], 0.0)

    found = traced("made")
    same = [name for name in row if not name.endswith(("_at", "_on")) and name != "day"]
    assert [found["summary"][name] for name in same] == [row[name] for name in same]
    nodes = {node["node_id"]: node for node in found["nodes"]}
    assert {name: node["parent"] for name, node in nodes.items()} == {
        "task": None, "orchestrator": "task", "one": "orchestrator", "two": "orchestrator",
        "tool:call-1": "two",
    }  # fmt: skip
    assert [chat["said"] for chat in nodes["orchestrator"]["chats"]] == [PLAN, "Done."]
    assert [len(nodes[name]["chats"]) for name in ("one", "two", "task")] == [1, 1, 0]
    assert [call["error_type"] for call in nodes["tool:call-1"]["tool_calls"]] == ["note_not_found"]
    assert found["chats"] == found["tool_calls"] == []

    shown = run("trace", "made").stdout
    assert "critical path 13.0 s" in shown
    assert "day = 14, the plan: 30" in shown
    assert "▕" in shown

    # Nothing that an event says reaches the terminal or the page as anything but text.
    page = tmp_path / "session.html"
    done = run("trace", "hostile", "--html", str(page))
    assert done.exit_code == 0, done.output
    assert "\x1b]" not in run("trace", "hostile").stdout
    assert "\u202e" not in run("trace", "hostile").stdout
    text = page.read_text()
    assert text.count("<script") == text.count("</script>") == 2
    assert "owned'</script>" not in text


def test_a_session_across_midnight_has_all_of_it_in_its_last_row(summarized: Settings) -> None:
    late = datetime(2026, 11, 20, 23, 59, 55, tzinfo=UTC)
    # The next day's is summarized first: it finds the day before by itself.
    land(summarized, *made_session("night", at=late), event(correlation_id="other"))
    flatten(summarized, DAY)
    summarize(summarized, "2026-11-21")
    summarize(summarized, DAY)
    statement = "SELECT * FROM session_summary WHERE correlation_id = 'night' ORDER BY day"
    first, last = query(summarized, statement)
    assert (first["events"], first["day_events"], first["chats"]) == (4, 4, 1)
    assert (last["events"], last["day_events"], last["chats"]) == (12, 8, 4)
    assert (last["began_on"], last["span_s"]) == (late.date(), 13.0)
    assert (last["critical_path"], last["critical_path_s"]) == (CRITICAL_PATH, 13.0)
    assert query(summarized, "SELECT count(*) AS n FROM session_summary") == [{"n": 3}]
    statement = "SELECT kept_share FROM session_agreement WHERE day = '2026-11-21' ORDER BY worker"
    assert query(summarized, statement) == [{"kept_share": 1.0}, {"kept_share": 0.0}]
    assert traced("night")["days"] == [DAY, "2026-11-21"]


def test_the_same_id_after_a_pause_is_another_session(summarized: Settings) -> None:
    land(
        summarized,
        *made_session("again"),
        event(correlation_id="again", occurred_at="2026-11-23T01:00:00Z"),
    )
    summarize(summarized, DAY, "2026-11-23")
    found = query(summarized, "SELECT events, began_on FROM session_summary ORDER BY day")
    assert [row["events"] for row in found] == [12, 1]
    assert [str(row["began_on"]) for row in found] == [DAY, "2026-11-23"]
    done = run("trace", "again", "--json")
    assert json.loads(done.stdout)["summary"]["events"] == 1
    assert f"used on {DAY} too" in done.stderr
    assert traced("again", "--day", DAY)["summary"]["events"] == 12


def test_a_session_without_lineage_is_a_list(summarized: Settings) -> None:
    events = [raw for raw in made_session() if b"llm.flow.lineage" not in raw.body]
    land(summarized, *events)
    summarize(summarized, DAY)
    shown = run("trace", "made").stdout
    assert "no flow lineage" in shown
    assert shown.count("chat ") == 4
    [row] = query(summarized, "SELECT DISTINCT nodes, critical_path_s FROM session_summary")
    assert row == {"nodes": 0, "critical_path_s": None}


def test_an_unknown_id_is_told_and_recent_ones_are_named(summarized: Settings) -> None:
    done = run("trace", "made")
    assert (done.exit_code, "there is no" in done.stderr) == (1, True)
    land(summarized, *made_session())
    summarize(summarized, DAY)
    done = run("trace", "mad\x1be")
    assert done.exit_code == 1
    assert "nothing is known of correlation_id" in done.stderr
    assert "made  (12 events" in done.stderr
    assert "\x1b" not in done.stderr


def test_trace_is_as_fresh_as_the_flat_tables_and_remembers_what_postgres_dropped(
    summarized: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(summarized, *made_session())
    summarize(summarized, DAY)
    land(summarized, event("llm.tool_call", correlation_id="made"))
    flatten(summarized, DAY)
    assert traced("made")["summary"]["tool_calls"] == 2
    for table in (*FLAT_TABLES, "flat_day", "event_inbox"):
        execute(summarized, f"DELETE FROM {table}")
    assert traced("made")["summary"]["tool_calls"] == 2
    monkeypatch.delenv("MODEL_FOUNDRY_POSTGRES_URL")
    done = run("trace", "made", "--json")
    assert json.loads(done.stdout)["summary"]["tool_calls"] == 2
    assert "as the lake has it" in done.stderr
