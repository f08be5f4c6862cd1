"""Until when a job must have its answer, counted from when it was taken.

Belongs here: the clock. Does not: what becomes of a job that is late (`dispatcher`).
"""

import asyncio
from collections.abc import Callable

from model_foundry.dispatch.queue import Waiting


class Deadlines:
    """The deadlines of one dispatch; `missed` is told of a job whose time is over."""

    def __init__(self, default_s: float | None, missed: Callable[[Waiting], None]) -> None:
        self._default_s = default_s
        self._missed = missed

    def begin(self, waiting: Waiting) -> None:
        """From now on its time runs, if it has a deadline."""
        deadline_s = waiting.job.deadline_s
        if deadline_s is None:
            deadline_s = self._default_s
        if deadline_s is not None:
            loop = asyncio.get_running_loop()
            waiting.deadline = loop.call_later(deadline_s, self._missed, waiting)

    def end(self, waiting: Waiting) -> None:
        """It has its result."""
        if waiting.deadline is not None:
            waiting.deadline.cancel()


def expires_at(waiting: Waiting) -> float | None:
    """When, by the event loop's clock; None: never."""
    return None if waiting.deadline is None else waiting.deadline.when()


def missed(waiting: Waiting) -> str:
    """What is said of a job that is late."""
    last = "" if waiting.slot is None else f", last on slot {waiting.slot.name}"
    asked = f"asked {waiting.attempts} times{last}" if waiting.attempts else "never asked"
    return f"no answer by the job's deadline; {asked}"
