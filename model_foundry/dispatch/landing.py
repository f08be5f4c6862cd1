"""Results on their way to where they are kept: in batches, one at a time, soon after they finish.

Belongs here: when a batch is handed over. Does not: where it is kept (`results`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from model_foundry.settings import Settings
from model_foundry.slot.outcome import Result

Land = Callable[[Sequence[Result]], Awaitable[None]]


class Landing:
    """The results that are not kept yet; `landed` is told of those that are."""

    def __init__(
        self, land: Land, settings: Settings, landed: Callable[[Sequence[Result]], None]
    ) -> None:
        self._land = land
        self._landed = landed
        self._batch = settings.inference_land_batch
        self._wait_s = settings.inference_land_s
        self._finished: list[Result] = []
        self._any, self._now = asyncio.Event(), asyncio.Event()
        self._failed = False

    def add(self, result: Result) -> None:
        """One more; a whole batch, and what somebody waits for, is landed without waiting."""
        self._finished.append(result)
        self._any.set()
        if len(self._finished) >= self._batch or result.job.priority == "interactive":
            self._now.set()

    def hurry(self) -> None:
        """Nothing more comes: land what there is."""
        self._now.set()

    async def keep_on(self) -> None:
        """Land results as they finish, until cancelled.

        Raises:
            Exception: what `land` raised.
        """
        while True:
            await self._any.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await self._now.wait()
            self._any.clear()
            self._now.clear()
            await self._land_finished()

    async def land_rest(self) -> None:
        """What is left at the end, unless landing has failed."""
        if not self._failed:
            await self._land_finished()

    async def _land_finished(self) -> None:
        while batch := self._finished[: self._batch]:
            try:
                await self._land(batch)
            except Exception:
                self._failed = True
                raise
            del self._finished[: len(batch)]
            self._landed(batch)
