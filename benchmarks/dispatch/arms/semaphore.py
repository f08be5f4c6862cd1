"""A plain `asyncio.Semaphore` around the openai client; several slots get the jobs in turn."""

import asyncio
import contextlib
from collections.abc import Callable

import openai

from benchmarks.dispatch.arms import Task
from benchmarks.dispatch.arms.plain import ask, client


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            slots = [
                (
                    await stack.enter_async_context(client(slot)),
                    asyncio.Semaphore(slot.parallel + slot.queue_ahead),
                )
                for slot in task.slots
            ]

            async def one(asked: openai.AsyncOpenAI, places: asyncio.Semaphore, job: int) -> None:
                async with places:
                    await ask(asked, task, job)

            await asyncio.gather(
                *(one(*slots[number % len(slots)], number) for number in range(task.jobs))
            )

    return lambda: asyncio.run(run())
