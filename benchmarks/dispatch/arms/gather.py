"""`asyncio.gather` in batches of as many as the slot works on: each waits for its slowest."""

import asyncio
from collections.abc import Callable

from benchmarks.dispatch.arms import Task
from benchmarks.dispatch.arms.plain import ask, client


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""

    async def run() -> None:
        [slot] = task.slots
        async with client(slot) as asked:
            for first in range(0, task.jobs, slot.parallel):
                numbers = range(first, min(first + slot.parallel, task.jobs))
                await asyncio.gather(*(ask(asked, task, number) for number in numbers))

    return lambda: asyncio.run(run())
