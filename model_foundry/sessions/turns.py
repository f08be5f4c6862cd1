"""In which order it is told what happened: by time, a call after the chat that made it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Literal, Protocol

# Which list it stands in, and where.
Turn = tuple[Literal["chat", "call", "search"], int]


class Ended(Protocol):
    """What ended at some time."""

    @property
    def event_id(self) -> str: ...
    @property
    def ended_at(self) -> datetime: ...


class Caused(Ended, Protocol):
    """What another event may have brought about."""

    @property
    def cause(self) -> str | None: ...


def turns(
    chats: Sequence[Ended], calls: Sequence[Caused], searches: Sequence[Caused]
) -> list[Turn]:
    """Chats in their order, which is that of their ends; between them what each brought about.

    Ends are those of events: times may be equal, and a call may be told of before its chat.
    """
    numbers = {chat.event_id: number for number, chat in enumerate(chats)}
    ends = [chat.ended_at for chat in chats]
    placed: list[tuple[tuple[int, bool, datetime], Turn]] = [
        ((number, True, end), ("chat", number)) for number, end in enumerate(ends)
    ]
    for number, call in enumerate(calls):
        placed.append(((_before(call, numbers, ends), False, call.ended_at), ("call", number)))
    for number, search in enumerate(searches):
        placed.append(
            ((_before(search, numbers, ends), False, search.ended_at), ("search", number))
        )
    return [turn for _, turn in sorted(placed, key=itemgetter(0))]


def _before(one: Caused, numbers: dict[str, int], ends: Sequence[datetime]) -> int:
    """The number of the chat that comes after it."""
    own = None if one.cause is None else numbers.get(one.cause)
    if own is None:
        return bisect_right(ends, one.ended_at)
    return max(own + 1, bisect_left(ends, one.ended_at))
