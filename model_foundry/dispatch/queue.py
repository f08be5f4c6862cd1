"""The jobs that wait: those that come again, then the new ones, of one role and priority.

Belongs here: what is known of a job between its attempts, and the order in which jobs wait.
Does not: when one is tried again (`blame`), and where (`choosing`).
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime

from model_foundry.dispatch.shape import Shape, prompt_bytes, shape_of
from model_foundry.fleet.file import Slot
from model_foundry.slot.answers import Completion
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Job, Request


class Waiting:
    """A job that was taken from the source and has no result yet.

    `barred` are the slots that refused it, `spent` the attempts that others failed, by their names.
    """

    __slots__ = (
        "asked_at",
        "attempts",
        "barred",
        "deadline",
        "job",
        "last_error",
        "order",
        "passed_over",
        "prefixes",
        "repair",
        "rested_at",
        "sent_back",
        "settled",
        "shape",
        "size_bytes",
        "slot",
        "spent",
        "turned_away_at",
        "without",
    )

    def __init__(self, job: Job, order: int) -> None:
        self.job = job
        self.order = order
        self.size_bytes = prompt_bytes(job.request)
        self.shape: Shape = shape_of(job.request, self.size_bytes)
        self.prefixes: tuple[int, ...] = ()
        self.passed_over = 0
        self.deadline: asyncio.TimerHandle | None = None
        self.settled = False
        self.attempts = 0
        self.barred: frozenset[str] = frozenset()
        self.spent: Counter[str] = Counter()
        self.without: frozenset[str] = frozenset()
        self.last_error: SlotError | None = None
        self.asked_at: datetime | None = None
        self.slot: Slot | None = None
        self.sent_back: Completion | None = None
        self.repair: Request | None = None
        self.rested_at = 0.0
        self.turned_away_at: float | None = None

    @property
    def request(self) -> Request:
        """What is asked next."""
        return self.repair or self.job.request


class Queue:
    """The waiting jobs of one role and priority: those that come again, then the new ones."""

    def __init__(self) -> None:
        self._again: list[Waiting] = []
        self._new: OrderedDict[int, Waiting] = OrderedDict()
        self._shapes: Counter[Shape] = Counter()
        # By each beginning of a prompt, the new ones that begin so.
        self._begun: dict[int, dict[int, Waiting]] = {}

    def put(self, waiting: Waiting) -> None:
        if waiting.attempts:
            self._again.append(waiting)
        else:
            self._new[waiting.order] = waiting
            self._shapes[waiting.shape] += 1
            for prefix in waiting.prefixes:
                self._begun.setdefault(prefix, {})[waiting.order] = waiting

    def take(self, waiting: Waiting) -> None:
        if waiting.attempts:
            self._again.remove(waiting)
            return
        del self._new[waiting.order]
        self._shapes[waiting.shape] -= 1
        if not self._shapes[waiting.shape]:
            del self._shapes[waiting.shape]
        for prefix in waiting.prefixes:
            alike = self._begun[prefix]
            del alike[waiting.order]
            if not alike:
                del self._begun[prefix]

    def again_for(self, slot: Slot, now: float) -> Iterator[Waiting]:
        """Those that were tried, without the ones that the slot has just failed."""
        for waiting in self._again:
            if waiting.slot is not slot or waiting.rested_at <= now:
                yield waiting

    def new(self) -> Iterable[Waiting]:
        """Those that were never tried, in their order."""
        return self._new.values()

    def first_from(self, prefix: int) -> Waiting | None:
        """The first of the new ones whose prompt begins so."""
        return next(iter(self._begun.get(prefix, {}).values()), None)

    def shapes(self) -> Iterable[tuple[Shape, int]]:
        """The shapes of those that were never tried, and how many have each."""
        return self._shapes.items()

    def all(self) -> list[Waiting]:
        """Everyone, those that come again first."""
        return [*self._again, *self._new.values()]

    def __len__(self) -> int:
        return len(self._again) + len(self._new)

    def __contains__(self, waiting: Waiting) -> bool:
        return waiting in self._again if waiting.attempts else waiting.order in self._new
