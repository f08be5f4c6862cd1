"""What a dispatch says of itself while it runs, and when it is over: counts and speeds. Pure.

The mean of speeds is that of `slot.timings`.
"""

import statistics
from array import array
from collections import Counter

import msgspec

from model_foundry.slot.timings import MeanSpeed, Timings


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dispatch stands. `total` is final, and `eta_s` known, once the source has ended.

    `cached` jobs had an answer already, and are in no other number.
    """

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
    cached: int = 0

    def __str__(self) -> str:
        more = "" if self.total_is_final else "+"
        eta = "" if self.eta_s is None else f", {self.eta_s:.0f} s to go"
        return (
            f"{self.done}/{self.total}{more} jobs ({self.ok} ok, {self.rejected} rejected, "
            f"{self.failed} failed), {self.tokens_per_s:.1f} tokens/s, "
            f"{self.busy}/{self.places} places busy{eta}"
        )


class SlotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one slot did. `busy_s` is the time of all its requests, those in parallel added up.

    `timing_source` is who measured PP: `client` includes the wait, `mixed` is some of each.
    """

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
    timing_source: str | None


class DispatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the jobs: `asked` of them were sent on, `cached` had an answer already.

    `telemetry_dropped` is None without telemetry. `ended` says why jobs of a recipe or role were
    not asked any more, though there were some: those failed as `no_slot` or `not_asked`.
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
        self._prompt = MeanSpeed()
        self._generation = MeanSpeed()

    def add(self, timings: Timings) -> None:
        """One answer's figures."""
        self._total_ms.append(timings.total_ms)
        self._input_tokens += timings.input_tokens or 0
        self._output_tokens += timings.output_tokens or 0
        self._prompt.add(timings.read_tokens, timings.pp_tokens_per_s, timings.timing_source)
        self._generation.add(timings.output_tokens, timings.tg_tokens_per_s)

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
            pp_tokens_per_s=self._prompt.value(),
            tg_tokens_per_s=self._generation.value(),
            timing_source=self._prompt.source(),
        )
