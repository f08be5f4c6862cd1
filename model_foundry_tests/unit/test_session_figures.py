"""What summaries and `trace` make of rows: one very large session, and owners that must be told."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from model_foundry.sessions.graph import build
from model_foundry.sessions.owners import Mention, Place, Span, owners
from model_foundry.store.session import TABLES
from model_foundry.store.summary_sql import shipped, summary_of

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NODES = 49_000

_COMMON = "'big' AS correlation_id, date '2026-11-20' AS occurred_on"
_MOMENT = f"timestamptz '{NOON}' AS occurred_at"
_BIG = {
    "llm_flow_node": f"SELECT 'e' || i AS event_id, 1 AS item_no, {_COMMON}, {_MOMENT}, 'n' || i AS node_id, "
    "'tool' AS node_type, 'x' AS node_name, 's' AS slot, 'm' AS request_model, 'done' AS status, "
    "to_timestamp(1763640000 + i % 100) AS started_at, to_timestamp(1763640001 + i % 100) "
    f"AS ended_at FROM range({NODES}) AS numbers (i)",
    "llm_flow_edge": f"SELECT 'f' || (i // 49) AS event_id, {_COMMON}, {_MOMENT}, "
    "'n' || (i // 2) AS source_node_id, 'n' || (i + 1) AS target_node_id, 'calls' AS edge_type "
    f"FROM range({NODES - 1}) AS numbers (i)",
    "event_inbox": f"SELECT 'e' || i AS event_id, {_COMMON}, {_MOMENT}, NULL::VARCHAR "
    "AS causation_id FROM range(50_000) AS numbers (i)",
    "llm_chat": f"SELECT {_COMMON}, {_MOMENT}, 'c' AS event_id, NULL::VARCHAR AS causation_id, "
    "'a' AS role, 's' AS slot, 'stop' AS finish_reason, 1::BIGINT AS input_tokens, 1::BIGINT AS "
    "output_tokens, 1.0::DOUBLE AS total_ms, '[]' AS messages, '' AS response_text, "
    "NULL::VARCHAR AS tool_calls, 0 AS choice_no, NULL::VARCHAR AS status, NULL::VARCHAR "
    "AS error_kind LIMIT 0",
    "llm_tool_call": f"SELECT {_COMMON}, {_MOMENT}, false AS is_error, 1.0::DOUBLE AS duration_ms LIMIT 0",
    "obsidian_semantic_search": f"SELECT {_COMMON}, {_MOMENT}, 1.0::DOUBLE AS duration_ms LIMIT 0",
    "inference_result": f"SELECT {_COMMON}, 'ok' AS status LIMIT 0",
}


@pytest.fixture
def big(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """One session of 50,000 events as the lake holds it: views over Parquet, without statistics
    that would lead the planner."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, rows in _BIG.items():
            file = str(tmp_path / f"{name}.parquet")
            connection.sql(rows).write_parquet(file)
            connection.read_parquet([file]).create_view(name)
        yield connection


def test_fifty_thousand_events_of_one_session(big: duckdb.DuckDBPyConnection) -> None:
    began = time.process_time()
    [row] = summary_of(big, shipped("session_summary"), DAY, DAY).to_pylist()
    assert time.process_time() - began < 20  # minutes, where each node meets all others
    assert (row["events"], row["nodes"], row["edges"]) == (50_000, NODES, NODES - 1)
    assert row["max_parallel_nodes"] == NODES // 100
    tables = {name: big.table(name).to_arrow_table().to_pylist() for name in TABLES}
    began = time.process_time()
    session = build("big", [DAY], row, [], tables)
    assert time.process_time() - began < 20
    assert len(session.nodes) == NODES
    assert sum(len(children) for children in session.children().values()) == NODES
    assert [stay.node_id for stay in session.critical_path] == row["critical_path"]


def test_chats_that_touch_do_not_run_at_once(big: duckdb.DuckDBPyConnection) -> None:
    """Durations finer than the microseconds of an event's time do not make them overlap."""
    big.execute(
        "CREATE OR REPLACE VIEW llm_chat AS SELECT * REPLACE (333.3337 AS total_ms, "
        f"timestamptz '{NOON}' + interval '333333 microseconds' * i AS occurred_at) "
        f"FROM ({_BIG['llm_chat'].removesuffix(' LIMIT 0')}), range(100) AS numbers (i)"
    )
    [row] = summary_of(big, shipped("session_summary"), DAY, DAY).to_pylist()
    assert (row["chats"], row["max_parallel_chats"]) == (100, 1)


def place(cause: str | None, role: str | None = "worker", slot: str | None = "s") -> Place:
    return Place("chat", cause, role, slot, NOON)


def test_the_nearest_cause_that_speaks_of_one_fitting_node_owns_a_chat() -> None:
    causes = {"tool": "earlier", "earlier": "begun", "begun": None, "round": "round"}
    mentions = {
        "earlier": [Mention("one", "worker", "s"), Mention("report", "message", None)],
        "begun": [Mention("boss", "orchestrator", None), Mention("task", "message", None)],
        "both": [Mention("one", "worker", "s"), Mention("two", "worker", "t")],
    }
    assert owners([place("tool")], causes, mentions, []) == {"chat": "one"}
    assert owners([place("tool", "orchestrator")], causes, mentions, []) == {"chat": "boss"}
    assert owners([place("both", slot="t")], causes, mentions, []) == {"chat": "two"}
    assert owners([place("both", slot="u")], causes, mentions, []) == {}
    assert owners([place("round")], causes, mentions, []) == {}


def test_without_a_cause_the_one_node_that_ran_owns_a_chat() -> None:
    hour = timedelta(hours=1)
    one = Span("one", "worker", "s", NOON - hour, NOON + hour)
    two = Span("two", "worker", "t", NOON - hour, NOON + hour)
    later = Span("later", "worker", "s", NOON + hour, NOON + 2 * hour)
    assert owners([place(None)], {}, {}, [one, later]) == {"chat": "one"}
    assert owners([place(None)], {}, {}, [one, two]) == {"chat": "one"}
    assert owners([place(None, slot=None)], {}, {}, [one, two]) == {}
    assert owners([place(None, role=None, slot="t")], {}, {}, [one, two]) == {"chat": "two"}
