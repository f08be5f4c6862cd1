"""A bare loop: as many workers as the slot works on, each posting with httpx, and nothing else."""

import asyncio
from collections.abc import Callable

import httpx

from benchmarks.dispatch.arms import Task


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""

    async def run() -> None:
        [slot] = task.slots
        numbers = iter(range(task.jobs))
        async with httpx.AsyncClient(base_url=slot.endpoint, timeout=120) as http:

            async def work() -> None:
                for number in numbers:
                    response = await http.post("/v1/chat/completions", json=task.chat(number))
                    response.raise_for_status()
                    assert response.json()["choices"]

            await asyncio.gather(*(work() for _ in range(slot.parallel)))

    return lambda: asyncio.run(run())
