"""The events that familiar publishes: payloads in the documented shape, envelopes that are read."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from model_foundry.devstack.familiar import payloads, publish, tools
from model_foundry.devstack.familiar.publish import (
    FAMILIAR,
    GATEWAY,
    OLDER_FAMILIAR,
    SEARCH_SERVICE,
    Envelope,
    Producer,
    uuid7,
)
from model_foundry.devstack.familiar.session import WORKERS
from model_foundry.devstack.familiar.slots import Exchange
from model_foundry.devstack.familiar.vault import Vault
from model_foundry.events.envelope import Event, Message, Rules, read_event
from model_foundry.events.subjects import CHAT, FLOW, OLD_NAMES, SEARCH, TOOL_CALL
from model_foundry.fleet.file import Slot

NOW = datetime(2026, 11, 20, 9, 30, 0, 123456, tzinfo=UTC)
SLOT = Slot(
    name="naughty",
    roles=("worker",),
    runtime="llama.cpp",
    endpoint="http://127.0.0.1:9",
    model="smollm2-135m-instruct",
    licence="Apache-2.0",
    parallel=3,
    context_tokens=4096,
)
CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "search_notes", "arguments": '{"query": "fans", "top_k": 2}'},
}
USER = {"role": "user", "content": "Look up the fans."}


def exchange(**answer: Any) -> Exchange:
    message = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    whole = {
        "model": "smollm2-135m-instruct",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
        "usage": {
            "prompt_tokens": 120,
            "completion_tokens": 24,
            "prompt_tokens_details": {"cached_tokens": 100},
        },
        "timings": {
            "cache_n": 100,
            "prompt_n": 20,
            "prompt_ms": 125.0,
            "prompt_per_second": 160.0,
            "predicted_n": 24,
            "predicted_ms": 320.0,
            "predicted_per_second": 75.0,
        },
    }
    body = {
        "messages": [USER],
        "tools": [tools.definition("search_notes")],
        "tool_choice": "required",
        "temperature": 0.2,
        "max_tokens": 48,
    }
    return Exchange(SLOT, "worker", [USER], body, whole | answer, 460.0)


def test_a_chat_in_full() -> None:
    payload = payloads.chat(exchange(), session_id="s1")
    assert payload == {
        "session_id": "s1",
        "slot": "naughty",
        "role": "worker",
        "model": "smollm2-135m-instruct",
        "provider": "llama.cpp",
        "messages": [USER],
        "response": {
            "content": "",
            "tool_calls": [CALL],
            "finish_reason": "tool_calls",
            "model": "smollm2-135m-instruct",
        },
        "usage": {"prompt_tokens": 120, "completion_tokens": 24, "cached_tokens": 100},
        "timings": {
            "ttft_ms": 125.0,
            "duration_ms": 460.0,
            "prompt_per_second": 160.0,
            "predicted_per_second": 75.0,
        },
        "parameters": {"tool_choice": "required", "temperature": 0.2, "max_tokens": 48},
        "tools": [tools.definition("search_notes")],
    }


def test_a_completion_says_what_it_was_made_from() -> None:
    body = {"prompt": "Japanese: 熱\nEnglish:", "max_tokens": 8}
    answer = {"choices": [{"text": " Heat", "finish_reason": "stop"}], "model": "gemma-3-270m"}
    said = [{"role": "user", "content": "熱"}]
    payload = payloads.chat(Exchange(SLOT, "translator", said, body, answer, 90.0), session_id="s1")
    assert payload["messages"] == said
    assert payload["response"]["content"] == "Heat"
    assert payload["parameters"] == body
    assert "tools" not in payload


def test_figures_that_a_server_does_not_give_are_absent() -> None:
    payload = payloads.chat(exchange(usage=None, timings=None), session_id="s1")
    assert payload["usage"] == {}
    assert payload["timings"] == {"duration_ms": 460.0}


def test_reasoning_is_kept() -> None:
    message = {"role": "assistant", "content": "Yes.", "reasoning": "Because."}
    answered = exchange(choices=[{"finish_reason": "stop", "message": message}])
    response = payloads.chat(answered, session_id="s1")["response"]
    assert (response["content"], response["reasoning_content"]) == ("Yes.", "Because.")


def test_a_tool_call_in_full() -> None:
    outcome = tools.call(Vault({"a.md": "# A\n\nfans"}), CALL)
    payload = payloads.tool_call(outcome, exchange(), chat_event_id="e1")
    assert payload.pop("duration_ms") == outcome.duration_ms > 0
    assert payload == {
        "tool_call_id": "call-1",
        "tool_name": "search_notes",
        "arguments": {"query": "fans", "top_k": 2},
        "result": {"notes": [{"path": "a.md", "text": "fans"}]},
        "is_error": False,
        "slot": "naughty",
        "model": "smollm2-135m-instruct",
        "chat_event_id": "e1",
    }


def test_a_tool_call_that_failed() -> None:
    call = CALL | {"function": {"name": "read_note", "arguments": '{"path": "b.md"}'}}
    outcome = tools.call(Vault({"a.md": "# A\n\nfans"}), call)
    payload = payloads.tool_call(outcome, exchange(), chat_event_id="e1")
    assert payload["is_error"] is True
    assert payload["error_type"] == "note_not_found"
    assert payload["result"] == {"error": "there is no note b.md"}


def test_a_search_in_full() -> None:
    found = Vault({"a.md": "# A\n\nfans"}).search("fans", 2)
    assert payloads.search("fans", 2, found) == {
        "query": "fans",
        "vault": "homelab",
        "top_k": 2,
        "embedding_model": "bm25",
        "results": [{"path": "a.md", "score": found.hits[0].score, "chunk": "fans"}],
        "duration_ms": found.duration_ms,
    }


def test_nodes_and_edges() -> None:
    assert payloads.node("worker-1", "worker", status="waiting") == {
        "node_id": "worker-1",
        "node_type": "worker",
        "status": "waiting",
    }
    node = payloads.node("t", "tool", status="done", name="read_note", slot="s", ended_at=NOW)
    assert (node["name"], node["slot"]) == ("read_note", "s")
    assert node["ended_at"] == "2026-11-20T09:30:00.123Z"
    edge = payloads.edge("a", "b", "calls", occurred_at=NOW)
    assert (edge["source"], edge["target"], edge["edge_type"]) == ("a", "b", "calls")
    assert edge["occurred_at"] == "2026-11-20T09:30:00.123Z"
    assert edge["edge_id"] != payloads.edge("a", "b", "writes", occurred_at=NOW)["edge_id"]


def test_uuid7_is_one_and_sorts_by_time() -> None:
    before = time.time_ns() // 1_000_000
    identifiers = [uuid.UUID(uuid7()) for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert {identifier.version for identifier in identifiers} == {7}
    assert {identifier.variant for identifier in identifiers} == {uuid.RFC_4122}
    assert all(before <= identifier.int >> 80 <= after for identifier in identifiers)
    assert len(set(identifiers)) == 1_000


def test_who_publishes_under_which_name() -> None:
    subjects = (CHAT, TOOL_CALL, FLOW, SEARCH)
    for producer in (FAMILIAR, GATEWAY):
        assert tuple(map(producer.subject, subjects)) == subjects
    for producer in (OLDER_FAMILIAR, SEARCH_SERVICE):
        published = tuple(map(producer.subject, subjects))
        assert not set(published) & set(subjects)
        assert tuple(OLD_NAMES[name] for name in published) == subjects
    assert SEARCH_SERVICE.subject(SEARCH) == "knowledge.embedding"
    assert [(w.chats.subject(CHAT), w.calls.subject(TOOL_CALL)) for w in WORKERS] == [
        ("llm.chat.persist", "llm.tool_call"),
        ("knowledge.chat.persist", "knowledge.tool_call"),
        ("llm.chat.persist", "llm.tool_call"),
    ]
    assert [worker.calls.cloudevents for worker in WORKERS] == [False, False, True]


def read(envelope: Envelope) -> Event:
    message = Message(envelope.subject, envelope.body(), None, "S", 1, NOW)
    return read_event(message, Rules(max_bytes=100_000))


@pytest.mark.parametrize("producer", [FAMILIAR, OLDER_FAMILIAR, GATEWAY])
def test_an_envelope_is_read_as_it_was_meant(producer: Producer) -> None:
    envelope = Envelope(
        producer=producer,
        subject=producer.subject(TOOL_CALL),
        own_id="e1",
        correlation_id="c1",
        causation_id="e0",
        occurred_at=NOW,
        payload={"tool_name": "検索"},
    )
    event = read(envelope)
    assert event.event_id == envelope.event_id
    assert event.subject == TOOL_CALL
    assert event.published_subject == envelope.subject
    assert event.source == producer.source
    assert (event.correlation_id, event.causation_id) == ("c1", "e0")
    assert event.occurred_at == NOW.replace(microsecond=123_000)
    assert json.loads(event.payload) == {"tool_name": "検索"}


def test_the_first_event_of_a_session_has_no_cause() -> None:
    envelope = Envelope(FAMILIAR, FLOW, "e1", "c1", None, NOW, {})
    assert read(envelope).causation_id is None
    assert "causation_id" not in json.loads(envelope.body())


def test_an_older_producer_says_the_old_name_inside_too() -> None:
    envelope = Envelope(OLDER_FAMILIAR, "knowledge.chat.persist", "e1", "c1", None, NOW, {})
    assert json.loads(envelope.body())["subject"] == "knowledge.chat.persist"


def test_a_cloudevent_is_known_by_source_and_id() -> None:
    envelope = Envelope(GATEWAY, TOOL_CALL, "e1", "c1", "e0", NOW, {})
    assert envelope.event_id == "agent-gateway#e1"
    assert json.loads(envelope.body())["id"] == "e1"
    assert publish.GATEWAY.source == "agent-gateway"
