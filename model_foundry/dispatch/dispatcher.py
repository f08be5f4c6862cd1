"""The queue that keeps every slot full: from a source of jobs to a result of each.

Slots pull. Whenever a place of a slot is free, it takes the next job of the slot's roles; nothing
is assigned ahead, so a slow slot gets less and no slot idles while a job of its role waits.

- A slot has as many places as it works on at once, and `queue_ahead` more whose requests wait in
  the server's own queue. With leases they are shared with other runs (`leases`).
- A job that has no answer by its deadline fails, and its attempt is cancelled.
- An answer of the wrong shape is sent back once, as a further turn, to whichever slot is free.
- When no slot of a role can be asked, or everything fails alike, what waits fails with the reason.
- Results are handed to `land` in batches, one batch at a time. What has finished is landed even
  if the dispatch is cancelled.
- Whatever goes wrong with one job ends as that job's own result.

Belongs here: the way of a job. Does not: which one a slot takes (`choosing`), what a failed attempt
means (`blame`), which jobs end without an answer (`giving_up`), slots that are away (`watching`),
the source (`feeding`), HTTP (`client`), which places there are (`leases`), where results go
(`landing`, `results`), what is counted (`stand`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime

from model_foundry.dispatch import deadlines, lengths
from model_foundry.dispatch.announce import Announcer
from model_foundry.dispatch.blame import Blame
from model_foundry.dispatch.choosing import Choosing
from model_foundry.dispatch.deadlines import Deadlines
from model_foundry.dispatch.feeding import Feeding, Jobs
from model_foundry.dispatch.giving_up import GivingUp
from model_foundry.dispatch.landing import Land, Landing
from model_foundry.dispatch.leases import Demand, Leases
from model_foundry.dispatch.queue import Waiting
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.dispatch.shape import prompt_bytes, shape_of
from model_foundry.dispatch.stand import Stand, tell
from model_foundry.dispatch.watching import watch
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import (
    Result,
    Status,
    as_accepted,
    judged,
    repair_turn,
    repaired,
    said,
)

log = logging.getLogger(__name__)


async def dispatch(
    jobs: Jobs,
    *,
    slots: Sequence[Slot],
    environment: Mapping[str, str],
    land: Land,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    leases: Leases | None = None,
    run_id: str | None = None,
    live: bool = False,
    traffic: bool = True,
) -> DispatchReport:
    """Ask every job on the slots of its role, and land each result once.

    Args:
        jobs: taken as there is room for them, never all at once; each job_id at most once. Of a
            list, interactive jobs are taken first.
        slots: those to use; a job whose role none of them serves fails.
        environment: where the slots' endpoints and keys are looked up.
        land: keeps a batch of results. Called again with the same batch if it was cancelled, so
            it must be idempotent.
        settings: the limits, `inference_*`.
        progress: called every `inference_progress_s`, and at the end.
        leases: of these slots; without them no other run may use the slots meanwhile.
        run_id: Dagster's, for telemetry.
        live: `jobs` come as time goes, so they are read as they come (`feeding`).
        traffic: False for requests that nobody asked for, such as those that measure a slot:
            neither telemetry nor the number of waiting jobs tells of them.

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
        announcer = Announcer.where_wanted(settings, run_id) if traffic else None
        work = _Dispatch(
            clients,
            land,
            settings,
            progress,
            leases,
            announcer=announcer,
            live=live,
            traffic=traffic,
        )
        return await work.run(jobs)


class _Dispatch:
    def __init__(
        self,
        clients: Sequence[SlotClient],
        land: Land,
        settings: Settings,
        progress: Callable[[Progress], None] | None,
        leases: Leases | None,
        *,
        announcer: Announcer | None,
        live: bool,
        traffic: bool,
    ) -> None:
        self._leases = leases
        self._traffic = traffic
        self._served = [
            ServedSlot(client, None if leases is None else leases.of(client.slot), settings)
            for client in clients
        ]
        self._choosing = Choosing(self._served, affinity=settings.inference_prefix_affinity)
        self._blame = Blame(self._choosing, settings, self._later)
        self._deadlines = Deadlines(settings.inference_deadline_s, self._expire)
        self._landing = Landing(land, settings, self._landed)
        self._settings = settings
        self._announcer = announcer
        self._progress = progress
        self._stand = Stand(self._served)
        self._giving_up = GivingUp(self._choosing, self._stand, self._announcer, self._settle)
        places = sum(client.slot.parallel + client.slot.queue_ahead for client in clients)
        room = max(settings.inference_queue_jobs, 2 * places) + 2 * settings.inference_land_batch
        self._feeding = Feeding(room, live=live, idles=self._idles)
        # At once, of batch jobs and of others, which wait for none of them.
        self._counting = {"batch": asyncio.Semaphore(1), "interactive": asyncio.Semaphore(2)}
        self._source_error: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, jobs: Jobs) -> DispatchReport:
        now = time.monotonic()
        for served in self._served:
            served.pause(now)
            self._spawn(
                watch(
                    served,
                    self._settings,
                    self._announcer,
                    still_away=self._giving_up.dead,
                    is_well=self._pump,
                )
            )
        if self._leases is not None:
            by_name = {served.slot.name: served for served in self._served}
            keep = self._leases.keep(
                lambda name: self._demand(by_name[name], time.monotonic()),
                self._pump,
                self._choosing.backlog if self._traffic else dict,
            )
            self._spawn(keep)
        self._spawn(self._feed(jobs))
        self._spawn(self._landing.keep_on())
        if self._progress is not None:
            every_s = self._settings.inference_progress_s
            self._spawn(tell(self._stand, self._progress, every_s))
        try:
            await self._end
        finally:
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._landing.land_rest()
        if self._progress is not None:
            self._progress(self._stand.progress())
        return self._stand.report(None if self._announcer is None else self._announcer.dropped)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    # The source.

    async def _feed(self, jobs: Jobs) -> None:
        try:
            await self._feeding.feed(jobs, self._take)
        except Exception as error:
            self._source_error = error
        self._stand.source_ended = True
        self._end_if_done()

    def _take(self, job: Job) -> None:
        waiting = Waiting(job, self._stand.take())
        with self._own_end_of(waiting):
            self._deadlines.begin(waiting)
            slots = self._choosing.by_role.get(job.role)
            if slots is None:
                self._giving_up.of_no_role(waiting)
            elif self._giving_up.over(waiting):
                pass
            elif (served := lengths.in_doubt(waiting, slots)) is not None:
                self._spawn(self._count_and_put(waiting, served))
            else:
                self._put(waiting)

    async def _count_and_put(self, waiting: Waiting, served: ServedSlot) -> None:
        with self._own_end_of(waiting):
            async with self._counting[waiting.job.priority]:
                await lengths.count(waiting, served)
            expires_at = deadlines.expires_at(waiting)
            if expires_at is not None and expires_at <= asyncio.get_running_loop().time():
                self._giving_up.one(waiting, "deadline", deadlines.missed(waiting))
            elif not self._giving_up.over(waiting):
                self._put(waiting)

    def _put(self, waiting: Waiting) -> None:
        if self._choosing.takers(waiting, time.monotonic()):
            self._choosing.put(waiting)
            self._pump()
        else:
            self._giving_up.unasked(waiting)

    @contextmanager
    def _own_end_of(self, waiting: Waiting) -> Iterator[None]:
        """Whatever goes wrong with one job is that job's own end."""
        try:
            yield
        except Exception as error:
            self._end_of_error(waiting, error)

    def _end_if_done(self) -> None:
        if not self._stand.source_ended or self._end.done():
            return
        if self._stand.open == 0:
            self._landing.hurry()
        if self._stand.unlanded > 0:
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
                if served.free(now) > 0 and (waiting := self._choosing.next_for(served, now)):
                    served.busy += 1
                    served.interactive += waiting.job.priority == "interactive"
                    if served.asked(waiting.shape):
                        self._choosing.forget_takers()
                    self._spawn(self._attempt(served, waiting))
                    started = True
        if self._leases is not None:
            self._look_for_places(self._leases, now)
        self._feeding.look()

    def _look_for_places(self, leases: Leases, now: float) -> None:
        for served in self._served:
            if served.lease is not None and served.lease.needs_look(self._demand(served, now)):
                leases.look()

    def _demand(self, served: ServedSlot, now: float) -> Demand:
        batch = self._choosing.ready(served, "batch", now)
        interactive = self._choosing.ready(served, "interactive", now)
        wanted = served.busy + min(batch + interactive, served.open(now))
        return Demand(
            places=served.places,
            in_use=served.busy,
            wanted=wanted,
            interactive=min(wanted, served.interactive + interactive),
        )

    def _idles(self) -> bool:
        """Whether a slot has a place for which no job waits."""
        now = time.monotonic()
        return any(
            served.open(now) > 0
            and not self._choosing.ready(served, "batch", now)
            and not self._choosing.ready(served, "interactive", now)
            for served in self._served
        )

    def _later(self, wait_s: float, served: ServedSlot | None) -> None:
        """Look for work again after a wait; a place of `served` rests until then."""

        def wake() -> None:
            if served is not None:
                served.resting -= 1
            self._giving_up.dead()
            self._pump()

        asyncio.get_running_loop().call_later(wait_s, wake)

    # Attempts.

    async def _attempt(self, served: ServedSlot, waiting: Waiting) -> None:
        waiting.attempts += 1
        waiting.slot = served.slot
        waiting.asked_at = waiting.asked_at or datetime.now(UTC)
        served.tally.requests += 1
        started = time.monotonic()
        answer: Completion | Exception | None = None
        try:
            async with asyncio.timeout_at(deadlines.expires_at(waiting)):
                answer = await served.client.ask(waiting.job, waiting.repair)
        except Exception as error:
            answer = error
        finally:
            elapsed_s = time.monotonic() - started
            served.busy -= 1
            served.interactive -= waiting.job.priority == "interactive"
            served.tally.busy_s += elapsed_s
            self._choosing.ended(served, waiting, answered=isinstance(answer, Completion))
        try:
            self._attempted(served, waiting, answer, elapsed_s)
        except Exception as error:
            self._end_of_error(waiting, error)
        self._pump()

    def _attempted(
        self,
        served: ServedSlot,
        waiting: Waiting,
        answer: Completion | Exception,
        elapsed_s: float,
    ) -> None:
        if isinstance(answer, Completion):
            # The place goes on first; the bookkeeping is done while the server works.
            served.answers()
            served.took(waiting.shape)
            self._pump()
            served.tally.add(answer.timings)
            served.read(waiting.size_bytes, answer.timings.input_tokens)
            self._stand.answer(answer.timings)
            self._judge(waiting, answer)
        elif isinstance(answer, SlotError):
            if self._announcer is not None:
                self._announcer.unanswered(waiting, answer.kind, elapsed_s)
            now = time.monotonic()
            self._blame.slot(served, waiting, answer, now)
            if self._blame.may_ask_again(served, waiting, answer, now):
                self._put(waiting)
            else:
                self._giving_up.asked(waiting, answer)
            self._giving_up.dead()
        elif isinstance(answer, TimeoutError):  # an attempt's own time limit is a SlotError
            served.said_nothing(waiting.shape)
            if self._announcer is not None:
                self._announcer.unanswered(waiting, "deadline", elapsed_s)
            self._giving_up.one(waiting, "deadline", deadlines.missed(waiting))
        else:
            served.said_nothing(waiting.shape)
            raise answer

    def _end_of_error(self, waiting: Waiting, error: Exception) -> None:
        log.error("job %s: %s", waiting.job.job_id, error, exc_info=error)
        if waiting.job.role in self._choosing.by_role:
            self._leave_queue(waiting)
        self._settle(waiting, "failed", None, "internal", f"{type(error).__name__}: {error}")

    def _expire(self, waiting: Waiting) -> None:
        """End a job that waits; of one that is being asked, the attempt ends by itself."""
        if self._leave_queue(waiting):
            with self._own_end_of(waiting):
                self._giving_up.one(waiting, "deadline", deadlines.missed(waiting))

    def _leave_queue(self, waiting: Waiting) -> bool:
        """Whether it was there."""
        queue = self._choosing.queue_of(waiting)
        if waiting in queue:
            queue.take(waiting)
            return True
        return False

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
            waiting.size_bytes = prompt_bytes(waiting.repair)
            waiting.shape = shape_of(waiting.repair, waiting.size_bytes)
            self._put(waiting)
            return
        self._settle(waiting, verdict.status, answer, verdict.error_kind, verdict.error)

    def _settle(
        self,
        waiting: Waiting,
        status: Status,
        completion: Completion | None,
        error_kind: str | None,
        error: str | None,
    ) -> None:
        if waiting.settled:
            return
        waiting.settled = True
        self._deadlines.end(waiting)
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
                longest_context_tokens=self._longest_context(waiting)
                if error_kind == "too_long"
                else None,
            )
        )
        self._stand.settle(status, error_kind)
        self._giving_up.alike(waiting.job, status, error_kind, error)
        self._end_if_done()

    def _longest_context(self, waiting: Waiting) -> int:
        """Of the slots of the job's role."""
        slots = self._choosing.by_role[waiting.job.role]
        return max(served.slot.context_tokens for served in slots)

    def _landed(self, results: Sequence[Result]) -> None:
        self._stand.land(len(results))
        self._feeding.landed(result.job for result in results)
        self._end_if_done()
