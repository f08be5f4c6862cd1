"""When each node of a session ran, from all that was told of it; a node may run several times.

The same as sql/duckdb/session_summary.sql does, which summarizes whole days.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Told(NamedTuple):
    """What one event says of a node; times are numbers in one unit, None where it says none."""

    told: int
    began: int | None
    ended: int | None
    status: str | None


class Run(NamedTuple):
    """From when until when a node ran."""

    node_id: str
    started: int
    ended: int


_ENDS = frozenset({"done", "error"})


def runs(node_id: str, told: Sequence[Told]) -> list[Run]:
    """A node's runs, earliest first, of what was told of it in the order of telling.

    Another run begins behind the end of all before it. One that never said when it began or ended
    has the times of its first and last event.
    """
    grouped: list[list[Told]] = []
    last = min((one.told if one.ended is None else one.ended for one in told), default=0)
    for one in sorted(told, key=lambda one: one.told if one.began is None else one.began):
        begins = one.told if one.began is None and not _ends(one) else one.began
        if not grouped or (_ends(grouped[-1][-1]) and begins is not None and begins >= last):
            grouped.append([])
        grouped[-1].append(one)
        until = one.told if one.ended is None else one.ended
        last = max(last, until)
    found: dict[int, int] = {}
    for some in grouped:
        started, ended = _span(some)
        found[started] = max(found.get(started, started), ended)
    return [Run(node_id, started, ended) for started, ended in sorted(found.items())]


def _ends(one: Told) -> bool:
    return one.ended is not None or one.status in _ENDS


def _span(some: Sequence[Told]) -> tuple[int, int]:
    began = [one.began for one in some if one.began is not None]
    ended = [one.ended for one in some if one.ended is not None]
    started = min(began or (one.told for one in some))
    return started, max(started, *(ended or (one.told for one in some)))


def links(ordered: Sequence[Run], edges: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """Edges between nodes as edges between their runs, by place in `ordered` (by start).

    A run may have to do with the other node's last one that began before it.
    """
    places: dict[str, list[int]] = {}
    for place, run in enumerate(ordered):
        places.setdefault(run.node_id, []).append(place)
    starts = {node_id: [ordered[at].started for at in own] for node_id, own in places.items()}
    found: set[tuple[int, int]] = set()
    for source, target in edges:
        if source == target or source not in places or target not in places:
            continue
        for own, other, is_source in ((source, target, True), (target, source, False)):
            for place in places[own]:
                before = bisect_right(starts[other], ordered[place].started)
                if before:
                    last = places[other][before - 1]
                    found.add((place, last) if is_source else (last, place))
    return sorted(found)
