"""What summaries and `trace` make of rows: one very large session, and owners that must be told."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_foundry.sessions.graph import Session, build
from model_foundry.sessions.owners import Mention, Place, Span, owners
from model_foundry.summaries.compute import shipped, summary_of
from model_foundry.summaries.session import TABLES

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NODES = 49_000

_COMMON = "'big' AS correlation_id, date '2026-11-20' AS occurred_on"
_MOMENT = f"timestamptz '{NOON}' AS occurred_at"
_BIG = {
    "llm_flow_node": f"SELECT 'e' || i AS event_id, 1 AS item_no, {_COMMON}, {_MOMENT}, "
    "'n' || i AS node_id, 'tool' AS node_type, 'x' AS node_name, 's' AS slot, "
    "'m' AS request_model, 'done' AS status, "
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
    "llm_tool_call": f"SELECT {_COMMON}, {_MOMENT}, false AS is_error, "
    "1.0::DOUBLE AS duration_ms LIMIT 0",
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


Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def small() -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables of what a session is summarized from."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, rows in _BIG.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM ({rows}) LIMIT 0")
        yield connection


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def summarized(connection: duckdb.DuckDBPyConnection, tables: Rows) -> dict[str, Any]:
    """The row of the one session that has these rows, with NULL in columns that are not given."""
    for name in _BIG:
        connection.execute(f"DELETE FROM {name}")
        for row in tables.get(name, []):
            whole = {"correlation_id": "big", "occurred_on": DAY, **row}
            columns, marks = ", ".join(whole), ", ".join("?" * len(whole))
            connection.execute(
                f"INSERT INTO {name} ({columns}) VALUES ({marks})", list(whole.values())
            )
    found: list[dict[str, Any]]
    found = summary_of(connection, shipped("session_summary"), DAY, DAY).to_pylist()
    [only] = found
    return only


def test_what_nobody_said_is_unknown_and_a_failed_chat_is_no_answer(
    small: duckdb.DuckDBPyConnection,
) -> None:
    """It used to be 9,223,372,036,854,775,807 tokens."""
    silent = {"event_id": "a", "occurred_at": NOON, "finish_reason": "stop"}
    failed = {"event_id": "b", "occurred_at": NOON, "status": "error", "error_kind": "timeout"}
    told = {"event_inbox": [{"event_id": "a", "occurred_at": NOON}]}
    row = summarized(small, told | {"llm_chat": [silent, failed]})
    assert (row["chats"], row["failed_chats"]) == (2, 1)
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)
    assert row["max_parallel_chats"] is None


def test_a_session_begins_with_what_led_to_its_first_event(
    small: duckdb.DuckDBPyConnection,
) -> None:
    told = [{"event_id": "a", "occurred_at": at(0)}, {"event_id": "b", "occurred_at": at(4)}]
    long = {"event_id": "a", "occurred_at": at(0), "total_ms": 30_000.0}
    row = summarized(small, {"event_inbox": told, "llm_chat": [long]})
    assert (row["span_s"], row["started_at"], row["ended_at"]) == (34.0, at(-30), at(4))
    call = {"occurred_at": at(0), "duration_ms": 5_000.0}
    row = summarized(small, {"event_inbox": told, "llm_tool_call": [call]})
    assert row["span_s"] == 9.0
    # What cannot be believed has no such time.
    row = summarized(small, {"event_inbox": told, "llm_chat": [long | {"total_ms": 1e12}]})
    assert row["span_s"] == 4.0


def test_chats_that_overlap_by_rounding_run_one_after_the_other(
    small: duckdb.DuckDBPyConnection,
) -> None:
    told = {"event_inbox": [{"event_id": "a", "occurred_at": NOON}]}

    def row_of(*chats: tuple[float, float]) -> dict[str, Any]:
        rows = [
            {"event_id": f"{number}", "occurred_at": at(end), "total_ms": 1000 * (end - start)}
            for number, (start, end) in enumerate(chats)
        ]
        return summarized(small, told | {"llm_chat": rows})

    one = row_of((0, 1), (0.996, 2), (1.999, 3))
    assert (one["max_parallel_chats"], one["mean_parallel_chats"]) == (1, 1.0)
    two = row_of((0, 1), (0.5, 2))
    assert (two["max_parallel_chats"], two["mean_parallel_chats"]) == (2, 1.25)
    short = row_of((0, 0.004), (0, 0.004))  # both are no longer than what is ignored
    assert short["max_parallel_chats"] == 2


def node(node_id: str, told: float, status: str, **times: float) -> dict[str, Any]:
    return {
        "event_id": f"{node_id}-{told}-{status}",
        "item_no": 1,
        "occurred_at": at(told),
        "node_id": node_id,
        "status": status,
        **{name: at(time) for name, time in times.items()},
    }


def edge(source: str, target: str) -> dict[str, Any]:
    return {
        "event_id": f"{source}-{target}", "occurred_at": NOON,
        "source_node_id": source, "target_node_id": target, "edge_type": "starts",
    }  # fmt: skip


def test_a_node_that_runs_twice_is_not_at_work_in_between(
    small: duckdb.DuckDBPyConnection,
) -> None:
    """A planner at 0 to 2 and 9 to 10 s, a worker at 2 to 4 and 6 to 9 s, nobody at 4 to 6 s."""
    nodes = [
        node("planner", 0, "running", started_at=0),
        node("planner", 2, "done", started_at=0, ended_at=2),
        node("worker", 2, "running"),
        node("worker", 4, "done"),
        node("worker", 6, "running", started_at=6),
        node("worker", 7, "running", started_at=6),
        node("worker", 9, "done", ended_at=9),
        node("planner", 10, "done", started_at=9, ended_at=10),
    ]
    tables: Rows = {
        "event_inbox": [{"event_id": "a", "occurred_at": at(0)},
                        {"event_id": "b", "occurred_at": at(10)}],
        "llm_flow_node": nodes,
        "llm_flow_edge": [edge("planner", "worker"), edge("worker", "planner")],
    }  # fmt: skip
    row = summarized(small, tables)
    assert (row["nodes"], row["node_runs"], row["span_s"]) == (2, 4, 10.0)
    assert (row["max_parallel_nodes"], row["mean_parallel_nodes"]) == (1, 1.0)
    # planner 0 … 2, worker 6 … 9 (that the planner brought about), planner 9 … 10
    assert (row["critical_path_s"], row["critical_path"]) == (6.0, ["planner", "worker", "planner"])
    session = traced(small, row)
    assert [(run.started_at, run.ended_at) for run in session.nodes[1].runs] == [
        (at(2), at(4)), (at(6), at(9)),
    ]  # fmt: skip
    assert session.nodes[1].duration_s == 5.0


def traced(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> Session:
    tables = {name: connection.table(name).to_arrow_table().to_pylist() for name in TABLES}
    return build("big", [DAY], row, [], tables)


_second = st.integers(0, 4)
_name = st.sampled_from("abcd")
_nodes = st.lists(
    st.builds(
        lambda node_id, told, status, number, times: (
            node(node_id, told, status, **{key: t for key, t in times.items() if t is not None})
            | {"event_id": f"e{number}"}
        ),
        _name,
        _second,
        st.sampled_from(["waiting", "running", "done", "error"]),
        st.integers(0, 2),
        st.fixed_dictionaries({"started_at": st.none() | _second, "ended_at": st.none() | _second}),
    ),
    min_size=1,
    max_size=14,
).map(lambda rows: [row | {"item_no": number} for number, row in enumerate(rows)])


@given(nodes=_nodes, edges=st.lists(st.tuples(_name, _name), max_size=6))
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_summary_and_trace_agree_whatever_happens_at_once(
    small: duckdb.DuckDBPyConnection,
    nodes: list[dict[str, Any]],
    edges: list[tuple[str, str]],
) -> None:
    tables: Rows = {
        "event_inbox": [{"event_id": "a", "occurred_at": NOON}],
        "llm_flow_node": nodes,
        "llm_flow_edge": [edge(*ends) for ends in edges],
    }
    row = summarized(small, tables)
    session = traced(small, row)
    path = [key for key, _ in groupby(stay.node_id for stay in session.critical_path)]
    assert path == [key for key, _ in groupby(row["critical_path"])]
    length_s = sum((s.ended_at - s.started_at).total_seconds() for s in session.critical_path)
    assert row["critical_path_s"] == pytest.approx(length_s)
    assert row["critical_path_s"] <= row["span_s"]
    assert row["node_runs"] == sum(len(each.runs) for each in session.nodes)
    assert row["node_errors"] == sum(each.status == "error" for each in session.nodes)


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
