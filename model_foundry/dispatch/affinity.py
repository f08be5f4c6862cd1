"""Which slot last read the beginning of a prompt, and so may have it in its cache.

Belongs here: what is remembered of it, and for how many prompts. Does not: what follows from it
(`choosing`).
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

REMEMBERED: Final = 16_384


class Affinity:
    """The slots that read beginnings of prompts last; the longest unused is forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._slots: OrderedDict[int, str] = OrderedDict()
        self._remembered = remembered

    def asked(self, prefixes: Sequence[int], slot: str) -> None:
        """A slot gets a prompt with these beginnings."""
        for prefix in prefixes:
            self._slots[prefix] = slot
            self._slots.move_to_end(prefix)
        while len(self._slots) > self._remembered:
            self._slots.popitem(last=False)

    def of(self, prefixes: Sequence[int]) -> tuple[str | None, int]:
        """The slot that has the longest beginning of a prompt, and how many messages that is."""
        for length in range(len(prefixes), 0, -1):
            slot = self._slots.get(prefixes[length - 1])
            if slot is not None:
                return slot, length
        return None, 0
