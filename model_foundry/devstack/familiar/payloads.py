"""What the four kinds of events carry, in the shapes of docs/events.md. Pure."""

from datetime import datetime
from typing import Any, Literal

from model_foundry.devstack.familiar import vault
from model_foundry.devstack.familiar.slots import Exchange
from model_foundry.devstack.familiar.tools import Outcome
from model_foundry.slot.timings import timings_of

NodeType = Literal["orchestrator", "worker", "translator", "tool", "message", "note"]
Status = Literal["waiting", "running", "done", "error"]
Item = dict[str, Any]


def chat(exchange: Exchange, *, session_id: str) -> dict[str, Any]:
    """`llm.chat.persist`: one exchange with a slot; a figure that is not known is absent."""
    answer, choice = exchange.answer, exchange.answer["choices"][0]
    message = choice.get("message") or {}
    figures = timings_of(
        exchange.duration_ms,
        usage=exchange.usage,
        llama_cpp=answer.get("timings"),
        vllm=answer.get("metrics"),
    )
    return {
        "session_id": session_id,
        "slot": exchange.slot.name,
        "role": exchange.role,
        "model": exchange.slot.model,
        "provider": exchange.slot.runtime,
        "messages": exchange.said,
        "response": _known(
            content=exchange.text,
            reasoning_content=message.get("reasoning_content") or message.get("reasoning"),
            tool_calls=exchange.tool_calls or None,
            finish_reason=choice.get("finish_reason"),
            model=answer.get("model"),
        ),
        "usage": _known(
            prompt_tokens=figures.input_tokens,
            completion_tokens=figures.output_tokens,
            cached_tokens=figures.cached_tokens,
        ),
        "timings": _known(
            ttft_ms=figures.ttft_ms,
            duration_ms=figures.total_ms,
            prompt_per_second=figures.pp_tokens_per_s,
            predicted_per_second=figures.tg_tokens_per_s,
        ),
        "parameters": {
            name: value
            for name, value in exchange.body.items()
            if name not in ("messages", "tools")
        },
        **_known(tools=exchange.body.get("tools")),
    }


def tool_call(outcome: Outcome, exchange: Exchange, *, chat_event_id: str) -> dict[str, Any]:
    """`llm.tool_call`: one call, asked for in an exchange, and what came of it."""
    return {
        "tool_call_id": outcome.tool_call_id,
        "tool_name": outcome.tool_name,
        "arguments": outcome.arguments,
        "result": outcome.result,
        "is_error": outcome.error_type is not None,
        **_known(error_type=outcome.error_type),
        "duration_ms": outcome.duration_ms,
        "slot": exchange.slot.name,
        "model": exchange.slot.model,
        "chat_event_id": chat_event_id,
    }


def search(query: str, top_k: int, found: vault.Search) -> dict[str, Any]:
    """`obsidian.semantic_search`: one search; the ranking says that no embedding was at work."""
    return {
        "query": query,
        "vault": vault.NAME,
        "top_k": top_k,
        "embedding_model": vault.RANKING,
        "results": [hit._asdict() for hit in found.hits],
        "duration_ms": found.duration_ms,
    }


def node(
    node_id: str,
    node_type: NodeType,
    *,
    status: Status,
    name: str | None = None,
    slot: str | None = None,
    model: str | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> Item:
    """A node of the session's graph; one that is published again has changed its status."""
    return {
        "node_id": node_id,
        "node_type": node_type,
        "status": status,
        **_known(
            name=name,
            slot=slot,
            model=model,
            started_at=started_at and rfc3339(started_at),
            ended_at=ended_at and rfc3339(ended_at),
        ),
    }


def edge(source: str, target: str, edge_type: str, *, occurred_at: datetime) -> Item:
    """An edge between two nodes of the session's graph."""
    return {
        "edge_id": f"{source} {edge_type} {target}",
        "source": source,
        "target": target,
        "edge_type": edge_type,
        "occurred_at": rfc3339(occurred_at),
    }


def rfc3339(moment: datetime) -> str:
    """A UTC time with milliseconds: `2026-11-20T09:30:00.123Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
