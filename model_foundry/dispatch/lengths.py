"""How long a prompt is, where that decides which slots it fits: counted by a server's tokenizer.

Belongs here: when an estimate will not do. Does not: the estimate (`served_slot`).
"""

from collections.abc import Sequence
from typing import Final

from model_foundry.dispatch.queue import Waiting
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.slot.errors import SlotError

# An estimate within this share of a slot's context may be wrong about it.
_NEAR: Final = (0.6, 1.5)


def in_doubt(waiting: Waiting, slots: Sequence[ServedSlot]) -> ServedSlot | None:
    """The smallest slot that the job may or may not fit, while a larger one is there."""
    largest = max(served.slot.context_tokens for served in slots)
    if all(served.slot.context_tokens == largest for served in slots):
        return None
    smaller = [
        served
        for served in slots
        if served.slot.context_tokens < largest and not served.locked and _is_near(waiting, served)
    ]
    return min(smaller, key=lambda served: served.slot.context_tokens, default=None)


def _is_near(waiting: Waiting, served: ServedSlot) -> bool:
    expected = served.tokens(waiting.shape) + waiting.shape.max_tokens
    least, most = (share * served.slot.context_tokens for share in _NEAR)
    return least < expected < most


async def count(waiting: Waiting, served: ServedSlot) -> None:
    """Have a slot's server count the prompt, if it can; otherwise the estimate stays."""
    try:
        tokens = await served.client.count_tokens(waiting.request)
    except SlotError:
        return
    if tokens is not None:
        waiting.shape = waiting.shape._replace(tokens=tokens)
