"""The critical path of a session's flow graph: the chain of nodes that decided when it ended.

It is read backwards. From the node that ended last: which neighbour ended last while this one ran?
Until then this node was at work itself; before, it waited for that neighbour, and the walk goes on
there. Where no neighbour ended, the node worked from its start on, and the walk goes on with the
one that had brought it about. So the stretches of the path follow each other, no moment counts
twice, and their sum is at most the session's span.

A node is brought about by a neighbour that points to it and started before it. An edge that points
back in time (a report to an orchestrator that is running) therefore closes no circle: its node is
one to wait for. Of nodes that began at the same time, the one that points comes first, where that
is no circle. An edge whose ends are not both known is left out. A node that nobody brought about
ends the walk: where the parents are unknown, the path is shorter than the session.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


class Stretch(NamedTuple):
    """A node at work, from one time (in the unit of the node's times) to another."""

    node: int
    started: int
    ended: int


def critical_path(
    starts: Integers | Sequence[int],
    ends: Integers | Sequence[int],
    sources: Integers | Sequence[int],
    targets: Integers | Sequence[int],
) -> list[Stretch]:
    """The stretches of the path, earliest first; those of no length are left out.

    Args:
        starts: of each node; shape (nodes,), any unit.
        ends: likewise; one before its start counts as the start.
        sources: of each edge, a node's index; shape (edges,).
        targets: likewise.
    """
    started = np.asarray(starts, dtype=np.int64)
    if not started.size:
        return []
    ended = np.maximum(np.asarray(ends, dtype=np.int64), started)
    parents, _, waited_for = _neighbours(
        started, ended, np.asarray(sources, np.int64), np.asarray(targets, np.int64)
    )
    seen: set[int] = set()
    path: list[Stretch] = []
    node = int(np.lexsort((started, ended))[-1])
    now = int(ended[node])
    while True:
        seen.add(node)
        begun = int(started[node])
        other = waited_for.last_ended(node, begun, now, ended, seen)
        if other is None:
            parent = parents.innermost(node, begun, started, ended)
            path.append(Stretch(node, begun, now))
            if parent is None:
                break
            node, now = parent, min(int(ended[parent]), begun)
        else:
            until = int(ended[other])
            path.append(Stretch(node, until, now))
            node, now = other, until
    return [stretch for stretch in reversed(path) if stretch.ended > stretch.started]


def parents(
    starts: Integers | Sequence[int],
    ends: Integers | Sequence[int],
    sources: Integers | Sequence[int],
    targets: Integers | Sequence[int],
) -> list[int | None]:
    """For each node the one that brought it about; else a neighbour that was there before it.

    Arguments as for `critical_path`. A parent comes before its child in time, so the result is a
    forest.
    """
    started = np.asarray(starts, dtype=np.int64)
    ended = np.maximum(np.asarray(ends, dtype=np.int64), started)
    known = _neighbours(
        started, ended, np.asarray(sources, np.int64), np.asarray(targets, np.int64)
    )
    found = []
    for node, begun in enumerate(started.tolist()):
        parent = known.parents.innermost(node, begun, started, ended)
        if parent is None:
            parent = known.earlier.innermost(node, begun, started, ended)
        found.append(parent)
    return found


class _Neighbours:
    """Neighbours of each node, in the order of `by` (indices of edges) within each node."""

    def __init__(self, nodes: int, of: Integers, others: Integers, by: Integers) -> None:
        order = by[np.argsort(of[by], kind="stable")]
        self._others: list[int] = others[order].tolist()
        self._first: list[int] = np.searchsorted(of[order], np.arange(nodes + 1)).tolist()
        self._next: dict[int, int] = {}

    def last_ended(
        self, node: int, begun: int, now: int, ended: Integers, seen: set[int]
    ) -> int | None:
        """The unseen neighbour that ended last in (begun, now]. `now` never rises: each is passed
        once."""
        place = self._next.get(node, self._first[node])
        found = None
        while place < self._first[node + 1] and found is None:
            other = self._others[place]
            if ended[other] <= begun:
                break
            place += 1
            if ended[other] <= now and other not in seen:
                found = other
        self._next[node] = place
        return found

    def innermost(self, node: int, begun: int, started: Integers, ended: Integers) -> int | None:
        """Of those that ran at `begun`, else ended last before it, the one that started last."""
        others = self._others[self._first[node] : self._first[node + 1]]
        return max(
            others,
            key=lambda other: (min(int(ended[other]), begun), int(started[other])),
            default=None,
        )


class _Known(NamedTuple):
    """Who brought each node about, what else was there before it, what it may have waited for."""

    parents: _Neighbours
    earlier: _Neighbours
    waited_for: _Neighbours


def _neighbours(started: Integers, ended: Integers, sources: Integers, targets: Integers) -> _Known:
    """Each node's neighbours; those waited for are in the order in which they ended, last first."""
    nodes = started.size
    known = sources != targets
    sources, targets = sources[known], targets[known]
    rank = np.empty(nodes, np.int64)
    depth = _depths(nodes, sources, targets, started[sources] == started[targets])
    rank[np.lexsort((np.arange(nodes), ended, depth, started))] = np.arange(nodes)
    forward = rank[sources] < rank[targets]
    early = np.where(forward, sources, targets)
    late = np.where(forward, targets, sources)
    return _Known(
        parents=_Neighbours(nodes, late, early, np.flatnonzero(forward)),
        earlier=_Neighbours(nodes, late, early, np.flatnonzero(~forward)),
        waited_for=_Neighbours(nodes, early, late, np.lexsort((-started[late], -ended[late]))),
    )


def _depths(
    nodes: int, sources: Integers, targets: Integers, tied: npt.NDArray[np.bool_]
) -> Integers:
    """Along edges whose ends began at the same time, a source is less deep than its target.

    Nodes of a circle, and those behind it, are deepest, and all alike.
    """
    depth = np.zeros(nodes, np.int64)
    following: dict[int, list[int]] = {}
    awaited: Counter[int] = Counter()
    for source, target in zip(sources[tied].tolist(), targets[tied].tolist(), strict=True):
        following.setdefault(source, []).append(target)
        awaited[target] += 1
    ready = [source for source in following if not awaited[source]]
    while ready:
        source = ready.pop()
        for target in following.get(source, ()):
            depth[target] = max(depth[target], depth[source] + 1)
            awaited[target] -= 1
            if not awaited[target]:
                ready.append(target)
    depth[np.array([node for node, waits in awaited.items() if waits], np.int64)] = nodes
    return depth
