"""LiteLLM's Router, as it shuffles by weight: its default, and what it recommends."""

from collections.abc import Callable

from benchmarks.dispatch.arms import Task
from benchmarks.dispatch.arms.litellm_router import routed


def prepare(task: Task) -> Callable[[], object]:
    """As for the other one."""
    return routed(task, "simple-shuffle")
