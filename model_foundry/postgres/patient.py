"""A connection for many small works: kept between them, and made anew if it is lost.

Belongs here: when a work is tried again, and on which connection. Does not: what it does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

Connection = psycopg.AsyncConnection[Any]
T = TypeVar("T")
log = logging.getLogger(__name__)


class Patient:
    """Does one work at a time, and tries again while PostgreSQL is away.

    A work makes its transactions itself. It is tried for `inference_land_retry_s`. Close it, or
    use it as an async context manager.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def connect(self) -> None:
        """Connect now, not at the first work.

        Raises:
            FoundryError: PostgreSQL cannot be reached.
        """
        async with self._turn:
            await self._connected()

    async def __call__(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do the work.

        Raises:
            FoundryError, psycopg.OperationalError: PostgreSQL stayed away.
            Exception: what the work raised.
        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((psycopg.OperationalError, FoundryError)),
            stop=stop_after_delay(self._settings.inference_land_retry_s),
            wait=wait_random_exponential(multiplier=0.2, max=5.0),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        ):
            with attempt:
                return await self.once(work)
        raise AssertionError("AsyncRetrying ended without a result or an error")

    async def once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do the work, without patience."""
        async with self._turn:
            connection = await self._connected()
            try:
                return await work(connection)
            except BaseException:
                # In what state it is left by a cancelled or failed work need not be known.
                await self.close()
                raise

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await postgres.connect_async(self._settings)
            await self._connection.set_autocommit(True)
        return self._connection
