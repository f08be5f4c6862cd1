"""From `event_inbox` to the flat tables: columns, days, rebuild and append, the blocking check."""

import asyncio
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from model_foundry.defs.flat_tables import CHECK
from model_foundry.intake.drain import drain
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry_tests.foundry import checks_of, materialize, metadata_of, undescribed
from model_foundry_tests.line import NOON, connection_to, event, execute, publish, rows, value

DAY = "2026-11-20"
APPEND = {table: {"config": {"mode": "append"}} for table in flat.FLAT_TABLES}


def accounted(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    """The check of the day against its inbox."""
    [check] = [check for check in checks_of(result) if check.check_name == CHECK]
    return check


def land(settings: Settings, *events: Any) -> None:
    publish(settings, events)
    asyncio.run(drain(settings))


def test_a_chat_becomes_a_row_of_typed_columns(settings: Settings) -> None:
    payload = {
        "session_id": "s",
        "slot": "naughty",
        "role": "worker",
        "model": "gemma-4-31b-it",
        "provider": "vllm",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url"}]},
        ],
        "response": {
            "content": "Hi.",
            "reasoning": "A greeting.",
            "tool_calls": [{"id": "t1"}],
            "finish_reason": "stop",
        },
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "cached_tokens": 4},
        "timings": {
            "ttft_ms": 80.5,
            "duration_ms": 120,
            "prompt_per_second": 150.0,
            "predicted_per_second": 30.25,
        },
        "parameters": {"temperature": 0.2, "max_tokens": 64},
        "tools": [{"type": "function"}],
    }
    land(settings, event("llm.chat.persist", payload, event_id="c1", causation_id="c0"))
    result = materialize(settings, "llm_chat", day=DAY)
    [row] = rows(settings, "SELECT * FROM llm_chat")
    expected = {
        "event_id": "c1",
        "correlation_id": "session-1",
        "causation_id": "c0",
        "occurred_at": NOON,
        "occurred_on": date(2026, 11, 20),
        "conversation_id": "s",
        "slot": "naughty",
        "role": "worker",
        "provider_name": "vllm",
        "request_model": "gemma-4-31b-it",
        "message_count": 2,
        "user_text": "Hello",
        "response_text": "Hi.",
        "reasoning_text": "A greeting.",
        "tool_call_count": 1,
        "finish_reason": "stop",
        "input_tokens": 12,
        "output_tokens": 3,
        "cached_tokens": 4,
        "ttft_ms": 80.5,
        "total_ms": 120.0,
        "pp_tokens_per_s": 150.0,
        "tg_tokens_per_s": 30.25,
        "temperature": 0.2,
        "max_tokens": 64,
        "tools": [{"type": "function"}],
    }
    assert {name: row[name] for name in expected} == expected
    shown = metadata_of(result, "llm_chat", DAY)
    assert shown["dagster/partition_row_count"] == 1
    assert shown["rows"].records[0].data["event_id"] == "c1"
    assert {column.name: column.type for column in shown["rows"].schema.columns}[
        "input_tokens"
    ] == "bigint"


def test_an_openai_pair_fills_the_same_columns(settings: Settings) -> None:
    payload = {
        "request": {
            "model": "m",
            "temperature": 0.5,
            "messages": [{"role": "user", "content": "Hello"}],
        },
        "response": {
            "model": "m-1",
            "choices": [
                {
                    "message": {"content": "Hi.", "reasoning_content": "Hm."},
                    "finish_reason": "length",
                }
            ],
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
        },
    }
    land(settings, event("llm.chat.persist", payload))
    materialize(settings, "llm_chat", day=DAY)
    [row] = rows(settings, "SELECT * FROM llm_chat")
    names = ("user_text", "response_text", "reasoning_text", "finish_reason", "request_model")
    assert [row[name] for name in names] == ["Hello", "Hi.", "Hm.", "length", "m"]
    counts = ("response_model", "input_tokens", "output_tokens", "cached_tokens", "temperature")
    assert [row[name] for name in counts] == ["m-1", 5, 2, 1, 0.5]


def test_tool_calls_flow_and_search(settings: Settings) -> None:
    land(
        settings,
        event("llm.tool_call", {
            "tool_call_id": "t1", "tool_name": "search", "arguments": '{"query": "x"}',
            "result": ["a"], "is_error": True, "error_type": "NotFound", "duration_ms": 3.5,
        }),
        event("llm.flow.lineage", {
            "nodes": [{"node_id": "a", "node_type": "worker"}, {"node_id": "b"}],
            "edges": [{"source": "a", "target": "b", "edge_type": "calls"}],
        }),
        event("llm.flow.lineage", {
            "kind": "node", "node_id": "c", "started_at": "2026-11-20T10:00:00+09:00",
        }),
        event("llm.flow.lineage", {"kind": "edge", "edge_id": "e", "source": "b", "target": "c"}),
        event("obsidian.semantic_search", {
            "query": "gpu", "top_k": 2, "duration_ms": 1.5,
            "results": [{"path": "a.md", "score": 0.9}, {"path": "b.md", "score": 0.5}],
        }),
    )  # fmt: skip
    materialize(settings, *flat.FLAT_TABLES, day=DAY)
    [call] = rows(settings, "SELECT * FROM llm_tool_call")
    assert (call["arguments"], call["result"]) == ({"query": "x"}, ["a"])
    assert (call["is_error"], call["error_type"], call["duration_ms"]) == (True, "NotFound", 3.5)
    nodes = {row["node_id"]: row for row in rows(settings, "SELECT * FROM llm_flow_node")}
    assert nodes.keys() == {"a", "b", "c"}
    assert nodes["a"]["node_type"] == "worker"
    assert nodes["c"]["started_at"] == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    edges = rows(settings, "SELECT source_node_id, target_node_id, edge_id FROM llm_flow_edge")
    ends = {(edge["source_node_id"], edge["target_node_id"]) for edge in edges}
    assert ends == {("a", "b"), ("b", "c")}
    [search] = rows(settings, "SELECT * FROM obsidian_semantic_search")
    assert (search["result_count"], search["top_score"], search["mean_score"]) == (2, 0.9, 0.7)


@pytest.mark.parametrize("bad", [None, 5, "text", [], {"messages": "no", "usage": [], "tools": 1}, {
    "usage": {"prompt_tokens": 2**70, "completion_tokens": "many"},
    "timings": {"duration_ms": 1e308, "ttft_ms": "fast"},
    "response": {"content": {"not": "text"}, "tool_calls": {"no": "list"}},
}])  # fmt: skip
def test_a_payload_of_the_wrong_shape_is_a_row_with_nulls(settings: Settings, bad: Any) -> None:
    subjects = ("llm.chat.persist", "llm.tool_call", "llm.flow.lineage", "obsidian.semantic_search")
    land(settings, *(event(subject, {} if bad is None else bad) for subject in subjects))
    result = materialize(settings, *flat.FLAT_TABLES, day=DAY)
    checks = [check for check in checks_of(result) if check.check_name != "shapes_known"]
    assert all(check.passed for check in checks)
    [chat] = rows(settings, "SELECT * FROM llm_chat")
    said = 1 if isinstance(bad, dict) and "messages" in bad else 0  # a text is a user's message
    assert (chat["input_tokens"], chat["total_ms"], chat["message_count"]) == (None, None, said)


def test_a_range_rebuilds_exactly_its_days(settings: Settings) -> None:
    days = [f"2026-11-{number}" for number in (17, 18, 19, 20)]
    land(
        settings,
        *(
            event("llm.chat.persist", {"session_id": day}, occurred_at=f"{day}T10:00:00Z")
            for day in days
            for _ in range(3)
        ),
    )
    materialize(settings, "llm_chat", days=(days[0], days[-1]))
    versions = "SELECT event_id, occurred_on::text AS day, xmin::text AS xmin FROM llm_chat"
    contents = "SELECT * FROM llm_chat ORDER BY event_id"
    before, same = rows(settings, versions), rows(settings, contents)
    result = materialize(settings, "llm_chat", "daily_events", days=(days[1], days[2]))
    assert rows(settings, contents) == same
    after = {row["event_id"]: row for row in rows(settings, versions)}
    for row in before:
        rebuilt = row["day"] in days[1:3]
        assert (after[row["event_id"]]["xmin"] != row["xmin"]) == rebuilt
    assert [
        metadata_of(result, "daily_events", day)["dagster/partition_row_count"] for day in days[1:3]
    ] == [
        1,
        1,
    ]


def test_an_empty_day_says_so(settings: Settings) -> None:
    result = materialize(settings, *flat.FLAT_TABLES, "daily_events", "session_summary", day=DAY)
    for name in ("llm_chat", "daily_events", "session_summary"):
        shown = metadata_of(result, name, DAY)
        assert (shown["status"], shown["dagster/partition_row_count"]) == ("empty", 0)
    for name in flat.FLAT_TABLES:
        assert undescribed(metadata_of(result, name, DAY)) == []


def test_append_adds_only_what_is_new(settings: Settings) -> None:
    land(settings, event(event_id="one"))
    materialize(settings, "llm_tool_call", day=DAY)
    land(settings, event(event_id="two"))
    xmin = "SELECT xmin::text FROM llm_tool_call WHERE event_id = 'one'"
    before = value(settings, xmin)
    config = {"ops": {"llm_tool_call": APPEND["llm_tool_call"]}}
    shown = metadata_of(
        materialize(settings, "llm_tool_call", day=DAY, config=config), "llm_tool_call", DAY
    )
    assert (shown["rows_written"], shown["dagster/partition_row_count"], shown["batches"]) == (
        1,
        2,
        1,
    )
    assert value(settings, xmin) == before


def test_the_check_names_what_is_missing_and_blocks(settings: Settings) -> None:
    land(settings, event(event_id="kept"), event(event_id="lost"))
    materialize(settings, "llm_tool_call", day=DAY)
    execute(settings, "DELETE FROM llm_tool_call WHERE event_id = 'lost'")
    config = {"ops": {"llm_tool_call": APPEND["llm_tool_call"]}}
    result = materialize(
        settings, "llm_tool_call", "daily_tool_calls", day=DAY, config=config, raise_on_error=False
    )
    check = accounted(result)
    assert not check.passed
    assert "1 events missing" in str(check.description)
    assert "lost" in str(check.description)
    assert not result.success
    assert not result.asset_materializations_for_node("daily_tool_calls")


def test_each_day_has_a_check_of_its_own(settings: Settings) -> None:
    before = "2026-11-19"
    land(
        settings,
        event(event_id="lost", occurred_at=NOON - timedelta(days=1)),
        event(event_id="kept"),
    )
    materialize(settings, "llm_tool_call", days=(before, DAY))
    execute(settings, "DELETE FROM llm_tool_call WHERE event_id = 'lost'")
    config = {"ops": {"llm_tool_call": APPEND["llm_tool_call"]}}
    both = materialize(
        settings, "llm_tool_call", days=(before, DAY), config=config, raise_on_error=False
    )
    checks = {check.partition: check for check in checks_of(both) if check.check_name == CHECK}
    assert {day: check.passed for day, check in checks.items()} == {
        before: False, DAY: True, None: False,
    }  # fmt: skip
    assert "1 events missing" in str(checks[before].description)
    assert checks[DAY].description is None
    one = accounted(materialize(settings, "llm_tool_call", day=DAY))
    assert (one.partition, one.passed) == (DAY, True)


def test_drains_and_flattening_racing_agree_to_the_row(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    rounds: int = request.config.getoption("--race-rounds")
    drains, day = 2, date.fromisoformat(DAY)
    small = settings.model_copy(update={"intake_batch_messages": 7})
    for _ in range(rounds):
        publish(settings, [event() for _ in range(60)])
        started = threading.Barrier(drains + 1)

        def drain_once(barrier: threading.Barrier = started) -> None:
            barrier.wait()
            asyncio.run(drain(small))

        workers = [threading.Thread(target=drain_once) for _ in range(drains)]
        for worker in workers:
            worker.start()
        started.wait()
        with connection_to(settings) as connection:
            while any(worker.is_alive() for worker in workers):
                flat.flatten_day(connection, "llm_tool_call", day, rebuild=False)
            flat.flatten_day(connection, "llm_tool_call", day, rebuild=False)
            assert flat.account(connection, "llm_tool_call", day).agrees
        for worker in workers:
            worker.join()
        behind = "SELECT event_id FROM event_inbox EXCEPT SELECT event_id FROM llm_tool_call"
        assert not rows(settings, behind)
    assert value(settings, "SELECT count(*) FROM llm_tool_call") == rounds * 60
