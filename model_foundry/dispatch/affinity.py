"""Which slots have read the beginning of a prompt, and so may have it in their caches.

A slot has read a prompt when it has answered it. One that is being read is in no cache yet.

Belongs here: what is remembered of it, and for how many prompts. Does not: what follows from it
(`choosing`).
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

REMEMBERED: Final = 16_384
# Whole prompts of a slot that are looked at for one that goes on.
LATEST: Final = 64


class Begun(NamedTuple):
    """How much of a prompt was read before, in messages.

    Attributes:
        here: by the slot that was asked about.
        elsewhere: by another, or by any that is at it; 0 where that is not more.
        slot: the other one, if it has read it whole by now.
    """

    here: int
    elsewhere: int = 0
    slot: str | None = None


class Affinity:
    """What was read where; the longest unused is forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._slots: OrderedDict[int, frozenset[str]] = OrderedDict()
        self._latest: dict[str, OrderedDict[int, None]] = {}
        self._reading: Counter[int] = Counter()
        self._remembered = remembered

    def asked(self, prefixes: Sequence[int]) -> None:
        """A prompt with these beginnings is being read."""
        self._reading.update(prefixes)

    def ended(self, prefixes: Sequence[int], slot: str, *, answered: bool) -> None:
        """It is not any more; where it was answered, the slot has read it."""
        for prefix in prefixes:
            self._reading[prefix] -= 1
            if not self._reading[prefix]:
                del self._reading[prefix]
        if not answered or not prefixes:
            return
        for prefix in prefixes:
            self._slots[prefix] = self._slots.get(prefix, frozenset()) | {slot}
            self._slots.move_to_end(prefix)
        while len(self._slots) > self._remembered:
            self._slots.popitem(last=False)
        latest = self._latest.setdefault(slot, OrderedDict())
        latest[prefixes[-1]] = None
        latest.move_to_end(prefixes[-1])
        while len(latest) > LATEST:
            latest.popitem(last=False)

    def latest(self, slot: str) -> Iterable[int]:
        """The whole prompts that a slot has read, the latest first."""
        return islice(reversed(self._latest.get(slot, ())), LATEST)

    def begun(self, prefixes: Sequence[int], slot: str, takers: Collection[str]) -> Begun:
        """How much of a prompt a slot has read, and others of those that may take it."""
        elsewhere, other = 0, None
        for length in range(len(prefixes), 0, -1):
            prefix = prefixes[length - 1]
            slots = self._slots.get(prefix, frozenset())
            if slot in slots:
                return Begun(length, elsewhere, other)
            if not elsewhere:
                other = next((each for each in slots if each in takers), None)
                if other is not None or prefix in self._reading:
                    elsewhere = length
        return Begun(0, elsewhere, other)
