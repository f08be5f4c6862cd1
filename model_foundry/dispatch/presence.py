"""A run's sign of life: an advisory lock whose number is the run's, held beside its places.

It is gone as soon as the run's connection is (`leases`), so whoever finds the number in a table
sees in pg_locks whether the run lives.

Belongs here: the lock. Does not: what a run holds by it (`results.claims`).
"""

import asyncio
import random
from typing import Any, Final

import psycopg

from model_foundry.postgres import lock_key

KEY: Final = lock_key("runs")


class Presence:
    """The number of one run, and whether others can see it now."""

    def __init__(self) -> None:
        self.run = random.randrange(1, 2**31)  # noqa: S311
        self._seen = asyncio.Event()

    async def wait(self) -> int:
        """The run's number, once the lock is held."""
        await self._seen.wait()
        return self.run

    def lose(self) -> None:
        """It is gone with the connection."""
        self._seen.clear()

    async def show(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Take the lock, unless it is held. Until the server has ended a lost session, it is not to
        be had.
        """
        if self._seen.is_set():
            return
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (KEY, self.run))
        [(got,)] = await cursor.fetchall()
        if got:
            self._seen.set()
