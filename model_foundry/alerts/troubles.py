"""Troubles: each is told of once, until it has ended and begins again. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

# More at once are counted, not remembered: each may then be told of again.
REMEMBERED: Final = 1_000
REASON_CHARS: Final = 500

Kind = Literal["run", "check"]


class Outcome(msgspec.Struct, frozen=True):
    """How a run or a check has ended.

    Attributes:
        kind: which of the two.
        name: the run's job (or its assets), or `asset: check`.
        partition: its day, if it has one.
        passed: whether all was well.
        reason: why not, and what to do.
        url: the page that shows it.
    """

    kind: Kind
    name: str
    partition: str | None
    passed: bool
    reason: str = ""
    url: str = ""

    @property
    def trouble(self) -> str:
        """What it is that fails: another outcome of the same ends it or goes on with it."""
        return f"{self.kind} {self.name} {self.partition or ''}".rstrip()

    @property
    def title(self) -> str:
        """In a line."""
        failed = "failed" if self.kind == "run" else "does not hold"
        return f"{self.name} {failed}" + (f" ({self.partition})" if self.partition else "")


class Standing(msgspec.Struct):
    """What is in trouble, and has been told of."""

    troubles: dict[str, bool] = {}

    def new(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Those, in their order, that begin a trouble."""
        for outcome in outcomes:
            if outcome.passed:
                self.troubles.pop(outcome.trouble, None)
            elif outcome.trouble not in self.troubles:
                if len(self.troubles) < REMEMBERED:
                    self.troubles[outcome.trouble] = True
                yield outcome


def short(reason: str) -> str:
    """A reason in one line of bounded length, without characters that a terminal would obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    return line if len(line) <= REASON_CHARS else f"{line[: REASON_CHARS - 1]}…"
