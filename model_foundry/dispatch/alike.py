"""When everything fails alike, asking on helps nobody: the first batch jobs of a recipe tell.

An interactive job is somebody's own question, so it is asked whatever became of others. And what
is refused of one that is `alone` says nothing of those beside it. Pure.

Belongs here: when it is enough. Does not: what is done then (`dispatcher`).
"""

from collections import Counter
from typing import Final

from model_foundry.slot.errors import REFUSED
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import Status

ENOUGH_JOBS: Final = 20
# They say something of a job, or of what was found before.
_OF_ONE_JOB: Final = frozenset({"deadline", "too_long", "internal", "no_slot", "not_asked"})

Of = tuple[str, str]


def of(job: Job) -> Of:
    """What is counted together: the jobs of a recipe for a role."""
    return job.recipe, job.role


class Alike:
    """Counts the first results of each recipe, while all fail with the same kind."""

    def __init__(self) -> None:
        self._kinds: dict[Of, str | None] = {}
        self._counts: Counter[Of] = Counter()

    def settled(self, job: Job, status: Status, error_kind: str | None) -> bool:
        """One more result; whether all so far, and enough of them, failed alike."""
        key, kind = of(job), error_kind if status == "failed" else None
        if kind in _OF_ONE_JOB or (job.alone and kind in REFUSED):
            return False
        if self._kinds.setdefault(key, kind) != kind or kind is None:
            self._kinds[key] = None  # for good
            return False
        if job.priority == "interactive":
            return False
        self._counts[key] += 1
        return self._counts[key] == ENOUGH_JOBS
