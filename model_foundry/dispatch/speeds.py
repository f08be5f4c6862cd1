"""Measuring a live slot: prompt processing by length, token generation by how many ask at once.

The requests go through the dispatcher, as every other does, on a copy of the slot with as many
places as are measured. Nobody asked them, so they are no traffic.

Belongs here: what is asked, and the figures. Does not: where they are kept.
"""

import random
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.leases import Leases
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result

Measure = Literal["pp", "tg"]
_REPEATS: Final = 3
_TG_PROMPT_TOKENS: Final = 32
# A word of these is about a token in every vocabulary.
_WORDS: Final = ("time", "year", "people", "way", "day", "man", "thing", "life", "child", "world")


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a slot. Medians over its requests; tokens per second, milliseconds.

    `total_tokens_per_s` is all that was generated over the wall time.
    """

    measured_at: datetime
    slot: str
    model: str
    provider_name: str
    measure: Measure
    input_tokens: int
    at_once: int
    requests: int
    wall_s: float
    pp_tokens_per_s: float | None = None
    tg_tokens_per_s: float | None = None
    total_tokens_per_s: float | None = None
    ttft_ms: float | None = None
    timing_source: str | None = None


class Unmeasured(msgspec.Struct, frozen=True):
    """A slot that was not measured, or not whole, and why."""

    slot: str
    why: str


async def measure(
    slots: Sequence[Slot], environment: Mapping[str, str], settings: Settings
) -> tuple[list[Speed], list[Unmeasured]]:
    """Measure each slot, one after the other; a slot that does not answer stops none.

    Raises:
        FoundryError: a slot's endpoint or key is not set.
    """
    speeds: list[Speed] = []
    unmeasured: list[Unmeasured] = []
    for slot in slots:
        try:
            async with SlotClient(slot, environment, settings) as client:
                places = await client.capacity()
        except SlotError as error:
            unmeasured.append(Unmeasured(slot.name, f"{error.kind}: {error}"))
            continue
        for length in _lengths(slot, settings):
            asking = _Asking(slot, environment, settings, 1, _REPEATS, length, 1)
            answers, wall_s = await asking.run()
            if not _told(answers, slot, unmeasured):
                break
            speeds.append(_speed(slot, "pp", 1, answers, wall_s))
        for at_once in counts(places):
            asked = at_once * _REPEATS
            tokens = settings.slot_benchmark_answer_tokens
            asking = _Asking(slot, environment, settings, at_once, asked, _TG_PROMPT_TOKENS, tokens)
            answers, wall_s = await asking.run()
            if not _told(answers, slot, unmeasured):
                break
            speeds.append(_speed(slot, "tg", at_once, answers, wall_s))
    return speeds, unmeasured


def counts(places: int) -> list[int]:
    """How many ask at once, from 1 to all places: each number, or doubling where there are many."""
    if places <= 8:
        return list(range(1, places + 1))
    doubling = [2**power for power in range(places.bit_length()) if 2**power < places]
    return [*doubling, places]


def _lengths(slot: Slot, settings: Settings) -> list[int]:
    # A word may be two tokens.
    return [
        length
        for length in settings.slot_benchmark_prompt_tokens
        if length * 2 + settings.slot_benchmark_answer_tokens <= slot.context_tokens
    ]


class _Asking(NamedTuple):
    slot: Slot
    environment: Mapping[str, str]
    settings: Settings
    at_once: int
    requests: int
    prompt_tokens: int
    answer_tokens: int

    async def run(self) -> tuple[list[Result], float]:
        """The results, and the seconds that all of them took together."""
        landed: list[Result] = []

        async def keep(results: Sequence[Result]) -> None:
            landed.extend(results)

        slots = [self.slot.model_copy(update={"parallel": self.at_once, "queue_ahead": 0})]
        started = time.monotonic()
        await dispatch(
            self._jobs(),
            slots=slots,
            environment=self.environment,
            land=keep,
            settings=self.settings,
            leases=Leases(slots, self.environment, self.settings),
            traffic=False,
        )
        return landed, time.monotonic() - started

    def _jobs(self) -> Iterator[Job]:
        today = datetime.now(UTC).date()
        for number in range(self.requests):
            # Different from its first word on: nothing of it is in the server's cache.
            words = " ".join(random.choices(_WORDS, k=self.prompt_tokens))  # noqa: S311
            prompt = f"{random.randrange(10**9)} {words}"  # noqa: S311
            limit = self.answer_tokens
            request = (
                Request(messages=[{"role": "user", "content": prompt}], max_tokens=limit)
                if self.slot.runtime == "openai"
                else Request(endpoint="completion", prompt=prompt, max_tokens=limit)
            )
            yield Job(
                recipe="slot_benchmark",
                kind="generation",
                role=self.slot.roles[0],
                occurred_on=today,
                source_part=str(number),
                request=request,
            )


def _told(answers: Sequence[Result], slot: Slot, unmeasured: list[Unmeasured]) -> bool:
    """Whether every request was answered; if not, why goes to `unmeasured`."""
    failed = [answer for answer in answers if answer.completion is None]
    if failed:
        unmeasured.append(Unmeasured(slot.name, f"{failed[0].error_kind}: {failed[0].error}"))
    return not failed


def _speed(
    slot: Slot, measure: Measure, at_once: int, answers: Sequence[Result], wall_s: float
) -> Speed:
    timings = [answer.completion.timings for answer in answers if answer.completion]
    output_tokens = sum(timing.output_tokens or 0 for timing in timings)
    return Speed(
        measured_at=datetime.now(UTC),
        slot=slot.name,
        model=slot.model,
        provider_name=slot.runtime,
        measure=measure,
        input_tokens=round(_median(timing.input_tokens for timing in timings) or 0),
        at_once=at_once,
        requests=len(timings),
        wall_s=wall_s,
        pp_tokens_per_s=_median(timing.pp_tokens_per_s for timing in timings),
        tg_tokens_per_s=_median(timing.tg_tokens_per_s for timing in timings)
        if measure == "tg"
        else None,
        total_tokens_per_s=output_tokens / wall_s if measure == "tg" and wall_s else None,
        ttft_ms=_median(timing.ttft_ms for timing in timings),
        timing_source=timings[0].timing_source,
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
