"""The same conversations, each turn on whichever slot is free."""

from collections.abc import Callable

from benchmarks.dispatch.arms import Task, conversations


def prepare(task: Task) -> Callable[[], object]:
    """As with affinity, but without it."""
    return conversations.prepare(task, affinity=False)
