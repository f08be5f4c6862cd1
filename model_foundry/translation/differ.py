"""Where two lists differ, in a time that is bounded.

`difflib` compares each with each where much is alike; a document that was damaged all over would
keep it for hours.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

_LARGE: Final = 400


def changes(was: Sequence[object], now: Sequence[object]) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of one list and what stands in their place in the other, as offsets."""
    first, last, end = 0, len(was), len(now)
    while first < min(last, end) and was[first] == now[first]:
        first += 1
    while first < min(last, end) and was[last - 1] == now[end - 1]:
        last, end = last - 1, end - 1
    if max(last, end) - first > _LARGE:
        # The first of many tells enough.
        stop = first
        while stop < min(last, end) and was[stop] != now[stop]:
            stop += 1
        yield first, max(stop, first + (stop < last)), first, max(stop, first + (stop < end))
        return
    matcher = SequenceMatcher(None, was[first:last], now[first:end], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            yield first + a, first + b, first + c, first + d
