"""The running slots beside the fleet: which answer, and what their servers say otherwise."""

import asyncio
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.client import Served, SlotClient
from model_foundry.slot.errors import ErrorKind, SlotError

# Nobody is there, or not yet. Any other error is an answer, and not the one of such a slot.
_AWAY: Final[frozenset[ErrorKind]] = frozenset(
    {"connection", "timeout", "unavailable", "loading", "rate_limited", "server_error"}
)
# Of the models that a server lists.
_SHOWN: Final = 10


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """One slot as it was found."""

    slot: str
    state: Literal["up", "down"]
    total_slots: int | None = None
    """Requests at once by the server's own word; None where it does not say (only llama.cpp)."""
    differences: tuple[str, ...] = ()
    """What a live server says otherwise than the fleet file."""
    detail: str = ""
    """Why it is down."""


async def look_at(
    slots: Sequence[Slot], environment: Mapping[str, str], settings: Settings
) -> list[SlotState]:
    """How each slot is found, all asked at once; each has `inference_look_s` to answer a look."""
    return list(await asyncio.gather(*(_look(slot, environment, settings) for slot in slots)))


async def _look(slot: Slot, environment: Mapping[str, str], settings: Settings) -> SlotState:
    try:
        async with SlotClient(slot, environment, settings) as client:
            served = await client.served()
    except FoundryError as error:
        return SlotState(slot=slot.name, state="down", detail=str(error))
    except SlotError as error:
        if error.kind in _AWAY:
            return SlotState(slot=slot.name, state="down", detail=str(error))
        return SlotState(slot=slot.name, state="up", differences=(f"it answers: {error}",))
    return SlotState(
        slot=slot.name,
        state="up",
        total_slots=served.total_slots,
        differences=tuple(_differences(slot, served)),
    )


def _differences(slot: Slot, served: Served) -> list[str]:
    found = []
    if served.models and not any(_is_of(slot.model, listed) for listed in served.models):
        shown = ", ".join(served.models[:_SHOWN])
        more = len(served.models) - _SHOWN
        also = f" and {more} more" if more > 0 else ""
        found.append(f"model: fleet {slot.model}, server {shown}{also}")
    if served.total_slots is not None and served.total_slots != slot.parallel:
        found.append(f"parallel: fleet {slot.parallel}, server {served.total_slots}")
    if served.context_tokens is not None and served.context_tokens < slot.context_tokens:
        found.append(f"context_tokens: fleet {slot.context_tokens}, server {served.context_tokens}")
    return found


def _is_of(model: str, listed: str) -> bool:
    """Whether a request for a model is one for what a server lists.

    Ollama takes a name without its tag for the latest, Gemini lists a folder before each, and a
    gateway may list patterns.
    """
    names = {listed, listed.removesuffix(":latest"), listed.removeprefix("models/")}
    return model in names or ("*" in listed and fnmatchcase(model, listed))
