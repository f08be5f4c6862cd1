"""What the SQL of summaries calls and SQL cannot do, as DuckDB functions.

critical_path(starts, ends, sources, targets)   lists of integers → {length, nodes}
worker_agreement(chats, causes, nodes)          lists of structs → a list of `agreement.Worker`
language_of_scripts(text)                       a BCP 47 tag, from the scripts of its characters
"""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from model_foundry import sessions
from model_foundry.sessions.agreement import Said, agreement, asked_texts, called_text
from model_foundry.sessions.critical_path import critical_path
from model_foundry.sessions.owners import Mention, Place, Span, owners
from model_foundry.summaries.languages import languages

Row = Mapping[str, Any]

_PATH: Final = pa.struct([("length", pa.int64()), ("nodes", pa.list_(pa.int64()))])
_CHATS: Final = (
    "STRUCT(event_id VARCHAR, causation_id VARCHAR, role VARCHAR, slot VARCHAR, "
    "occurred_at TIMESTAMP, messages VARCHAR, response_text VARCHAR, tool_calls VARCHAR)[]"
)
_CAUSES: Final = "STRUCT(event_id VARCHAR, causation_id VARCHAR)[]"
_NODES: Final = (
    "STRUCT(event_id VARCHAR, node_id VARCHAR, node_type VARCHAR, slot VARCHAR, "
    "began TIMESTAMP, ended TIMESTAMP)[]"
)
_WORKERS: Final = (
    "STRUCT(worker VARCHAR, slots VARCHAR[], plan_decisions BIGINT, told VARCHAR[], "
    "kept VARCHAR[], ignored VARCHAR[], differs VARCHAR[], introduced VARCHAR[], overlap DOUBLE)[]"
)


def register(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Make the functions that a statement needs known to a connection, unless they are."""
    called = {name: entry for name, entry in _FUNCTIONS.items() if f"{entry[0]}(" in statement}
    if not called:
        return  # most do not, and DuckDB takes its time to list its functions
    rows = connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()
    known = {name for (name,) in rows}
    for name, (_, function, parameters, result, options) in called.items():
        if name not in known:
            connection.create_function(name, function, parameters, result, **options)


def source() -> str:
    """The code of these functions, as text: what they compute changes with it."""
    here = Path(__file__)
    files = [here, here.with_name("languages.py"), *Path(sessions.__path__[0]).glob("*.py")]
    return "\0".join(file.read_text(encoding="utf-8") for file in sorted(files))


def _critical_paths(
    starts: pa.ChunkedArray,
    ends: pa.ChunkedArray,
    sources: pa.ChunkedArray,
    targets: pa.ChunkedArray,
) -> pa.Array:
    columns = [_slices(one.combine_chunks()) for one in (starts, ends, sources, targets)]
    found = []
    for row in zip(*columns, strict=True):
        path = critical_path(*row)
        found.append(
            {
                "length": sum(stretch.ended - stretch.started for stretch in path),
                "nodes": [node for node, _ in groupby(stretch.node for stretch in path)],
            }
        )
    return pa.array(found, _PATH)


def _languages(texts: pa.ChunkedArray) -> pa.Array:
    return pa.array(languages(texts.to_pylist()), pa.string())


def _slices(lists: pa.Array) -> list[Any]:
    """Each row's list as numbers, without a Python object for each."""
    values = lists.values.to_numpy(zero_copy_only=False)
    bounds = lists.offsets.to_numpy()
    return [values[a:b] for a, b in pairwise(bounds)]


def worker_agreement(
    chats: Sequence[Row], causes: Sequence[Row], nodes: Sequence[Row]
) -> list[dict[str, Any]]:
    """`agreement` over a session's rows; a chat's worker is its node, else its slot."""
    mentions: dict[str, list[Mention]] = {}
    spans: dict[str, Span] = {}
    for node in nodes:
        said = Mention(node["node_id"], node["node_type"], node["slot"])
        mentions.setdefault(node["event_id"], []).append(said)
        held = Span(*said, node["began"], node["ended"])
        spans[held.node_id] = _merged(spans.get(held.node_id, held), held)
    places = [
        Place(row["event_id"], row["causation_id"], row["role"], row["slot"], row["occurred_at"])
        for row in chats
    ]
    caused = {row["event_id"]: row["causation_id"] for row in causes}
    owner = owners(places, caused, mentions, spans.values())
    told = [
        Said(
            who=owner.get(row["event_id"]) or row["slot"] or "unknown",
            role=row["role"],
            slot=row["slot"],
            asked=asked_texts(row["messages"]),
            said=row["response_text"] or "",
            called=called_text(row["tool_calls"]),
        )
        for row in chats
    ]
    return [worker._asdict() for worker in agreement(told)]


def _merged(one: Span, other: Span) -> Span:
    """What was said last holds."""
    return Span(
        one.node_id,
        one.node_type if other.node_type is None else other.node_type,
        one.slot if other.slot is None else other.slot,
        min(one.started_at, other.started_at),
        max(one.ended_at, other.ended_at),
    )


# Name → what summaries call (it, or a macro that calls it), the function, its types, options.
_FUNCTIONS: Final[Mapping[str, tuple[str, Any, list[Any], Any, dict[str, Any]]]] = {
    "critical_path": (
        "critical_path",
        _critical_paths,
        ["BIGINT[]"] * 4,
        "STRUCT(length BIGINT, nodes BIGINT[])",
        {"type": ARROW},
    ),
    "worker_agreement": (
        "worker_agreement",
        worker_agreement,
        [_CHATS, _CAUSES, _NODES],
        _WORKERS,
        {},
    ),
    "language_of_scripts": ("language_guess", _languages, ["VARCHAR"], "VARCHAR", {"type": ARROW}),
}
