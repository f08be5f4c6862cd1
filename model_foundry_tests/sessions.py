"""A session made by hand, whose figures are known: a plan, two workers, one of whom strays.

0 s  task → orchestrator                          0 … 13 s
1 … 3 s   the plan is made (naughty)
3 s  orchestrator → one, two
3 … 6 s   one keeps to it (kindergarten)          one  3 … 6 s
4 … 9 s   two does not (kindergarten)             two  3 … 9 s, its tool fails at 5 s
11 … 13 s the answer (naughty)
"""

from datetime import datetime, timedelta
from typing import Any

from model_foundry_tests.line import NOON, Raw, event

PLAN = "1. Listen on port 8080.\n2. Keep `event_inbox` for 30 days."
KEPT = "It listens on port 8080."
STRAYED = "I keep the rows of `archive_table` for 14 days."
CRITICAL_PATH = ["orchestrator", "two", "orchestrator"]


def made_session(
    correlation_id: str = "made", *, at: datetime = NOON, said: str = STRAYED, **more: Any
) -> list[Raw]:
    """Its events, in order. `said`: what the worker who strays says."""

    def when(seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)

    def made(
        name: str, subject: str, seconds: float, payload: Any, cause: str | None = None
    ) -> Raw:
        return event(
            subject,
            payload,
            event_id=f"{correlation_id}-{name}",
            correlation_id=correlation_id,
            causation_id=cause and f"{correlation_id}-{cause}",
            occurred_at=when(seconds),
            **more,
        )

    def chat(
        name: str, seconds: float, took: float, role: str, *, asked: str, text: str, cause: str
    ) -> Raw:
        payload = {
            "slot": "naughty" if role == "orchestrator" else "kindergarten",
            "role": role,
            "model": "m",
            "messages": [{"role": "user", "content": asked}],
            "response": {"content": text, "finish_reason": "stop"},
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
            "timings": {"duration_ms": took * 1000},
        }
        return made(name, "llm.chat.persist", seconds, payload, cause)

    def node(
        node_id: str, kind: str, start: float, end: float | None = None, slot: str | None = None
    ) -> dict[str, Any]:
        return {
            "node_id": node_id, "node_type": kind, "slot": slot,
            "status": "running" if end is None else "done",
            "started_at": when(start).isoformat(),
            "ended_at": None if end is None else when(end).isoformat(),
        }  # fmt: skip

    def flow(
        name: str,
        seconds: float,
        nodes: list[dict[str, Any]],
        edges: list[str],
        cause: str | None = None,
    ) -> Raw:
        pairs = [edge.split(" > ") for edge in edges]
        listed = [{"source": source, "target": target} for source, target in pairs]
        return made(name, "llm.flow.lineage", seconds, {"nodes": nodes, "edges": listed}, cause)

    called = {
        "tool_call_id": "call-1", "tool_name": "read_note", "arguments": {"path": "a.md"},
        "is_error": True, "error_type": "note_not_found", "duration_ms": 100,
        "chat_event_id": f"{correlation_id}-two-running",
    }  # fmt: skip
    return [
        flow("begun", 0, [node("task", "message", 0, 0), node("orchestrator", "orchestrator", 0)],
             ["task > orchestrator"]),
        chat("plan", 3, 2, "orchestrator", asked="Plan it.", text=PLAN, cause="begun"),
        flow("one-running", 3, [node("one", "worker", 3, slot="kindergarten")],
             ["orchestrator > one"], "plan"),
        flow("two-running", 3, [node("two", "worker", 3, slot="kindergarten")],
             ["orchestrator > two"], "plan"),
        made("call", "llm.tool_call", 5, called, "two-running"),
        flow("tool", 5, [{**node("tool:call-1", "tool", 5, 5), "status": "error"}],
             ["two > tool:call-1"], "call"),
        chat("one-said", 6, 3, "worker", asked="Listen on port 8080.", text=KEPT,
             cause="one-running"),
        flow("one-done", 6, [node("one", "worker", 3, 6)], ["one > orchestrator"], "one-said"),
        chat("two-said", 9, 5, "worker", asked="Keep `event_inbox` for 30 days.", text=said,
             cause="call"),
        flow("two-done", 9, [node("two", "worker", 3, 9)], ["two > orchestrator"], "two-said"),
        chat("answer", 13, 2, "orchestrator", asked="Answer.", text="Done.", cause="two-done"),
        flow("done", 13, [node("orchestrator", "orchestrator", 0, 13)], [], "answer"),
    ]  # fmt: skip
