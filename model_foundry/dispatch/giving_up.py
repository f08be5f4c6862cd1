"""Jobs that end without an answer: because nobody can give one, or because asking on helps nobody.

Belongs here: which of the waiting jobs end, with which reason. Does not: what a failed attempt
means (`blame`), when failures are enough (`alike`), what becomes of a result (`dispatcher`).
"""

import logging
import time
from collections.abc import Callable

from model_foundry.dispatch import alike
from model_foundry.dispatch.alike import Alike
from model_foundry.dispatch.announce import Announcer
from model_foundry.dispatch.choosing import Choosing
from model_foundry.dispatch.queue import Waiting
from model_foundry.dispatch.stand import Stand
from model_foundry.slot.answers import Completion
from model_foundry.slot.errors import REFUSED, SlotError
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import Status, judged

# Status, answer, kind of error and its text.
Settle = Callable[[Waiting, Status, Completion | None, str | None, str | None], None]

log = logging.getLogger(__name__)


class GivingUp:
    """For one dispatch; `settle` makes a job's result."""

    def __init__(
        self, choosing: Choosing, stand: Stand, announcer: Announcer | None, settle: Settle
    ) -> None:
        self._choosing = choosing
        self._stand = stand
        self._announcer = announcer
        self._settle = settle
        self._alike = Alike()
        self._over: dict[alike.Of, str] = {}

    def one(self, waiting: Waiting, error_kind: str, error: str) -> None:
        """End a job, for a reason of its own."""
        if self._announcer is not None and not waiting.attempts:
            self._announcer.unasked(waiting.job, error_kind)
        if waiting.sent_back is not None and error_kind in REFUSED:
            # The repair cannot be asked for: the answer stays as unfit as it was.
            unfit = judged(waiting.sent_back, waiting.job.request)
            error = f"{unfit.error} (asked to repair it: {error})"
            self._settle(waiting, "rejected", waiting.sent_back, unfit.error_kind, error)
            return
        self._settle(waiting, "failed", None, error_kind, error)

    def of_no_role(self, waiting: Waiting) -> None:
        """End a job whose role nobody serves."""
        roles = ", ".join(sorted(self._choosing.by_role))
        why = f"no slot serves the role {waiting.job.role}; served: {roles}"
        self._stand.end(why)
        self.one(waiting, "no_slot", why)

    def dead(self) -> None:
        """End what only slots could have answered that are away for good."""
        for waiting in self._choosing.without_hope(time.monotonic()):
            self._choosing.queue_of(waiting).take(waiting)
            self.unasked(waiting)

    def unasked(self, waiting: Waiting) -> None:
        """End a job that no slot can be asked for any more."""
        if waiting.barred and waiting.last_error is not None:
            self.asked(waiting, waiting.last_error)
            return
        role = waiting.job.role
        troubles = "; ".join(
            f"{served.slot.name}: {served.trouble}" for served in self._choosing.by_role[role]
        )
        why = f"no slot of role {role} answers ({troubles})"
        self._stand.end(why)
        self.one(waiting, "no_slot", why)

    def asked(self, waiting: Waiting, error: SlotError) -> None:
        """End a job that every slot was asked for that could be."""
        now, role = time.monotonic(), waiting.job.role
        slots = self._choosing.by_role[role]
        if all(served.dead(waiting.shape.endpoint, now) for served in slots):
            waiting.barred = frozenset()
            self.unasked(waiting)
        else:
            self.one(waiting, error.kind, str(error))

    def alike(self, job: Job, status: Status, error_kind: str | None, error: str | None) -> None:
        """A job has its result; end those of its recipe if all fail alike."""
        if not self._alike.settled(job, status, error_kind):
            return
        why = (
            f"the first {alike.ENOUGH_JOBS} jobs of {job.recipe} for the role {job.role} failed "
            f"alike, so no more are asked; the last: {error_kind}: {error}"
        )
        log.error("%s", why)
        self._over[alike.of(job)] = why
        self._stand.end(why)
        for waiting in self._choosing.waiting(job.role):
            if self._over_for(waiting) and not waiting.attempts:
                self._choosing.queue_of(waiting).take(waiting)
                self.one(waiting, "not_asked", why)

    def over(self, waiting: Waiting) -> bool:
        """End a job that was not asked yet, if those of its recipe are asked no more."""
        why = self._over_for(waiting)
        if why is not None:
            self.one(waiting, "not_asked", why)
        return why is not None

    def _over_for(self, waiting: Waiting) -> str | None:
        job = waiting.job
        return self._over.get(alike.of(job)) if job.priority == "batch" else None
