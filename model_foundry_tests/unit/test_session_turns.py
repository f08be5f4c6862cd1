"""In which order what happened in a session is told: chats, the calls they made, searches."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model_foundry.sessions.graph import Session, build

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
# What happened, its second, and which chat made it.
Told = tuple[str, float, str | None]


def session(told: Sequence[Told]) -> Session:
    """Chats are named `chat…`, calls `call…`, searches `search…`; no lineage."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("event_inbox", "llm_chat", "llm_tool_call", "llm_flow_node",
                              "llm_flow_edge", "obsidian_semantic_search", "inference_result")
    }  # fmt: skip
    kinds = {"chat": "llm_chat", "call": "llm_tool_call", "search": "obsidian_semantic_search"}
    nothing = dict.fromkeys(
        ("role", "slot", "response_model", "request_model", "total_ms", "ttft_ms", "input_tokens",
         "output_tokens", "finish_reason", "user_text", "response_text", "reasoning_text",
         "tool_name", "duration_ms", "is_error", "error_type", "arguments", "result", "query",
         "top_score", "tool_call_id", "causation_id", "chat_event_id")
    )  # fmt: skip
    for name, second, chat in told:
        kind = next(kind for kind in kinds if name.startswith(kind))
        cause = {"chat_event_id": chat} if kind == "call" else {"causation_id": chat}
        row = {**nothing, "tool_call_count": 0, "result_count": 0, "event_id": name, **cause,
               "occurred_at": START + timedelta(seconds=second)}  # fmt: skip
        tables[kinds[kind]].append(row)
        tables["event_inbox"].append(row)
    return build("one", ["2026-11-20"], {}, [], tables)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(
            [("chat-1", 1, None), ("call-1", 2, "chat-1"), ("chat-2", 3, None),
             ("call-2", 4, "chat-2"), ("search", 5, None), ("chat-3", 6, None)],
            id="by their times",
        ),
        pytest.param(
            [("chat-1", 1, None), ("call-1", 1, "chat-1"), ("chat-2", 1, None),
             ("call-2", 1, "chat-2"), ("chat-3", 1, None)],
            id="all at one time",
        ),
        pytest.param(
            [("chat-1", 3, None), ("call-1", 2, "chat-1"), ("chat-2", 4, None)],
            id="a call that was published before its chat",
        ),
        pytest.param(
            [("chat-1", 1, None), ("chat-2", 2, None), ("call-1", 3, "chat-1"),
             ("search", 3, "chat-2"), ("chat-3", 4, None)],
            id="a call that took longer than the next chat",
        ),
        pytest.param(
            [("chat-1", 1, None), ("call-1", 1, None), ("call-2", 2, "a chat of another session"),
             ("chat-2", 3, None)],
            id="calls of no known chat",
        ),
    ],
)  # fmt: skip
def test_turns_are_in_order_and_calls_after_the_chat_that_made_them(told: Sequence[Told]) -> None:
    one = session(told)
    lists: dict[str, list[Any]] = {
        "chat": list(one.chats), "call": list(one.tool_calls), "search": list(one.searches),
    }  # fmt: skip
    found = [lists[kind][number].event_id for kind, number in one.turns]
    assert found == [name for name, _, _ in told]
