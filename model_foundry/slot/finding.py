"""Servers of this machine that answer as slots do, whether a fleet file names them or not.

Belongs here: looking at ports. Does not: comparing with a fleet file (`liveness`).
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Runtime, Slot
from model_foundry.settings import Settings
from model_foundry.slot.client import Served, SlotClient
from model_foundry.slot.errors import ErrorKind, SlotError

HOST: Final = "127.0.0.1"
_NOBODY: Final[frozenset[ErrorKind]] = frozenset({"connection", "timeout"})


class Found(NamedTuple):
    """What answers on a port.

    Attributes:
        models: that it lists; none: it is no slot, or does not say.
        parallel, context_tokens: where it says so.
        detail: why it lists none.
    """

    url: str
    runtime: Runtime
    models: tuple[str, ...]
    parallel: int | None
    context_tokens: int | None
    detail: str


async def find_slots(ports: Sequence[int], settings: Settings) -> list[Found]:
    """Who answers on these ports of this machine, all asked at once."""
    found = await asyncio.gather(*(_look(port, settings) for port in dict.fromkeys(ports)))
    return [each for each in found if each is not None]


async def _look(port: int, settings: Settings) -> Found | None:
    url = f"http://{HOST}:{port}"
    try:
        served = await _served(url, "unknown", settings)
        if not served.models:
            return Found(url, "openai", (), None, None, "something answers, and lists no models")
        if served.total_slots is None:  # a server that says how long a model's context is, is vLLM
            served = await _served(url, served.models[0], settings)
    except SlotError as error:
        if error.kind in _NOBODY:
            return None
        return Found(url, "openai", (), None, None, f"something answers: {error}")
    except FoundryError as error:
        return Found(url, "openai", (), None, None, str(error))
    runtime: Runtime = "openai"
    if served.total_slots is not None:
        runtime = "llama.cpp"
    elif served.context_tokens is not None:
        runtime = "vllm"
    context = served.context_tokens if (served.context_tokens or 0) >= 256 else None
    return Found(url, runtime, served.models, served.total_slots, context, "")


async def _served(url: str, model: str, settings: Settings) -> Served:
    slot = Slot.model_validate(
        {
            "name": "found",
            "roles": ("worker",),
            "runtime": "llama.cpp",
            "endpoint": url,
            "model": model,
            "licence": "unknown",
            "parallel": 1,
            "context_tokens": 256,
        }
    )
    async with SlotClient(slot, {}, settings) as client:
        return await client.served()
