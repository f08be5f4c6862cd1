"""Whether to try again what has failed: not for a while, then once, then as ever. Pure.

Belongs here: when a breaker opens and lets one try through. Does not: what failed (`served_slot`).
"""

from typing import Final

# Different jobs in a row, so that one job that nobody would take opens none.
OPENED_BY_JOBS: Final = 3
LONGEST_RESTS: Final = 10


class Breaker:
    """Opens when different jobs fail in a row; half open, one job tries (`rest_s` doubles)."""

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._failed: set[int] = set()
        self._trying = False
        self._retry_at = 0.0
        self.rests = 0
        self.opened_at: float | None = None

    def lets(self, now: float) -> bool:
        """Whether a job may try now."""
        return self.opened_at is None or (not self._trying and now >= self._retry_at)

    def begins(self) -> None:
        """A job tries: while the breaker is open, no other does."""
        self._trying = self.opened_at is not None

    def answered(self) -> None:
        """It went well: closed."""
        self._failed.clear()
        self._trying = False
        self.opened_at = None
        self.rests = 0

    def failed(self, job: int, now: float) -> float | None:
        """A job failed; for how many seconds the breaker is open now, None if it is not.

        Those that were under way when it opened prolong nothing.
        """
        self._failed.add(job)
        if self.opened_at is not None and not self._trying:
            return None
        self._trying = False
        if len(self._failed) < OPENED_BY_JOBS:
            return None
        self.opened_at = now if self.opened_at is None else self.opened_at
        self.rests += 1
        wait_s = self._rest_s * min(2.0 ** min(self.rests - 1, 30), LONGEST_RESTS)
        self._retry_at = now + wait_s
        return wait_s

    def ended(self) -> None:
        """A try ended and says nothing: another one may try."""
        self._trying = False
