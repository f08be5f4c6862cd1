"""Which node of the flow graph had a chat: told by what caused it, else by when and where it was.

A chat's event does not name its node. Its causes do: going from cause to cause, the first lineage
event that speaks of exactly one node of the chat's role names it; the slot decides between several,
and stands for the role where no node of the session is of that type. Where no cause names one, it
is the one such node that ran at the time; where there are several, none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple


class Mention(NamedTuple):
    """What one lineage event said of a node."""

    node_id: str
    node_type: str | None
    slot: str | None


class Place(NamedTuple):
    """What a chat says of where it was held."""

    event_id: str
    causation_id: str | None
    role: str | None
    slot: str | None
    occurred_at: datetime


class Span(NamedTuple):
    """A node with all that was said of it."""

    node_id: str
    node_type: str | None
    slot: str | None
    started_at: datetime
    ended_at: datetime


def owners(
    chats: Iterable[Place],
    causes: Mapping[str, str | None],
    mentions: Mapping[str, Sequence[Mention]],
    spans: Iterable[Span],
) -> dict[str, str]:
    """Chat → node, for every chat whose node can be told.

    Args:
        chats: the session's.
        causes: event → the event that caused it, for all of the session's.
        mentions: lineage event → the nodes it carries.
        spans: the session's nodes.
    """
    nodes = list(spans)
    types = {node.node_type for node in nodes}
    types.update(said.node_type for listed in mentions.values() for said in listed)
    found = {}
    for chat in chats:
        if chat.role not in types:
            chat = chat._replace(role=None)  # noqa: PLW2901
        node = _by_cause(chat, causes, mentions) or _by_time(chat, nodes)
        if node is not None:
            found[chat.event_id] = node
    return found


def ancestors(event_id: str | None, causes: Mapping[str, str | None]) -> Iterator[str]:
    """An event, its cause, the cause of that … until one is unknown or comes again."""
    seen: set[str] = set()
    while event_id is not None and event_id not in seen:
        yield event_id
        seen.add(event_id)
        event_id = causes.get(event_id)


def _by_cause(
    chat: Place, causes: Mapping[str, str | None], mentions: Mapping[str, Sequence[Mention]]
) -> str | None:
    for event_id in ancestors(chat.causation_id, causes):
        node = _only(chat, mentions.get(event_id, ()))
        if node is not None:
            return node
    return None


def _by_time(chat: Place, nodes: Iterable[Span]) -> str | None:
    running = [
        Mention(node.node_id, node.node_type, node.slot)
        for node in nodes
        if node.started_at <= chat.occurred_at <= node.ended_at
    ]
    return _only(chat, running)


def _only(chat: Place, nodes: Iterable[Mention]) -> str | None:
    """The one node that fits: of the chat's role, where it has one; the slot decides a tie."""
    if chat.role is not None:
        fitting = [node for node in nodes if node.node_type == chat.role]
    else:
        fitting = [node for node in nodes if node.slot is not None and node.slot == chat.slot]
    if len({node.node_id for node in fitting}) > 1:
        fitting = [node for node in fitting if node.slot is not None and node.slot == chat.slot]
    named = {node.node_id for node in fitting}
    return named.pop() if len(named) == 1 else None
