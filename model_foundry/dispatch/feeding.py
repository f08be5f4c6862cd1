"""Jobs on their way from their source into the queues: no more at once than there is room for.

Each role and priority has room of its own. A source is read further while a slot idles for which
nothing waits, and one that is live (its jobs come as time goes) always: so no job of another role
or priority is hidden behind many that wait. The bound is then `LOOK_AHEAD` times as many jobs.

Belongs here: when the next job is taken. Does not: which is asked next (`choosing`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from model_foundry.dispatch.choosing import PRIORITIES
from model_foundry.slot.jobs import Job, Priority

LOOK_AHEAD: Final = 20
# How many jobs of a plain iterable are taken before others get a turn.
TAKEN_AT_ONCE: Final = 50

Jobs = AsyncIterable[Job] | Iterable[Job]


class Feeding:
    """The jobs that were taken and have not landed yet.

    Args:
        room: jobs of one role and priority.
        live: the source is read as it comes.
        idles: whether a slot has a place free for which no job waits.
    """

    def __init__(self, room: int, *, live: bool, idles: Callable[[], bool]) -> None:
        self._room = room
        self._live = live
        self._idles = idles
        self._unlanded: Counter[tuple[str, Priority]] = Counter()
        self._changed = asyncio.Event()
        self.blocked = False

    async def feed(self, jobs: Jobs, put: Callable[[Job], None]) -> None:
        """Hand every job to `put`, as there is room for it.

        Raises:
            Exception: what the source raised.
        """
        async with aclosing(one_by_one(jobs)) as source:
            async for job in source:
                while not self._has_room(job):
                    self.blocked = True
                    self._changed.clear()
                    await self._changed.wait()
                self.blocked = False
                self._unlanded[job.role, job.priority] += 1
                put(job)

    def _has_room(self, job: Job) -> bool:
        if self._unlanded[job.role, job.priority] < self._room:
            return True
        if self._unlanded.total() >= LOOK_AHEAD * self._room:
            return False
        return self._live or self._idles()

    def landed(self, jobs: Iterable[Job]) -> None:
        """They make room."""
        for job in jobs:
            self._unlanded[job.role, job.priority] -= 1
        self._changed.set()

    def look(self) -> None:
        """A slot may have become idle."""
        if self.blocked and self._idles():
            self._changed.set()


async def one_by_one(jobs: Jobs) -> AsyncGenerator[Job, None]:
    """The jobs of either kind of source; a plain one lets others go on now and then.

    Of a list, which is there whole, interactive jobs come first.
    """
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
        return
    if isinstance(jobs, Sequence):
        jobs = sorted(jobs, key=lambda job: PRIORITIES.index(job.priority))
    for number, job in enumerate(jobs, start=1):
        yield job
        if number % TAKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
