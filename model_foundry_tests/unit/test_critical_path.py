"""The critical path, on graphs whose path is known."""

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model_foundry.sessions.critical_path import critical_path, parents


def path(nodes: dict[str, tuple[int, int]], *edges: str) -> list[tuple[str, int, int]]:
    """`path({"a": (0, 3)}, "a>b")`, with names instead of indices."""
    names = list(nodes)
    pairs = [[names.index(end) for end in edge.split(">")] for edge in edges]
    found = critical_path(
        [start for start, _ in nodes.values()],
        [end for _, end in nodes.values()],
        [source for source, _ in pairs],
        [target for _, target in pairs],
    )
    return [(names[stretch.node], stretch.started, stretch.ended) for stretch in found]


def test_nothing() -> None:
    assert path({}) == []
    assert path({"a": (5, 5)}) == []


def test_a_chain_with_a_wait() -> None:
    nodes = {"a": (0, 3), "b": (3, 7), "c": (8, 9)}
    assert path(nodes, "a>b", "b>c") == [("a", 0, 3), ("b", 3, 7), ("c", 8, 9)]


def test_the_slower_of_two_branches_decides() -> None:
    nodes = {"a": (0, 2), "quick": (2, 3), "slow": (2, 8), "join": (8, 10)}
    assert path(nodes, "a>quick", "a>slow", "quick>join", "slow>join") == [
        ("a", 0, 2), ("slow", 2, 8), ("join", 8, 10),
    ]  # fmt: skip


def test_an_orchestrator_that_runs_all_the_while_waits_for_its_last_worker() -> None:
    nodes = {
        "task": (0, 0), "orchestrator": (0, 20), "one": (5, 9), "two": (5, 14), "tool": (7, 8),
        "report-one": (9, 9), "report-two": (14, 14), "answer": (20, 20),
    }  # fmt: skip
    edges = [
        "task>orchestrator", "orchestrator>one", "orchestrator>two", "two>tool",
        "one>report-one", "two>report-two", "report-one>orchestrator", "report-two>orchestrator",
        "orchestrator>answer",
    ]  # fmt: skip
    assert path(nodes, *edges) == [
        ("orchestrator", 0, 5),
        ("two", 5, 7),
        ("tool", 7, 8),
        ("two", 8, 14),
        ("orchestrator", 14, 20),
    ]


def test_a_circle_ends() -> None:
    nodes = {"a": (0, 3), "b": (3, 6), "c": (6, 9)}
    assert path(nodes, "a>b", "b>c", "c>a", "a>a") == [("a", 0, 3), ("b", 3, 6), ("c", 6, 9)]
    assert path({"a": (0, 5), "b": (0, 5)}, "a>b", "b>a") == [("b", 0, 5)]


def test_of_two_that_begin_together_the_one_that_points_comes_first() -> None:
    nodes = {"tool": (0, 2), "worker": (0, 9), "task": (0, 0)}
    assert path(nodes, "worker>tool", "task>worker") == [("tool", 0, 2), ("worker", 2, 9)]
    assert parents([0, 0, 0], [2, 9, 0], [1, 2], [0, 1]) == [1, 2, None]
    assert parents([0, 5], [9, 5], [1], [0]) == [None, 0]


def test_unknown_parents_end_the_path() -> None:
    assert path({"a": (0, 3), "b": (5, 9)}) == [("b", 5, 9)]


def test_one_that_starts_another_and_ends_first_is_not_waited_for() -> None:
    assert path({"a": (0, 5), "b": (2, 9)}, "a>b") == [("a", 0, 2), ("b", 2, 9)]


@given(st.data())
def test_any_graph_has_a_path_without_overlaps(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    moment, index = st.integers(0, 30), st.integers(0, count - 1)
    starts = data.draw(st.lists(moment, min_size=count, max_size=count))
    ends = data.draw(st.lists(moment, min_size=count, max_size=count))
    edges = data.draw(st.lists(st.tuples(index, index), max_size=40))
    found = critical_path(starts, ends, [s for s, _ in edges], [t for _, t in edges])
    assert all(s.started < s.ended for s in found)
    assert all(a.ended <= b.started for a, b in pairwise(found))
    assert all(starts[s.node] <= s.started and s.ended <= ends[s.node] for s in found)
    if found:
        linked = {frozenset(edge) for edge in edges}
        nodes = [s.node for s in found]
        latest = max(max(pair) for pair in zip(starts, ends, strict=True))
        # Nodes without length are walked through: then two stretches are no neighbours.
        if all(end > start for start, end in zip(starts, ends, strict=True)):
            assert found[-1].ended == latest
            pairs = pairwise(nodes)
            assert all(a == b or frozenset((a, b)) in linked for a, b in pairs)


def test_fifty_thousand_calls_of_one_worker() -> None:
    count = 50_000
    starts = [0, *range(1, 2 * count, 2)]
    ends = [2 * count + 1, *range(2, 2 * count + 1, 2)]
    began = time.process_time()
    found = critical_path(starts, ends, [0] * count, list(range(1, count + 1)))
    assert time.process_time() - began < 3
    assert len(found) == 2 * count + 1
    assert sum(stretch.ended - stretch.started for stretch in found) == 2 * count + 1
