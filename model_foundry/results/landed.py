"""Where results are kept: the table `inference_result`, and jobs that are asked only once.

Belongs here: the landing of results, the whole way of a job. Does not: whose a job is to ask
(`claims`), order and attempts (`dispatcher`), what an answer is worth (`outcome`).
"""

import logging
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.feeding import Jobs
from model_foundry.dispatch.leases import Leases
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.postgres import row_errors
from model_foundry.postgres.patient import Patient
from model_foundry.results.claims import Claims, longest_contexts
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, storable
from model_foundry.slot.outcome import Result
from model_foundry.slot.timings import Timings
from model_foundry.sql import load_sql

_ERROR_MAX_CHARS: Final = 500

_JSON: Final = msgspec.json.Encoder(enc_hook=str)

Connection = psycopg.AsyncConnection[Any]
Landed = Callable[[Sequence[Result]], Awaitable[None]]
T = TypeVar("T")
log = logging.getLogger(__name__)


async def run_jobs(
    jobs: Jobs,
    *,
    settings: Settings,
    slots: Sequence[Slot] | None = None,
    progress: Callable[[Progress], None] | None = None,
    landed: Landed | None = None,
    known: Callable[[Sequence[Job]], None] | None = None,
    run_id: str | None = None,
) -> DispatchReport:
    """Ask the jobs that have no answer yet, and keep every result; the rest is counted as cached.

    Args:
        jobs: a job that comes twice is asked once, and one that another run is asking not at all:
            this run waits for its answer, and asks if none comes. Of a list, interactive jobs are
            taken first. An asynchronous source is read as it comes, so that nothing urgent waits
            in it. Any other iterable is read as there is room: an interactive job in it waits
            until enough of those before it have landed.
        settings: the database, the fleet and its profile, the limits.
        slots: those to use instead of the profile's.
        progress: see `dispatch`; `cached` says how many had an answer so far.
        landed: told of results that have just been kept; what it raises ends the dispatch.
        known: told of jobs that have an answer already, or by now, from another run.
        run_id: see `dispatch`.

    Raises:
        FoundryError: PostgreSQL cannot be reached, or the fleet is wrong.
    """
    if slots is None:
        slots = settings_fleet(settings).in_profile(settings.profile)
    environment = settings.environment()
    leases = Leases(slots, environment, settings)

    # Looking up and landing wait for each other's transactions no more than two runs do.
    looking, landing = Patient(settings), Patient(settings)
    claims = Claims(jobs, leases.presence, looking, longest_contexts(slots), known)
    unstored: list[Unstored] = []

    async def keep(results: Sequence[Result]) -> None:
        run = leases.presence.run
        unstored.extend(await landing(lambda connection: land(connection, results, run)))
        if landed is not None:
            await landed(results)

    def tell(stand: Progress) -> None:
        if progress is not None:
            progress(msgspec.structs.replace(stand, cached=claims.cached))

    async with looking, landing:
        await looking.connect()  # the error of a database that is away comes now, and at once
        try:
            async with aclosing(claims.jobs()) as todo:
                report = await dispatch(
                    todo,
                    slots=slots,
                    environment=environment,
                    land=keep,
                    settings=settings,
                    leases=leases,
                    progress=progress and tell,
                    run_id=run_id,
                    live=isinstance(jobs, AsyncIterable),
                )
        finally:
            with suppress(psycopg.Error, FoundryError):
                await looking.once(claims.release)
    return _as_landed(msgspec.structs.replace(report, cached=claims.cached), unstored)


class Unstored(NamedTuple):
    """A result that PostgreSQL would not have: it landed as failed, for a reason that it names."""

    result: Result
    reason: str


async def land(
    connection: Connection, results: Sequence[Result], run: int | None = None
) -> list[Unstored]:
    """Keep the results, in one transaction (a savepoint, if the connection is in one).

    A job's failed result gives way to a later one, its answer never does: to land a batch again
    changes nothing. A result whose row cannot be stored lands as failed and is returned; the others
    land as they are. With `run`, that run's claims on the jobs end.
    """
    rows = []
    unstored: list[tuple[Unstored, dict[str, Any]]] = []
    for result in results:
        try:
            rows.append((result, _row(result)))
        except Exception as error:
            log.exception("job %s", result.job.job_id)
            refused = _unstored(result, "internal", f"{type(error).__name__}: {error}")
            rows.append((result, refused[1]))
            unstored.append(refused)
    # In one order everywhere: two that land the same jobs do not lock each other out.
    rows.sort(key=lambda each: each[0].job.job_id)
    async with connection.transaction():
        unstored += await _insert(connection, rows)
        if run is not None:
            values = {"run": run, "job_ids": [result.job.job_id for result in results]}
            await connection.execute(load_sql("postgres/inference/release"), values)
    return [each for each, _ in unstored]


async def _insert(
    connection: Connection, rows: Sequence[tuple[Result, dict[str, Any]]]
) -> list[tuple[Unstored, dict[str, Any]]]:
    """Insert them; where the content of one is to blame, halve them down to it."""
    if not rows:
        return []
    try:
        async with connection.transaction(), connection.cursor() as cursor:
            statement = load_sql("postgres/inference/land")
            await cursor.executemany(statement, [row for _, row in rows])
    except psycopg.Error as error:
        if not _is_of_a_row(error):
            raise
        if len(rows) > 1:
            middle = len(rows) // 2
            first = await _insert(connection, rows[:middle])
            return [*first, *await _insert(connection, rows[middle:])]
        [(result, _)] = rows
        refused = _unstored(result, row_errors.reason_of(error), row_errors.detail_of(error))
    else:
        return []
    await _insert_refused(connection, refused[1])
    return [refused]


async def _insert_refused(connection: Connection, row: dict[str, Any]) -> None:
    try:
        async with connection.transaction():
            await connection.execute(load_sql("postgres/inference/land"), row)
    except psycopg.Error as error:
        if not _is_of_a_row(error):
            raise
        without = {**row, "request": _jsonb({})}
        await connection.execute(load_sql("postgres/inference/land"), without)


def _is_of_a_row(error: psycopg.Error) -> bool:
    # What psycopg itself cannot send has no code; a column of another type is a value's, here.
    unsendable = isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None
    return unsendable or isinstance(error, errors.DatatypeMismatch) or row_errors.is_of_a_row(error)


def _as_landed(report: DispatchReport, unstored: Sequence[Unstored]) -> DispatchReport:
    """The report with those counted as failed that landed so."""
    counts = Counter({"ok": report.ok, "rejected": report.rejected, "failed": report.failed})
    kinds = Counter(report.error_kinds)
    for each in unstored:
        counts[each.result.status] -= 1
        counts["failed"] += 1
        if each.result.error_kind is not None:
            kinds[each.result.error_kind] -= 1
        kinds[each.reason] += 1
    return msgspec.structs.replace(report, **counts, error_kinds=dict(+kinds))


def _row(result: Result) -> dict[str, Any]:
    job, slot, completion = result.job, result.slot, result.completion
    timings = completion and completion.timings
    raw = completion.raw if completion is not None and result.status == "rejected" else None
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
        "correlation_id": _text(job.correlation_id),
        "source_event_id": _text(job.source_event_id),
        "source_event_ids": [_text(each) for each in job.source_event_ids],
        "source_part": _text(job.source_part) or "",
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
        "raw_answer": storable(raw),
        "longest_context_tokens": result.longest_context_tokens,
        "created_at": result.created_at,
        "completed_at": result.completed_at,
    }


def _unstored(result: Result, reason: str, detail: str) -> tuple[Unstored, dict[str, Any]]:
    """A result that cannot be stored, and the row that says so, without what may be to blame."""
    bare = msgspec.structs.replace(
        result,
        job=msgspec.structs.replace(result.job, source_row=None, correlation_id=None),
        status="failed",
        completion=None,
        attempts=max(0, result.attempts),
        error_kind=reason,
        error=f"the result cannot be stored: {detail}"[:_ERROR_MAX_CHARS],
        sent_back=None,
        longest_context_tokens=None,
    )
    row = {**_row(bare), "job_id": result.job.job_id}
    return Unstored(result, reason), row


def _text(value: object) -> str | None:
    """Whatever a source row holds there, as PostgreSQL's text."""
    return None if value is None else storable(str(value))


def _jsonb(value: object) -> Jsonb:
    # A source row may hold addresses, ranges and whatever else PostgreSQL has.
    return Jsonb(value, dumps=_JSON.encode)
