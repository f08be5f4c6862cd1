"""A day's requests answered while they come: each reply goes out as soon as its results land.

A run takes the requests that are open, and those that come meanwhile, until none is left. It
hears of them by NOTIFY, and looks by itself now and then. Interactive ones go first; of batch ones
only so many are handed to the dispatch that an interactive one never waits behind them.

A reply is published before it is noted: a death in between publishes it again under the same event
id, and it lands once. While NATS is away, replies wait and the slots go on.

Belongs here: which requests are under way, and their replies. Does not: what a request says
(`event`), attempts (`dispatch`).
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg.rows import dict_row

from model_foundry import postgres
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake.publish import publish_lines
from model_foundry.requests.event import RECIPE, jobs_of, reply
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Kind, Priority
from model_foundry.slot.outcome import Result
from model_foundry.sql import load_sql

CHANNEL: Final = "model_foundry_requests"
RANKS: Final[tuple[Priority, ...]] = ("interactive", "batch")
# Between two looks if nothing is heard, and after one that failed.
LOOK_S: Final = 1.0
# Published at once.
REPLIES: Final = 500

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Any]
log = logging.getLogger(__name__)


class Answered(NamedTuple):
    """What a run did: its dispatch, the replies by status, and the first payloads of them."""

    report: DispatchReport
    statuses: Counter[str]
    payloads: list[Mapping[str, Any]]


async def answer(
    kind: Kind,
    day: date,
    *,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    run_id: str | None = None,
) -> Answered:
    """Answer a day's open requests of a kind, and those that come meanwhile.

    Raises:
        FoundryError: the fleet is wrong; PostgreSQL or NATS stays away: the requests wait.
    """
    answering = _Answering(kind, day, settings)
    async with postgres.session(settings) as connection:
        await answering.look(connection)
    tasks = [asyncio.create_task(answering.listen()), asyncio.create_task(answering.reply())]
    try:
        async with aclosing(answering.jobs()) as jobs:
            report = await run_jobs(
                jobs,
                settings=settings,
                progress=progress,
                landed=answering.landed,
                known=answering.settle,
                run_id=run_id,
            )
        await answering.flush()
    finally:
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await answering.close()
    answering.check()
    return Answered(report, answering.statuses, answering.payloads)


class _Asked:
    """A request under way: which of its jobs have no result yet, and why it is refused if it is."""

    def __init__(self, row: Row, rank: Priority, jobs: Sequence[Job], refusal: str | None) -> None:
        self.row = row
        self.rank: Priority = rank
        self.jobs = jobs
        self.open = {job.job_id for job in jobs}
        self.refusal = refusal


class _Answering:
    def __init__(self, kind: Kind, day: date, settings: Settings) -> None:
        self.statuses: Counter[str] = Counter()
        self.payloads: list[Mapping[str, Any]] = []
        self._kind: Kind = kind
        self._day = day
        self._settings = settings
        self._fleet = settings_fleet(settings)
        slots = self._fleet.in_profile(settings.profile)
        places = sum(slot.parallel + slot.queue_ahead for slot in slots)
        self._room = max(settings.inference_queue_jobs, 2 * places)
        self._asked: dict[str, _Asked] = {}
        self._todo: dict[Priority, deque[Job]] = {rank: deque() for rank in RANKS}
        self._handed_on: set[str] = set()  # batch jobs
        self._done: deque[_Asked] = deque()
        self._looking = asyncio.Lock()
        self._changed, self._any_done = asyncio.Event(), asyncio.Event()
        self._noting: Connection | None = None
        self._failed: Exception | None = None

    def check(self) -> None:
        """Raise what kept requests from being answered."""
        if self._failed is not None:
            raise self._failed

    # The source of jobs.

    async def jobs(self) -> AsyncGenerator[Job, None]:
        """Jobs as there is room for them, until every request has its reply."""
        while self._failed is None:
            self._changed.clear()
            if job := self._next():
                yield job
            elif self._asked or await self._look_again():
                await self._changed.wait()
            else:
                return

    def _next(self) -> Job | None:
        if self._todo["interactive"]:
            return self._todo["interactive"].popleft()
        if self._todo["batch"] and len(self._handed_on) < self._room:
            job = self._todo["batch"].popleft()
            self._handed_on.add(job.job_id)
            return job
        return None

    async def _look_again(self) -> bool:
        async with postgres.session(self._settings) as connection:
            return await self.look(connection)

    async def look(self, connection: Connection) -> bool:
        """Take up the requests that have come; whether there are any."""
        async with self._looking:
            new: list[_Asked] = []
            for rank in RANKS:
                rows = await _rows(connection, "open", self._wanted(rank))
                new += await asyncio.to_thread(self._read, rank, rows)
            self._asked |= {asked.row["event_id"]: asked for asked in new}
            for asked in new:
                self._todo[asked.rank] += asked.jobs
                if not asked.jobs:
                    self._finish(asked)
        if new:
            self._changed.set()
        return bool(new)

    async def listen(self) -> None:
        """Look whenever requests come, until cancelled."""
        while True:
            try:
                async with postgres.session(self._settings) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    while True:
                        await self.look(connection)
                        async for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                            pass
            except (psycopg.OperationalError, FoundryError) as error:
                log.warning("looking for requests again: %s", error)
                await asyncio.sleep(LOOK_S)
            except Exception as error:
                self._end(error)
                return

    def _wanted(self, rank: Priority) -> dict[str, Any]:
        known = [each for each, asked in self._asked.items() if asked.rank == rank]
        return {
            "kind": self._kind,
            "day": self._day,
            "batch": rank == "batch",
            "known": known,
            "max_rows": max(0, self._settings.request_batch - len(known)),
        }

    def _read(self, rank: Priority, rows: Sequence[Row]) -> list[_Asked]:
        """Requests as jobs; what is none is refused, and says why."""
        read = []
        for row in rows:
            jobs: list[Job] = []
            refusal = None
            try:
                row["request"] = msgspec.json.decode(row["request"])
                jobs = jobs_of(
                    self._kind, row, self._day, fleet=self._fleet, settings=self._settings
                )
                for job in jobs:
                    _ = job.job_id  # which fails where the request holds what JSON cannot
            except FoundryError:
                raise
            except RecursionError:
                refusal = "nested too deeply"
            except Exception as error:  # whatever it holds is no fault of the others
                refusal = str(error) or type(error).__name__
            read.append(_Asked(row, rank, [] if refusal else jobs, refusal))
        return read

    # Results, and replies.

    async def landed(self, results: Sequence[Result]) -> None:
        """Note the results."""
        self.settle(result.job for result in results)

    def settle(self, jobs: Iterable[Job]) -> None:
        """These have a result; the requests that have all of theirs are replied to."""
        for job in jobs:
            self._handed_on.discard(job.job_id)
            asked = self._asked.get(str(job.source_event_id))
            if asked is not None and job.job_id in asked.open:
                asked.open.discard(job.job_id)
                if not asked.open:
                    self._finish(asked)
        self._changed.set()

    def _finish(self, asked: _Asked) -> None:
        self._done.append(asked)
        self._any_done.set()

    async def flush(self) -> None:
        """Wait for the replies that can be sent."""
        while self._done and self._failed is None:
            self._changed.clear()
            await self._changed.wait()

    async def reply(self) -> None:
        """Publish replies as requests are done, until cancelled."""
        away_at: float | None = None
        while True:
            await self._any_done.wait()
            self._any_done.clear()
            while self._done and self._failed is None:
                # One by one after a failure: it may be about one of them.
                size = min(REPLIES if away_at is None else 1, len(self._done))
                portion = [self._done.popleft() for _ in range(size)]
                try:
                    await self._reply_to(portion)
                except (psycopg.OperationalError, FoundryError) as error:
                    self._done += portion
                    away_at = away_at or time.monotonic()
                    if time.monotonic() - away_at > self._settings.intake_retry_s:
                        self._end(error)
                    log.warning("replies wait: %s", error)
                    await asyncio.sleep(LOOK_S)
                except Exception as error:
                    self._end(error)
                else:
                    away_at = None
                    for asked in portion:
                        del self._asked[asked.row["event_id"]]
                    self._changed.set()

    def _end(self, error: Exception) -> None:
        """Take up nothing more; what is being asked still lands."""
        self._failed = self._failed or error
        self._changed.set()

    async def _reply_to(self, portion: Sequence[_Asked]) -> None:
        events = [asked.row["event_id"] for asked in portion]
        wanted = {"recipe": RECIPE, "kind": self._kind, "event_ids": events}
        connection = await self._connected()
        answers: dict[str, list[Row]] = {}
        for found in await _rows(connection, "results", wanted):
            answers.setdefault(found["source_event_id"], []).append(found)
        replies = [self._reply(asked, answers) for asked in portion]
        lines = [msgspec.json.encode(one) for one in replies]
        await asyncio.to_thread(publish_lines, self._settings, lines)
        noted = [
            {
                "kind": self._kind,
                "day": self._day,
                "event_id": one["causation_id"],
                "status": one["payload"]["status"],
            }
            for one in replies
        ]
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(load_sql("postgres/requests/remember"), noted)
        for one in replies:
            self.statuses[one["payload"]["status"]] += 1
            if len(self.payloads) < self._settings.preview_rows:
                self.payloads.append(one["payload"])

    async def _connected(self) -> Connection:
        """The connection that replies are noted on; a new one if it was lost."""
        if self._noting is None or self._noting.closed:
            self._noting = await postgres.connect_async(self._settings)
            await self._noting.set_autocommit(True)
        return self._noting

    async def close(self) -> None:
        """Close the connection that replies are noted on."""
        if self._noting is not None:
            await self._noting.close()

    def _reply(self, asked: _Asked, answers: Mapping[str, list[Row]]) -> dict[str, Any]:
        results = answers.get(asked.row["event_id"], [])
        try:
            return reply(self._kind, asked.row, results, refusal=asked.refusal)
        except Exception as error:  # it gets one all the same
            log.exception("the reply to %s cannot be made", asked.row["event_id"])
            refusal = f"its answer cannot be told: {type(error).__name__}: {error}"
            return reply(self._kind, asked.row, [], refusal=refusal)


async def _rows(connection: Connection, name: str, parameters: Mapping[str, Any]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(load_sql(f"postgres/requests/{name}"), parameters)
        return await cursor.fetchall()
