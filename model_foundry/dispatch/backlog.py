"""How many jobs wait in runs, for others to see: shared locks in PostgreSQL, whose number it is.

They are held beside a run's places (`leases`) and vanish with them, so nobody counts the jobs of a
run that has died.

Belongs here: how a number is told. Does not: which jobs wait (`dispatcher`), the connection
(`leases`), who adds the numbers up (`exporter`).
"""

import math
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from model_foundry.postgres import lock_key
from model_foundry.sql import load_sql

TELL_S: Final = 1.0


def backlog_key(role: str) -> int:
    """The key of the locks whose numbers are the jobs of a role that wait, one of each run."""
    return lock_key("backlog", role)


class Backlog:
    """What one run has told of its jobs, by role."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._told_at = -math.inf

    def lose(self) -> None:
        """All is gone with the connection."""
        self._told.clear()
        self._told_at = -math.inf

    async def tell(
        self, connection: psycopg.AsyncConnection[Any], waiting: Mapping[str, int]
    ) -> None:
        """Tell what has changed, unless something was told within `TELL_S`."""
        now = time.monotonic()
        if now - self._told_at < TELL_S:
            return
        self._told_at = now
        for role, jobs in waiting.items():
            told = self._told.get(role, 0)
            if jobs != told:
                self._told[role] = jobs
                values = {"key": backlog_key(role), "told": told or None, "jobs": jobs or None}
                await connection.execute(load_sql("postgres/leases/backlog"), values)
