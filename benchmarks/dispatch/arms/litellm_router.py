"""LiteLLM's Router, least-busy, each slot a deployment with its `max_parallel_requests`."""

import asyncio
from collections.abc import Callable

import litellm

from benchmarks.dispatch.arms import Task


def prepare(task: Task) -> Callable[[], object]:
    """Telemetry off; the router itself is made by its loop."""
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
                    },
                }
                for slot in task.slots
            ],
            routing_strategy="least-busy",
            num_retries=0,
        )
        # Over the limit of a deployment it waits; over all of them there is no use in sending more.
        places = asyncio.Semaphore(task.parallel)

        async def one(number: int) -> None:
            async with places:
                completion = await router.acompletion(**task.chat(number))
            assert completion.choices[0].message.content

        await asyncio.gather(*(one(number) for number in range(task.jobs)))

    return lambda: asyncio.run(run())
