"""The queue that keeps every slot full: which job goes to which slot, and when again.

Slots pull. Whenever a place of a slot is free, it takes the next job of the slot's roles; nothing
is assigned ahead, so a slow slot gets less and no slot idles while a job of its role waits.

- A failed attempt is repeated if it may succeed: at once on another slot of the role, or after a
  wait on the same one. Being turned away for lack of room (429, 503) spends none of the job's
  attempts; the place that met it rests, or the whole slot for as long as Retry-After says.
- A slot has as many places as it works on at once, and `queue_ahead` more whose requests wait in
  the server's own queue. With leases they are shared with other runs (`leases`).
- A job that has no answer by its deadline fails, and its attempt is cancelled.
- An answer of the wrong shape is sent back once, as a further turn, to whichever slot is free.
- A slot that does not answer is paused and looked at until its health returns. When all slots of
  a role have been dead for too long, its jobs fail.
- Results are handed to `land` in batches, one batch at a time. What has finished is landed even
  if the dispatch is cancelled.

Belongs here: attempts, pauses, deadlines. Does not: the order of the waiting (`queue`), HTTP
(`client`), which places there are (`leases`), where results go (`landing`, `results`).
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from typing import Final

from model_foundry.dispatch.announce import Announcer
from model_foundry.dispatch.landing import Land, Landing
from model_foundry.dispatch.leases import Demand, Leases
from model_foundry.dispatch.queue import Queue, Waiting
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import ErrorKind, SlotError
from model_foundry.slot.jobs import Job, Priority
from model_foundry.slot.outcome import (
    Result,
    Status,
    as_accepted,
    judged,
    repair_turn,
    repaired,
    said,
)

PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "batch")
TURNED_AWAY: Final[frozenset[ErrorKind]] = frozenset({"rate_limited", "unavailable"})
UNASKABLE: Final[frozenset[ErrorKind]] = frozenset({"bad_request", "too_large"})
PERHAPS_DEAD: Final[frozenset[ErrorKind]] = frozenset({"connection", "timeout", "unavailable"})
# How many jobs of a plain iterable are taken before others get a turn.
TAKEN_AT_ONCE: Final = 50

log = logging.getLogger(__name__)


async def dispatch(
    jobs: AsyncIterable[Job] | Iterable[Job],
    *,
    slots: Sequence[Slot],
    environment: Mapping[str, str],
    land: Land,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    leases: Leases | None = None,
    run_id: str | None = None,
) -> DispatchReport:
    """Ask every job on the slots of its role, and land each result once.

    Args:
        jobs: taken as places come free, never all at once; each job_id at most once.
        slots: those to use; a job whose role none of them serves fails.
        environment: where the slots' endpoints and keys are looked up.
        land: keeps a batch of results. Called again with the same batch if it was cancelled, so
            it must be idempotent.
        settings: the limits, `inference_*`.
        progress: called every `inference_progress_s`, and at the end.
        leases: of these slots; without them no other run may use the slots meanwhile.
        run_id: Dagster's, for telemetry.

    Raises:
        FoundryError: a slot's endpoint or key is not set; leases cannot be held any more.
        Exception: what `jobs` raised (after the jobs that it gave have ended), `land` or
            `progress` (at once).
    """
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(SlotClient(slot, environment, settings))
            for slot in slots
        ]
        return await _Dispatch(clients, land, settings, progress, leases, run_id=run_id).run(jobs)


class _Dispatch:
    def __init__(
        self,
        clients: Sequence[SlotClient],
        land: Land,
        settings: Settings,
        progress: Callable[[Progress], None] | None,
        leases: Leases | None,
        *,
        run_id: str | None,
    ) -> None:
        self._leases = leases
        self._served = [
            ServedSlot(client, None if leases is None else leases.of(client.slot))
            for client in clients
        ]
        self._by_role: dict[str, list[ServedSlot]] = {}
        for served in self._served:
            for role in served.slot.roles:
                self._by_role.setdefault(role, []).append(served)
        self._queues = {(role, rank): Queue() for role in self._by_role for rank in PRIORITIES}
        self._landing = Landing(land, settings, self._landed)
        self._settings = settings
        self._announcer = Announcer.where_wanted(settings, run_id)
        self._progress = progress
        # A slot that gave no answer for so long, though every attempt had its time.
        self._failing_limit_s = settings.inference_wait_s + settings.inference_request_timeout_s
        slots = [client.slot for client in clients]
        places = sum(slot.parallel + slot.queue_ahead for slot in slots)
        self._room = asyncio.Semaphore(
            max(settings.inference_queue_jobs, 2 * places) + 2 * settings.inference_land_batch
        )
        self._taken = self._open = self._unlanded = 0
        self._source_ended = False
        self._source_error: Exception | None = None
        self._statuses: Counter[Status] = Counter()
        self._error_kinds: Counter[str] = Counter()
        self._input_tokens = self._output_tokens = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = time.monotonic()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, jobs: AsyncIterable[Job] | Iterable[Job]) -> DispatchReport:
        for served in self._served:
            served.pause(self._started)
            self._spawn(self._watch(served))
        if self._leases is not None:
            by_name = {served.slot.name: served for served in self._served}
            keep = self._leases.keep(
                lambda name: self._demand(by_name[name]), self._pump, self._backlog
            )
            self._spawn(keep)
        self._spawn(self._feed(jobs))
        self._spawn(self._landing.keep_on())
        if self._progress is not None:
            self._spawn(self._tell(self._progress))
        try:
            await self._end
        finally:
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._landing.land_rest()
        if self._progress is not None:
            self._progress(self._stand())
        return DispatchReport(
            asked=self._taken,
            cached=0,
            ok=self._statuses["ok"],
            rejected=self._statuses["rejected"],
            failed=self._statuses["failed"],
            error_kinds=dict(self._error_kinds),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            wall_s=time.monotonic() - self._started,
            telemetry_dropped=None if self._announcer is None else self._announcer.dropped,
            slots=tuple(
                served.tally.figures(served.slot.name, served.slot.model) for served in self._served
            ),
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    # The source.

    async def _feed(self, jobs: AsyncIterable[Job] | Iterable[Job]) -> None:
        try:
            async with aclosing(one_by_one(jobs)) as source:
                async for job in source:
                    await self._room.acquire()
                    self._taken += 1
                    self._open += 1
                    self._unlanded += 1
                    waiting = Waiting(job, self._taken)
                    self._set_deadline(waiting)
                    self._put(waiting)
        except Exception as error:
            self._source_error = error
        self._source_ended = True
        self._end_if_done()

    def _put(self, waiting: Waiting) -> None:
        role = waiting.job.role
        if role not in self._by_role:
            served = ", ".join(sorted(self._by_role))
            self._give_up(waiting, "no_slot", f"no slot serves the role {role}; served: {served}")
            return
        self._queues[role, waiting.job.priority].put(waiting)
        self._pump()
        self._give_up_if_dead(role)

    def _end_if_done(self) -> None:
        if not self._source_ended or self._end.done():
            return
        if self._open == 0:
            self._landing.hurry()
        if self._unlanded > 0:
            return
        if self._source_error is not None:
            self._end.set_exception(self._source_error)
        else:
            self._end.set_result(None)

    # Places.

    def _pump(self) -> None:
        """Give every free place a job, the least busy slot first."""
        if self._end.done():
            return
        now = time.monotonic()
        started = True
        while started:
            started = False
            for served in sorted(self._served, key=ServedSlot.load):
                if served.free(now) > 0 and (waiting := self._next_for(served, now)):
                    served.busy += 1
                    served.interactive += waiting.job.priority == "interactive"
                    self._spawn(self._attempt(served, waiting))
                    started = True
        if self._leases is not None:
            self._look_for_places(self._leases)

    def _look_for_places(self, leases: Leases) -> None:
        for served in self._served:
            if served.lease is not None and served.lease.needs_look(self._demand(served)):
                leases.look()

    def _demand(self, served: ServedSlot) -> Demand:
        now = time.monotonic()
        batch, interactive = (
            sum(self._queues[role, rank].ready_for(served.slot, now) for role in served.slot.roles)
            for rank in ("batch", "interactive")
        )
        wanted = served.busy + min(batch + interactive, served.open(now))
        return Demand(
            places=served.places,
            in_use=served.busy,
            wanted=wanted,
            interactive=min(wanted, served.interactive + interactive),
        )

    def _backlog(self) -> dict[str, int]:
        """How many jobs of each role wait."""
        return {
            role: sum(len(self._queues[role, rank]) for rank in PRIORITIES)
            for role in self._by_role
        }

    def _next_for(self, served: ServedSlot, now: float) -> Waiting | None:
        for priority in PRIORITIES:
            first: tuple[Waiting, Queue] | None = None
            for role in served.slot.roles:
                queue = self._queues[role, priority]
                waiting = queue.first_for(served.slot, now)
                if waiting and (first is None or waiting.order < first[0].order):
                    first = waiting, queue
            if first is not None:
                first[1].take(first[0])
                return first[0]
        return None

    async def _attempt(self, served: ServedSlot, waiting: Waiting) -> None:
        waiting.attempts += 1
        waiting.slot = served.slot
        waiting.asked_at = waiting.asked_at or datetime.now(UTC)
        served.tally.requests += 1
        started = time.monotonic()
        expires_at = None if waiting.deadline is None else waiting.deadline.when()
        try:
            async with asyncio.timeout_at(expires_at):
                answer: Completion | SlotError | Exception = await served.client.ask(
                    waiting.job, waiting.repair
                )
        except Exception as error:
            answer = error
        finally:
            elapsed_s = time.monotonic() - started
            served.busy -= 1
            served.interactive -= waiting.job.priority == "interactive"
            served.tally.busy_s += elapsed_s
        if isinstance(answer, Completion):
            # The place goes on first; the bookkeeping is done while the server works.
            served.answers()
            self._pump()
            served.tally.add(answer.timings)
            self._input_tokens += answer.timings.input_tokens or 0
            self._output_tokens += answer.timings.output_tokens or 0
            self._judge(waiting, answer)
        elif isinstance(answer, SlotError):
            if self._announcer is not None:
                self._announcer.unanswered(waiting, answer.kind, elapsed_s)
            self._blame(served, answer)
            self._repeat_or_give_up(waiting, answer)
            self._pump()
        elif isinstance(answer, TimeoutError):  # an attempt's own time limit is a SlotError
            if self._announcer is not None:
                self._announcer.unanswered(waiting, "deadline", elapsed_s)
            self._pump()
            self._miss_deadline(waiting)
        else:
            log.error("job %s: %s", waiting.job.job_id, answer, exc_info=answer)
            self._give_up(waiting, "internal", f"{type(answer).__name__}: {answer}")
            self._pump()

    # Attempts that failed.

    def _blame(self, served: ServedSlot, error: SlotError) -> None:
        """What a failed attempt means for its slot."""
        now = time.monotonic()
        served.tally.errors[error.kind] += 1
        served.trouble = f"{error.kind}: {error}"
        if error.kind == "refused":
            served.refuses = True
            served.cap = 0
            log.error("slot %s refuses requests and is left alone: %s", served.slot.name, error)
            for role in served.slot.roles:
                self._give_up_if_dead(role)
        elif not error.retryable:
            served.answers()
        if not error.retryable:
            return
        if served.failing_at is None or now - served.failed_at > self._failing_limit_s:
            served.failing_at = now
            served.failures = 0
        served.failed_at = now
        served.failures += 1
        rounds = served.failures // served.slot.parallel
        if error.retry_after_s is not None:
            wait_s = min(error.retry_after_s, self._settings.inference_retry_after_max_s)
            served.rested_at = max(served.rested_at, now + wait_s)
            self._later(wait_s)
        elif error.kind in TURNED_AWAY or rounds > 0:
            served.resting += 1
            self._later(self._backoff_s(max(rounds, 1)), served)
        if error.kind in PERHAPS_DEAD:
            served.pause(now)

    def _repeat_or_give_up(self, waiting: Waiting, error: SlotError) -> None:
        now = time.monotonic()
        if error.kind in TURNED_AWAY:
            waiting.turned_away_at = waiting.turned_away_at or now
            spent = now - waiting.turned_away_at >= self._settings.inference_wait_s
        else:
            waiting.turned_away_at = None
            # A slot that refuses all says nothing about the job: another one may take it.
            waiting.spent += error.kind != "refused"
            spent = waiting.spent >= self._settings.inference_max_attempts
        if spent or not (error.retryable or error.kind == "refused"):
            self._give_up(waiting, error.kind, str(error))
            return
        wait_s = self._backoff_s(waiting.attempts)
        waiting.rested_at = now + wait_s
        self._later(wait_s)
        self._put(waiting)

    def _backoff_s(self, times: int) -> float:
        longest_s = self._settings.inference_backoff_max_s
        wait_s = self._settings.inference_backoff_s * 2.0 ** min(times - 1, 30)
        return min(longest_s, wait_s) * random.uniform(0.75, 1.0)  # noqa: S311

    def _later(self, wait_s: float, served: ServedSlot | None = None) -> None:
        """Look for work again after a wait; a place of `served` rests until then."""

        def wake() -> None:
            if served is not None:
                served.resting -= 1
            self._pump()

        asyncio.get_running_loop().call_later(wait_s, wake)

    # Deadlines.

    def _set_deadline(self, waiting: Waiting) -> None:
        deadline_s = waiting.job.deadline_s
        if deadline_s is None:
            deadline_s = self._settings.inference_deadline_s
        if deadline_s is not None:
            loop = asyncio.get_running_loop()
            waiting.deadline = loop.call_later(deadline_s, self._expire, waiting)

    def _expire(self, waiting: Waiting) -> None:
        """End a job that waits; of one that is being asked, the attempt ends by itself."""
        queue = self._queues[waiting.job.role, waiting.job.priority]
        if waiting in queue:
            queue.take(waiting)
            self._miss_deadline(waiting)

    def _miss_deadline(self, waiting: Waiting) -> None:
        last = "" if waiting.slot is None else f", last on slot {waiting.slot.name}"
        asked = f"asked {waiting.attempts} times{last}" if waiting.attempts else "never asked"
        self._give_up(waiting, "deadline", f"no answer by the job's deadline; {asked}")

    # Slots that do not answer.

    async def _watch(self, served: ServedSlot) -> None:
        while True:
            await served.suspect.wait()
            served.suspect.clear()
            try:
                cap = await served.client.capacity()
            except SlotError as error:
                if served.trouble != str(error):
                    log.warning("slot %s is paused: %s", served.slot.name, error)
                    if self._announcer is not None:
                        self._announcer.paused(served.slot, error.kind)
                served.trouble = str(error)
                served.suspect.set()
                for role in served.slot.roles:
                    self._give_up_if_dead(role)
                await asyncio.sleep(self._settings.inference_probe_s)
            else:
                if served.paused_at is not None and served.tally.requests:
                    log.info("slot %s answers again", served.slot.name)
                    if self._announcer is not None:
                        self._announcer.answers_again(served.slot)
                served.cap = 0 if served.refuses else cap
                served.paused_at = None
                self._pump()

    def _give_up_if_dead(self, role: str) -> None:
        now = time.monotonic()
        slots = self._by_role[role]
        if not all(self._dead(served, now) for served in slots):
            return
        troubles = "; ".join(f"{served.slot.name}: {served.trouble}" for served in slots)
        for priority in PRIORITIES:
            for waiting in self._queues[role, priority].take_all():
                self._give_up(waiting, "no_slot", f"no slot of role {role} answers ({troubles})")

    def _dead(self, served: ServedSlot, now: float) -> bool:
        paused, failing = served.paused_at, served.failing_at
        return (
            served.refuses
            or (paused is not None and now - paused >= self._settings.inference_slot_dead_s)
            or (failing is not None and now - failing >= self._failing_limit_s)
        )

    # Results.

    def _judge(self, waiting: Waiting, answer: Completion) -> None:
        request = waiting.job.request
        answer = as_accepted(answer, waiting.job)
        verdict = judged(answer, request)
        if self._announcer is not None:
            self._announcer.answered(waiting, answer, verdict)
        if waiting.sent_back is not None:
            answer = repaired(waiting.sent_back, answer)
        elif verdict.repairable and request.endpoint == "chat":
            waiting.sent_back = answer
            waiting.repair = repair_turn(request, answer, str(verdict.error))
            self._put(waiting)
            return
        self._settle(waiting, verdict.status, answer, verdict.error_kind, verdict.error)

    def _give_up(self, waiting: Waiting, error_kind: str, error: str) -> None:
        if self._announcer is not None and not waiting.attempts:
            self._announcer.unasked(waiting.job, error_kind)
        if waiting.sent_back is not None and error_kind in UNASKABLE:
            # The repair cannot be asked for: the answer stays as unfit as it was.
            unfit = judged(waiting.sent_back, waiting.job.request)
            error = f"{unfit.error} (asked to repair it: {error})"
            self._settle(waiting, "rejected", waiting.sent_back, unfit.error_kind, error)
            return
        self._settle(waiting, "failed", None, error_kind, error)

    def _settle(
        self,
        waiting: Waiting,
        status: Status,
        completion: Completion | None,
        error_kind: str | None,
        error: str | None,
    ) -> None:
        if waiting.deadline is not None:
            waiting.deadline.cancel()
        now = datetime.now(UTC)
        self._landing.add(
            Result(
                job=waiting.job,
                status=status,
                slot=waiting.slot,
                completion=completion,
                error_kind=error_kind,
                error=error,
                attempts=waiting.attempts,
                created_at=waiting.asked_at or now,
                completed_at=now,
                sent_back=said(waiting.sent_back) if waiting.sent_back else None,
            )
        )
        self._open -= 1
        self._statuses[status] += 1
        if error_kind is not None:
            self._error_kinds[error_kind] += 1
        self._end_if_done()

    def _landed(self, results: int) -> None:
        self._unlanded -= results
        for _ in range(results):
            self._room.release()
        self._end_if_done()

    # Progress.

    async def _tell(self, progress: Callable[[Progress], None]) -> None:
        while True:
            await asyncio.sleep(self._settings.inference_progress_s)
            progress(self._stand())

    def _stand(self) -> Progress:
        wall_s = time.monotonic() - self._started
        done = self._taken - self._open
        eta_s = wall_s / done * self._open if self._source_ended and done else None
        return Progress(
            done=done,
            total=self._taken,
            total_is_final=self._source_ended,
            ok=self._statuses["ok"],
            rejected=self._statuses["rejected"],
            failed=self._statuses["failed"],
            output_tokens=self._output_tokens,
            tokens_per_s=self._output_tokens / wall_s if wall_s > 0 else 0.0,
            busy=sum(min(served.busy, served.cap) for served in self._served),
            places=sum(served.cap for served in self._served),
            eta_s=eta_s,
        )


async def one_by_one(jobs: AsyncIterable[Job] | Iterable[Job]) -> AsyncGenerator[Job, None]:
    """The jobs of either kind of source; a plain one lets others go on now and then."""
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
        return
    for number, job in enumerate(jobs, start=1):
        yield job
        if number % TAKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
