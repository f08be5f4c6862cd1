"""A session as a tree of nodes with what happened in each: what `trace` prints and draws.

A node hangs under the one that brought it about (see `critical_path`); one that nobody did, under a
neighbour that was there before it; else under the session. So the tree has no circle, whatever the
edges say.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from model_foundry.sessions.critical_path import critical_path, parents
from model_foundry.sessions.owners import Mention, Place, Span, ancestors, owners
from model_foundry.sessions.runs import Run, Told, links, runs
from model_foundry.sessions.turns import Turn, turns

Row = Mapping[str, Any]
TEXT_MAX_CHARS = 4_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_CHAT_MS = 86_400_000


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange with a slot. `started_at`: `ended_at` less `total_ms`, where that is known."""

    event_id: str
    role: str | None
    slot: str | None
    model: str | None
    started_at: datetime
    ended_at: datetime
    total_ms: float | None
    ttft_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    status: str | None
    error_kind: str | None
    asked: str | None
    said: str | None
    reasoning: str | None
    calls: int


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool; `arguments` and `result` are JSON. `cause`: the chat that made it."""

    event_id: str
    cause: str | None
    tool_name: str | None
    ended_at: datetime
    duration_ms: float | None
    is_error: bool
    error_type: str | None
    arguments: str | None
    result: str | None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A semantic search."""

    event_id: str
    cause: str | None
    query: str | None
    ended_at: datetime
    duration_ms: float | None
    result_count: int
    top_score: float | None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipe made of the session."""

    job_id: str
    recipe: str
    slot: str | None
    status: str
    error: str | None
    source_event_id: str | None
    total_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    text: str | None


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which a node ran, or stood on the critical path."""

    node_id: str
    started_at: datetime
    ended_at: datetime


class Node(msgspec.Struct, kw_only=True):
    """A node of the flow graph, with each time that it ran.

    `critical_s`: how long it stands on the critical path. `turns`: the order of its chats, calls
    and searches.
    """

    node_id: str
    node_type: str | None
    name: str
    slot: str | None
    model: str | None
    status: str | None
    started_at: datetime
    ended_at: datetime
    runs: list[Stay]
    parent: str | None = None
    critical_s: float = 0.0
    chats: list[Chat] = []
    tool_calls: list[ToolCall] = []
    searches: list[Search] = []
    turns: list[Turn] = []

    @property
    def duration_s(self) -> float:
        """How long it ran."""
        return sum((run.ended_at - run.started_at).total_seconds() for run in self.runs)

    @property
    def failed(self) -> bool:
        """Whether it says so itself, or one of its calls does."""
        return self.status == "error" or any(call.is_error for call in self.tool_calls)


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge as it was published; its ends may be unknown."""

    source: str | None
    target: str | None
    edge_type: str | None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session. `chats`, `tool_calls` and `searches` are those whose node cannot be told.

    `turns`: their order.
    """

    correlation_id: str
    days: list[str]
    summary: dict[str, Any]
    agreement: list[dict[str, Any]]
    nodes: list[Node]
    edges: list[Edge]
    critical_path: list[Stay]
    chats: list[Chat]
    tool_calls: list[ToolCall]
    searches: list[Search]
    turns: list[Turn]
    jobs: list[Job]

    def children(self) -> dict[str | None, list[Node]]:
        """Nodes by their parent's id (None: the session), in the order in which they began."""
        found: dict[str | None, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return found


def build(
    correlation_id: str,
    days: Iterable[Any],
    summary: dict[str, Any],
    agreement: list[dict[str, Any]],
    tables: Mapping[str, Sequence[Row]],
) -> Session:
    """The session of these rows: the lake's columns, by table."""
    nodes, ordered = _nodes(tables["llm_flow_node"])
    edges = list(
        dict.fromkeys(
            Edge(
                source=row["source_node_id"],
                target=row["target_node_id"],
                edge_type=row["edge_type"],
            )
            for row in sorted(tables["llm_flow_edge"], key=_moment)
        )
    )
    path = _link(nodes, ordered, edges)
    placed = _Placed(nodes, tables)
    return Session(
        correlation_id=correlation_id,
        days=[str(day) for day in days],
        summary=summary,
        agreement=agreement,
        nodes=nodes,
        edges=edges,
        critical_path=path,
        chats=placed.chats,
        tool_calls=placed.tool_calls,
        searches=placed.searches,
        turns=turns(placed.chats, placed.tool_calls, placed.searches),
        jobs=[_job(row) for row in sorted(tables["inference_result"], key=_completed)],
    )


def _moment(row: Row) -> tuple[datetime, str]:
    return row["occurred_at"], row["event_id"]


def _completed(row: Row) -> tuple[datetime, str]:
    return row["completed_at"], row["job_id"]


def _told(row: Row) -> tuple[datetime, str, int]:
    return row["occurred_at"], row["event_id"], row["item_no"]


def _nodes(rows: Iterable[Row]) -> tuple[list[Node], list[Run]]:
    """One node for all that was said of it (what was said last holds), and when they ran.

    Both begin with what began first.
    """
    said: dict[str, dict[str, Any]] = {}
    told: dict[str, list[Told]] = {}
    for row in sorted(rows, key=_told):
        if row["node_id"] is None:
            continue
        node = said.setdefault(row["node_id"], {})
        for column in ("node_type", "node_name", "slot", "request_model", "status"):
            node[column] = row[column] if row[column] is not None else node.get(column)
        began, ended = (
            None if row[column] is None else _microseconds(row[column])
            for column in ("started_at", "ended_at")
        )
        said_at = _microseconds(row["occurred_at"])
        told.setdefault(row["node_id"], []).append(Told(said_at, began, ended, row["status"]))
    ordered = sorted(
        (run for node_id, each in told.items() for run in runs(node_id, each)),
        key=lambda run: (run.started, run.ended, run.node_id),
    )
    stays: dict[str, list[Stay]] = {}
    for run in ordered:
        stays.setdefault(run.node_id, []).append(_stay(run.node_id, run.started, run.ended))
    nodes = [
        Node(
            node_id=node_id,
            node_type=said[node_id]["node_type"],
            name=said[node_id]["node_name"] or node_id,
            slot=said[node_id]["slot"],
            model=said[node_id]["request_model"],
            status=said[node_id]["status"],
            started_at=ran[0].started_at,
            ended_at=max(run.ended_at for run in ran),
            runs=ran,
        )
        for node_id, ran in stays.items()
    ]
    return nodes, ordered


def _link(nodes: Iterable[Node], ordered: Sequence[Run], edges: Iterable[Edge]) -> list[Stay]:
    """Give each node its parent and its share of the critical path; the path."""
    named = {node.node_id: node for node in nodes}
    pairs = links(
        ordered,
        (
            (edge.source, edge.target)
            for edge in edges
            if edge.source is not None and edge.target is not None
        ),
    )
    starts, ends = [run.started for run in ordered], [run.ended for run in ordered]
    sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
    first: set[str] = set()
    for run, parent in zip(ordered, parents(starts, ends, sources, targets), strict=True):
        if run.node_id not in first:
            first.add(run.node_id)
            named[run.node_id].parent = None if parent is None else ordered[parent].node_id
    path = []
    for stretch in critical_path(starts, ends, sources, targets):
        node = named[ordered[stretch.node].node_id]
        node.critical_s += (stretch.ended - stretch.started) / 1e6
        path.append(_stay(node.node_id, stretch.started, stretch.ended))
    return path


def _stay(node_id: str, started: int, ended: int) -> Stay:
    return Stay(
        node_id=node_id,
        started_at=_EPOCH + timedelta(microseconds=started),
        ended_at=_EPOCH + timedelta(microseconds=ended),
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


class _Placed:
    """Puts chats, calls and searches into their nodes; what has none stays here."""

    def __init__(self, nodes: Sequence[Node], tables: Mapping[str, Sequence[Row]]) -> None:
        self.chats: list[Chat] = []
        self.tool_calls: list[ToolCall] = []
        self.searches: list[Search] = []
        self._nodes = {node.node_id: node for node in nodes}
        self._by_call = {
            node.node_id.rpartition(":")[2]: node for node in nodes if node.node_type == "tool"
        }
        self._causes = {row["event_id"]: row["causation_id"] for row in tables["event_inbox"]}
        mentions: dict[str, list[Mention]] = {}
        for row in sorted(tables["llm_flow_node"], key=_told):
            if row["node_id"] is not None:
                said = Mention(row["node_id"], row["node_type"], row["slot"])
                mentions.setdefault(row["event_id"], []).append(said)
        first_choices = (row for row in tables["llm_chat"] if not row.get("choice_no"))
        chats = sorted(first_choices, key=_moment)
        places = [Place(*(row[name] for name in Place._fields)) for row in chats]
        spans = [
            Span(node.node_id, node.node_type, node.slot, node.started_at, node.ended_at)
            for node in nodes
        ]
        self._owners = owners(places, self._causes, mentions, spans)
        for row in chats:
            owner = self._nodes.get(self._owners.get(row["event_id"], ""))
            (self.chats if owner is None else owner.chats).append(_chat(row))
        for row in sorted(tables["llm_tool_call"], key=_moment):
            owner = self._by_call.get(row["tool_call_id"] or "") or self._of(
                row["chat_event_id"] or row["causation_id"]
            )
            (self.tool_calls if owner is None else owner.tool_calls).append(_tool_call(row))
        for row in sorted(tables["obsidian_semantic_search"], key=_moment):
            owner = self._of(row["causation_id"])
            (self.searches if owner is None else owner.searches).append(_search(row))
        for node in nodes:
            node.turns = turns(node.chats, node.tool_calls, node.searches)

    def _of(self, event_id: str | None) -> Node | None:
        """The node of the nearest chat among an event and its causes."""
        for ancestor in ancestors(event_id, self._causes):
            if ancestor in self._owners:
                return self._nodes[self._owners[ancestor]]
        return None


def _chat(row: Row) -> Chat:
    ended = row["occurred_at"]
    took = row["total_ms"] or 0.0
    if not 0 <= took <= _LONGEST_CHAT_MS:
        took = 0.0
    return Chat(
        event_id=row["event_id"],
        role=row["role"],
        slot=row["slot"],
        model=row["response_model"] or row["request_model"],
        started_at=ended - timedelta(milliseconds=took),
        ended_at=ended,
        total_ms=row["total_ms"],
        ttft_ms=row["ttft_ms"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        finish_reason=row["finish_reason"],
        status=row.get("status"),
        error_kind=row.get("error_kind"),
        asked=_cut(row["user_text"]),
        said=_cut(row["response_text"]),
        reasoning=_cut(row["reasoning_text"]),
        calls=row["tool_call_count"],
    )


def _tool_call(row: Row) -> ToolCall:
    return ToolCall(
        event_id=row["event_id"],
        cause=row["chat_event_id"] or row["causation_id"],
        tool_name=row["tool_name"],
        ended_at=row["occurred_at"],
        duration_ms=row["duration_ms"],
        is_error=bool(row["is_error"]),
        error_type=row["error_type"],
        arguments=_cut(row["arguments"]),
        result=_cut(row["result"]),
    )


def _search(row: Row) -> Search:
    return Search(
        event_id=row["event_id"],
        cause=row["causation_id"],
        query=_cut(row["query"]),
        ended_at=row["occurred_at"],
        duration_ms=row["duration_ms"],
        result_count=row["result_count"],
        top_score=row["top_score"],
    )


def _job(row: Row) -> Job:
    return Job(
        job_id=row["job_id"],
        recipe=row["recipe"],
        slot=row["slot"],
        status=row["status"],
        error=_cut(row["error"]),
        source_event_id=row["source_event_id"],
        total_ms=row["total_ms"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        text=_cut(row["response_text"]),
    )


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= TEXT_MAX_CHARS:
        return text
    return f"{text[: TEXT_MAX_CHARS - 1]}…"
