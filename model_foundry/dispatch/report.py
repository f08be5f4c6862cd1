"""What a dispatch says of itself while it runs, and when it is over: counts and speeds. Pure.

Speeds weigh each answer by its tokens: all tokens over all the time that they took.
"""

import statistics
from array import array
from collections import Counter

import msgspec

from model_foundry.slot.timings import Timings


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dispatch stands. `total` is final, and `eta_s` known, once the source has ended."""

    done: int
    total: int
    total_is_final: bool
    ok: int
    rejected: int
    failed: int
    output_tokens: int
    tokens_per_s: float
    busy: int
    places: int
    eta_s: float | None

    def __str__(self) -> str:
        more = "" if self.total_is_final else "+"
        eta = "" if self.eta_s is None else f", {self.eta_s:.0f} s to go"
        return (
            f"{self.done}/{self.total}{more} jobs ({self.ok} ok, {self.rejected} rejected, "
            f"{self.failed} failed), {self.tokens_per_s:.1f} tokens/s, "
            f"{self.busy}/{self.places} places busy{eta}"
        )


class SlotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one slot did. `busy_s` is the time of all its requests, those in parallel added up."""

    slot: str
    model: str
    requests: int
    answers: int
    errors: dict[str, int]
    input_tokens: int
    output_tokens: int
    busy_s: float
    p50_ms: float | None
    pp_tokens_per_s: float | None
    tg_tokens_per_s: float | None


class DispatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the jobs: `asked` of them were sent on, `cached` had an answer already.

    `telemetry_dropped` is None without telemetry. `ended` is why no further job was asked, if none
    was because all would have failed alike.
    """

    asked: int
    cached: int
    ok: int
    rejected: int
    failed: int
    error_kinds: dict[str, int]
    input_tokens: int
    output_tokens: int
    wall_s: float
    slots: tuple[SlotFigures, ...]
    telemetry_dropped: int | None = None
    ended: str | None = None

    @property
    def total(self) -> int:
        """Every job that was handed in, once each."""
        return self.asked + self.cached

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens of all slots per second of wall time."""
        return self.output_tokens / self.wall_s if self.wall_s > 0 else 0.0


class SlotTally:
    """Adds up the SlotFigures of one slot."""

    def __init__(self) -> None:
        self.requests = 0
        self.busy_s = 0.0
        self.errors: Counter[str] = Counter()
        self._total_ms = array("d")
        self._input_tokens = 0
        self._output_tokens = 0
        self._prompt = _Speed()
        self._generation = _Speed()

    def add(self, timings: Timings) -> None:
        """One answer's figures."""
        self._total_ms.append(timings.total_ms)
        self._input_tokens += timings.input_tokens or 0
        self._output_tokens += timings.output_tokens or 0
        read = (timings.input_tokens or 0) - (timings.cached_tokens or 0)
        self._prompt.add(read, timings.pp_tokens_per_s)
        self._generation.add(timings.output_tokens or 0, timings.tg_tokens_per_s)

    def figures(self, slot: str, model: str) -> SlotFigures:
        """The sums so far."""
        return SlotFigures(
            slot=slot,
            model=model,
            requests=self.requests,
            answers=len(self._total_ms),
            errors=dict(self.errors),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            busy_s=self.busy_s,
            p50_ms=statistics.median(self._total_ms) if self._total_ms else None,
            pp_tokens_per_s=self._prompt.mean(),
            tg_tokens_per_s=self._generation.mean(),
        )


class _Speed:
    """A mean of speeds, each weighed by its tokens."""

    def __init__(self) -> None:
        self._tokens = 0
        self._elapsed_s = 0.0

    def add(self, tokens: int, tokens_per_s: float | None) -> None:
        if tokens > 0 and tokens_per_s:
            self._tokens += tokens
            self._elapsed_s += tokens / tokens_per_s

    def mean(self) -> float | None:
        return self._tokens / self._elapsed_s if self._elapsed_s else None
