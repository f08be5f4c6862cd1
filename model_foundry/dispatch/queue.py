"""The jobs that wait: those that come again, then the new ones, of one role and priority.

Belongs here: what is known of a job between its attempts, and the order in which slots may have it.
Does not: when it is tried again, and where (`dispatcher`).
"""

import asyncio
from collections import deque
from datetime import datetime

from model_foundry.fleet.file import Slot
from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request


class Waiting:
    """A job that was taken from the source and has no result yet."""

    __slots__ = (
        "asked_at",
        "attempts",
        "deadline",
        "job",
        "order",
        "repair",
        "rested_at",
        "sent_back",
        "slot",
        "spent",
        "turned_away_at",
    )

    def __init__(self, job: Job, order: int) -> None:
        self.job = job
        self.order = order
        self.deadline: asyncio.TimerHandle | None = None
        self.attempts = 0
        self.spent = 0
        self.asked_at: datetime | None = None
        self.slot: Slot | None = None
        self.sent_back: Completion | None = None
        self.repair: Request | None = None
        self.rested_at = 0.0
        self.turned_away_at: float | None = None


class Queue:
    """The waiting jobs of one role and priority: those that come again, then the new ones."""

    def __init__(self) -> None:
        self._again: list[Waiting] = []
        self._new: deque[Waiting] = deque()

    def put(self, waiting: Waiting) -> None:
        (self._again if waiting.attempts else self._new).append(waiting)

    def first_for(self, slot: Slot, now: float) -> Waiting | None:
        """The next one that the slot may have: not yet the one that it has just failed."""
        for waiting in self._again:
            if waiting.slot is not slot or waiting.rested_at <= now:
                return waiting
        return self._new[0] if self._new else None

    def take(self, waiting: Waiting) -> None:
        if waiting.attempts:
            self._again.remove(waiting)
        else:
            self._new.remove(waiting)

    def ready_for(self, slot: Slot, now: float) -> int:
        """How many the slot may have."""
        again = sum(one.slot is not slot or one.rested_at <= now for one in self._again)
        return again + len(self._new)

    def __len__(self) -> int:
        return len(self._again) + len(self._new)

    def __contains__(self, waiting: Waiting) -> bool:
        return waiting in (self._again if waiting.attempts else self._new)

    def take_all(self) -> list[Waiting]:
        taken = [*self._again, *self._new]
        self._again.clear()
        self._new.clear()
        return taken
