"""A job that comes to two runs at once is asked by one: which jobs of a source are this run's.

A run claims jobs before it asks them, as many as it takes at once, in the table `job_claim`. A
claim goes with the result, and with the run. Jobs that another run is asking are looked at again
and again: they are answered at last, or free.

Belongs here: which jobs are this run's. Does not: a run's sign of life (`dispatch.presence`), what
lands (`landed`).
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Final, TypeVar

import psycopg

from model_foundry.dispatch import presence
from model_foundry.dispatch.feeding import Jobs, one_by_one
from model_foundry.dispatch.leases import REHOLD_S
from model_foundry.dispatch.presence import Presence
from model_foundry.fleet.file import Slot
from model_foundry.postgres.patient import Patient
from model_foundry.slot.jobs import Job
from model_foundry.sql import load_sql

# Jobs looked up in one query. The first are few, so that the slots begin soon.
LOOKUP_JOBS: Final = 500
FIRST_LOOKUP_JOBS: Final = 50
# How long a live source may pause before what it gave is looked up.
PATIENCE_S: Final = 0.005
# Between two looks at jobs that other runs are asking.
LOOK_AGAIN_S: Final = 0.5

Connection = psycopg.AsyncConnection[Any]
T = TypeVar("T")


class Claims:
    """The jobs of a source that have no answer and that no other run asks.

    `cached` counts those that have an answer, whoever asked; `known` is told of them.
    """

    def __init__(
        self,
        source: Jobs,
        shown: Presence,
        patiently: Patient,
        contexts: Mapping[str, int],
        known: Callable[[Sequence[Job]], None] | None = None,
    ) -> None:
        self._source = source
        self._presence = shown
        self._patiently = patiently
        self._contexts = contexts
        self._known = known
        self._seen: set[str] = set()
        self._others: dict[str, Job] = {}
        self.cached = 0

    async def jobs(self) -> AsyncGenerator[Job, None]:
        """Each once. Those that others ask come last, if they still need asking.

        Raises:
            FoundryError, psycopg.OperationalError: PostgreSQL has been away for too long.
        """
        await self._presence.wait()
        await self._patiently(_release_dead)
        async with aclosing(self._portions()) as portions:
            async for portion in portions:
                for job in await self._mine(portion):
                    yield job
        while self._others:
            await asyncio.sleep(LOOK_AGAIN_S)
            for job in await self._free_again():
                yield job

    async def release(self, connection: Connection) -> None:
        """Give up what was not asked."""
        values = {"run": self._presence.run, "job_ids": None}
        await connection.execute(load_sql("postgres/inference/release"), values)

    async def _portions(self) -> AsyncGenerator[dict[str, Job], None]:
        """As many new jobs as are there, not more than are looked up at once."""
        portion: dict[str, Job] = {}
        size = FIRST_LOOKUP_JOBS
        live = isinstance(self._source, AsyncIterable)
        async with aclosing(one_by_one(self._source)) as source:
            jobs = _with_pauses(source) if live else source
            async with aclosing(jobs):
                async for job in jobs:
                    if job is not None and job.job_id not in self._seen:
                        self._seen.add(job.job_id)
                        portion[job.job_id] = job
                    if len(portion) == size or (job is None and portion):
                        yield portion
                        portion = {}
                        size = min(2 * size, LOOKUP_JOBS)
                    elif job is None and self._others:
                        yield {}
        yield portion

    async def _mine(self, jobs: dict[str, Job]) -> list[Job]:
        again = await self._free_again() if not jobs or len(self._others) >= LOOKUP_JOBS else []
        return [*again, *await self._claim(jobs)]

    async def _free_again(self) -> list[Job]:
        """Of the jobs that others were asking those that are this run's now."""
        await self._patiently(_release_dead)
        others, self._others = self._others, {}
        return await self._claim(others)

    async def _claim(self, jobs: dict[str, Job]) -> list[Job]:
        if not jobs:
            return []
        # A claim that others cannot see the holder of would be taken for a dead run's.
        values = {"run": await self._presence.wait(), **_asked(jobs.values(), self._contexts)}

        async def work(connection: Connection) -> tuple[set[str], set[str]]:
            claimed = await _ids(connection, "claim", values)
            # Looked up after it was claimed: what landed in between had been another's.
            return claimed, await _ids(connection, "answered", values)

        claimed, done = await self._patiently(work)
        self.cached += len(done)
        if done and self._known is not None:
            self._known([job for job_id, job in jobs.items() if job_id in done])
        self._others.update(
            (job_id, job) for job_id, job in jobs.items() if job_id not in claimed | done
        )
        return [job for job_id, job in jobs.items() if job_id in claimed - done]


def _asked(jobs: Iterable[Job], contexts: Mapping[str, int]) -> dict[str, Any]:
    found = [(job.job_id, contexts.get(job.role)) for job in jobs]
    return {
        "job_ids": [job_id for job_id, _ in found],
        "contexts": [context for _, context in found],
    }


def longest_contexts(slots: Iterable[Slot]) -> dict[str, int]:
    """The tokens that the slots of each role take at most."""
    contexts: dict[str, int] = {}
    for slot in slots:
        for role in slot.roles:
            contexts[role] = max(contexts.get(role, 0), slot.context_tokens)
    return contexts


async def _ids(connection: Connection, name: str, values: dict[str, Any]) -> set[str]:
    async with connection.transaction():
        cursor = await connection.execute(load_sql(f"postgres/inference/{name}"), values)
        return {str(job_id) for (job_id,) in await cursor.fetchall()}


async def _release_dead(connection: Connection) -> None:
    values = {"key": presence.KEY, "rehold_s": REHOLD_S}
    await connection.execute(load_sql("postgres/inference/release_dead"), values)


async def _with_pauses(source: AsyncIterator[Job]) -> AsyncGenerator[Job | None, None]:
    """The jobs of a live source, and None whenever it pauses."""
    ends = object()

    async def following() -> object:
        return await anext(source, ends)

    coming = asyncio.ensure_future(following())
    patience_s = PATIENCE_S
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=patience_s)
            if not done:
                patience_s = LOOK_AGAIN_S
                yield None
                continue
            job = coming.result()
            if job is ends:
                return
            assert isinstance(job, Job)  # noqa: S101 (or it ended)
            yield job
            patience_s = PATIENCE_S
            coming = asyncio.ensure_future(following())
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
