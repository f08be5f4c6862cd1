"""LiteLLM's Router, least-busy, each slot a deployment with its `max_parallel_requests`.

A deployment over that limit refuses, and the router's retries, which cost the server nothing, look
for another. No more are sent at once than all can take: that kept slots fuller than more did.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final

from benchmarks.dispatch.arms import Task

_RETRIES: Final = 100


def prepare(task: Task) -> Callable[[], object]:
    """Its environment; the router itself is made by its loop."""
    return routed(task, "least-busy")


def routed(task: Task, strategy: str) -> Callable[[], object]:
    """The same with a routing strategy; a slot's weight, where one counts, is what it takes."""
    os.environ["LITELLM_OFFLINE_MODE"] = "true"  # read when imported: no price list is fetched
    import litellm  # noqa: PLC0415

    litellm.telemetry = False

    async def run() -> None:
        router = litellm.Router(
            model_list=[
                {
                    "model_name": slot.model,
                    "litellm_params": {
                        "model": f"openai/{slot.model}",
                        "api_base": f"{slot.endpoint}/v1",
                        "api_key": "none",
                        "max_parallel_requests": slot.parallel,
                        "weight": slot.parallel,
                    },
                }
                for slot in task.slots
            ],
            routing_strategy=strategy,
            num_retries=_RETRIES,
        )
        places = asyncio.Semaphore(task.parallel)

        async def one(number: int) -> None:
            async with places:
                completion = await router.acompletion(**task.chat(number))
            assert completion.choices[0].message.content

        await asyncio.gather(*(one(number) for number in range(task.jobs)))

    return lambda: asyncio.run(run())
