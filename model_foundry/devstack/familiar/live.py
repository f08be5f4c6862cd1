"""familiar's events as live telemetry: exchanges are `llm` events, lineage is nodes and edges.

Belongs here: what of a NATS event is told, and under which name a node goes. Names are few (a
tool's name, not its call's id; `note`, not its path), because they become labels of metrics.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from model_foundry.devstack.familiar.payloads import Item
from model_foundry.events.subjects import CHAT, FLOW
from model_foundry.telemetry import Sender, event

SERVICE: Final = "familiar"


class Live:
    """Tells what happens in one session."""

    def __init__(self, sender: Sender, correlation_id: str) -> None:
        self._sender = sender
        self._correlation_id = correlation_id
        self._names: dict[str, str] = {}

    def tell(self, subject: str, payload: Mapping[str, Any], moment: datetime) -> None:
        """What an event that is published means to somebody who watches."""
        if subject == CHAT:
            self._exchange(payload, moment)
        elif subject == FLOW:
            for node in payload.get("nodes") or (
                [payload] if payload.get("kind") == "node" else []
            ):
                self._node(node, moment)
            for edge in payload.get("edges") or (
                [payload] if payload.get("kind") == "edge" else []
            ):
                self._edge(edge, moment)

    def _exchange(self, payload: Mapping[str, Any], moment: datetime) -> None:
        usage, timings = payload["usage"], payload["timings"]
        texts = {}
        if self._sender.texts:
            asked = payload["messages"][-1]["content"]
            texts = {"prompt": str(asked), "response": payload["response"]["content"]}
        self._tell(
            "llm",
            moment,
            slot=payload["slot"],
            model=payload["model"],
            backend="other" if payload["provider"] == "openai" else payload["provider"],
            role=payload["role"],
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            cached_tokens=usage.get("cached_tokens"),
            ttft_ms=timings.get("ttft_ms"),
            duration_ms=timings.get("duration_ms"),
            pp_tokens_per_s=timings.get("prompt_per_second"),
            tg_tokens_per_s=timings.get("predicted_per_second"),
            # Its own clock sees only whole answers, which give no speeds.
            timing_source="server" if "prompt_per_second" in timings else None,
            **texts,
        )

    def _node(self, node: Item, moment: datetime) -> None:
        name = node["node_id"]
        if node["node_type"] == "tool":
            name = f"tool:{node['name']}"
        elif node["node_type"] == "note":
            name = "note"
        self._names[node["node_id"]] = name
        duration_ms = None
        if "started_at" in node and "ended_at" in node:
            began, ended = (datetime.fromisoformat(node[key]) for key in ("started_at", "ended_at"))
            duration_ms = (ended - began).total_seconds() * 1000
        self._tell(
            "node",
            moment,
            status="error" if node["status"] == "error" else "ok",
            node=name,
            state=node["status"],
            slot=node.get("slot"),
            model=node.get("model"),
            duration_ms=duration_ms,
        )

    def _edge(self, edge: Item, moment: datetime) -> None:
        source, target = (self._names.get(edge[end], edge[end]) for end in ("source", "target"))
        self._tell("edge", moment, source=source, target=target)

    def _tell(self, kind: Any, moment: datetime, **fields: Any) -> None:
        self._sender.tell(
            event(kind, ts=moment, correlation_id=self._correlation_id, service=SERVICE, **fields)
        )
