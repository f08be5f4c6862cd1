"""Where results are kept: the table `inference_result`, and jobs that are asked only once.

Belongs here: which jobs have an answer, the landing of results, the whole way of a job. Does not:
order and attempts (`dispatcher`), what an answer is worth (`outcome`).
"""

import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg.types.json import Jsonb
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from model_foundry.dispatch.dispatcher import dispatch, one_by_one
from model_foundry.dispatch.leases import Leases
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.results.portions import portions
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, storable
from model_foundry.slot.outcome import Result
from model_foundry.slot.timings import Timings
from model_foundry.store import postgres
from model_foundry.store.sql import load_sql

# Jobs looked up in one query.
LOOKUP_JOBS: Final = 500
# How long the first of them waits for others.
LOOKUP_WAIT_S: Final = 0.005

Connection = psycopg.AsyncConnection[Any]
Landed = Callable[[Sequence[Result]], Awaitable[None]]
T = TypeVar("T")
log = logging.getLogger(__name__)


async def run_jobs(
    jobs: AsyncIterable[Job] | Iterable[Job],
    *,
    settings: Settings,
    slots: Sequence[Slot] | None = None,
    progress: Callable[[Progress], None] | None = None,
    landed: Landed | None = None,
    run_id: str | None = None,
) -> DispatchReport:
    """Ask the jobs that have no answer yet, and keep every result; the rest is counted as cached.

    Args:
        jobs: a job that comes twice is asked once. An AsyncIterable may keep it waiting for more.
        settings: the database, the fleet and its profile, the limits.
        slots: those to use instead of the profile's.
        progress: see `dispatch`; it does not see what is cached.
        landed: told of results that have just been kept; what it raises ends the dispatch.
        run_id: see `dispatch`.

    Raises:
        FoundryError: PostgreSQL cannot be reached, or the fleet is wrong.
    """
    if slots is None:
        slots = settings_fleet(settings).in_profile(settings.profile)
    async with await postgres.connect_async(settings):
        pass  # the error comes now, and at once
    environment = settings.environment()
    unanswered = _Unanswered(jobs, settings)

    async def keep(results: Sequence[Result]) -> None:
        await _patiently(settings, lambda connection: land(connection, results))
        if landed is not None:
            await landed(results)

    async with aclosing(unanswered.jobs()) as todo:
        report = await dispatch(
            todo,
            slots=slots,
            environment=environment,
            land=keep,
            settings=settings,
            leases=Leases(slots, environment, settings),
            progress=progress,
            run_id=run_id,
        )
    return msgspec.structs.replace(report, cached=unanswered.cached)


async def answered(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Those of the jobs that have an answer: status ok or rejected."""
    cursor = await connection.execute(
        load_sql("postgres/inference/answered"), {"job_ids": list(job_ids)}
    )
    return {str(job_id) for (job_id,) in await cursor.fetchall()}


async def land(connection: Connection, results: Sequence[Result]) -> None:
    """Keep the results, in one transaction (a savepoint, if the connection is in one).

    A job's failed result gives way to a later one, its answer never does: to land a batch again
    changes nothing.
    """
    # In one order everywhere: two that land the same jobs do not lock each other out.
    rows = sorted((_row(result) for result in results), key=lambda row: str(row["job_id"]))
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.executemany(load_sql("postgres/inference/land"), rows)


class _Unanswered:
    """The jobs of a source without those that have an answer, which are counted."""

    def __init__(self, jobs: AsyncIterable[Job] | Iterable[Job], settings: Settings) -> None:
        self._source = jobs
        self._settings = settings
        self._seen: set[str] = set()
        self.cached = 0

    async def jobs(self) -> AsyncGenerator[Job, None]:
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                new = {job.job_id: job for job in chunk if job.job_id not in self._seen}
                self._seen |= new.keys()
                for each in await self._without_answer(new) if new else ():
                    yield each

    async def _chunks(self) -> AsyncGenerator[list[Job], None]:
        if isinstance(self._source, AsyncIterable):
            async with aclosing(portions(self._source, LOOKUP_JOBS, LOOKUP_WAIT_S)) as live:
                async for chunk in live:
                    yield chunk
            return
        chunk = []
        async with aclosing(one_by_one(self._source)) as source:
            async for job in source:
                chunk.append(job)
                if len(chunk) == LOOKUP_JOBS:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    async def _without_answer(self, chunk: dict[str, Job]) -> list[Job]:
        done = await _patiently(
            self._settings, lambda connection: answered(connection, chunk.keys())
        )
        self.cached += len(done)
        return [job for job_id, job in chunk.items() if job_id not in done]


async def _patiently(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do the work on a connection of its own; again for a while if PostgreSQL is away."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((psycopg.OperationalError, FoundryError)),
        stop=stop_after_delay(settings.inference_land_retry_s),
        wait=wait_random_exponential(multiplier=0.2, max=5.0),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    ):
        with attempt:
            async with await postgres.connect_async(settings) as connection:
                return await work(connection)
    raise AssertionError("AsyncRetrying ended without a result or an error")


def _row(result: Result) -> dict[str, Any]:
    job, slot, completion = result.job, result.slot, result.completion
    timings = completion and completion.timings
    return {
        "job_id": job.job_id,
        "recipe": job.recipe,
        "kind": job.kind,
        "role": job.role,
        "slot": slot and slot.name,
        "status": result.status,
        "error_kind": result.error_kind,
        "error": storable(result.error),
        "attempts": result.attempts,
        "occurred_on": job.occurred_on,
        "correlation_id": job.correlation_id,
        "source_event_id": job.source_event_id,
        "source_event_ids": job.source_event_ids,
        "source_part": job.source_part,
        "source_row": _jsonb(job.source_row) if job.source_row else None,
        "request": _jsonb(job.request),
        "request_model": slot and slot.model,
        "response_model": completion and completion.response_model,
        "provider_name": slot and slot.runtime,
        "licence": slot and slot.licence,
        "slot_parallel": slot and slot.parallel,
        "slot_price_per_hour": slot and slot.price_per_hour,
        "slot_watts": slot and slot.watts,
        "sent_back_text": storable(result.sent_back),
        "response_text": completion and completion.text,
        "reasoning_text": completion and completion.reasoning,
        "tool_calls": completion and completion.tool_calls and _jsonb(completion.tool_calls),
        "finish_reason": completion and completion.finish_reason,
        **{name: timings and getattr(timings, name) for name in Timings.__struct_fields__},
        "created_at": result.created_at,
        "completed_at": result.completed_at,
    }


def _jsonb(value: object) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)
