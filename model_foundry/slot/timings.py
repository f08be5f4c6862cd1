"""How fast an answer was, from the server's own figures where it gives them; means of speeds. Pure.

`ttft_ms` is the time to the first token: without the server's queue where the server measured
it, with it where we did (`timing_source` client). PP is tokens per second of prompt processing,
without the tokens that came from the cache; measured by us, it includes the wait. TG is tokens
per second of generation. What is not known is None; a server's figures are taken as they come, so
whatever is no finite number, or no speed that a machine has, counts as not known.

The mean of speeds is `MeanSpeed`, here, in SQL (`macros/speeds.sql`) and in Vector's program alike.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec

TimingSource = Literal["server", "client"]
# Of one request; what claims to be faster was not measured.
PP_MAX_TOKENS_PER_S: Final = 1e6
TG_MAX_TOKENS_PER_S: Final = 5e4
_BIGINT: Final = 2**63
_DIGITS: Final = 20
N = TypeVar("N", int, float)


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one answer. `total_ms` is ours: from the request's start to its last byte."""

    timing_source: TimingSource
    total_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    queue_ms: float | None = None
    ttft_ms: float | None = None
    pp_tokens_per_s: float | None = None
    tg_tokens_per_s: float | None = None

    @property
    def read_tokens(self) -> int | None:
        """See `read_tokens`."""
        return read_tokens(self.input_tokens, self.cached_tokens)


class MeanSpeed:
    """A mean of speeds: all tokens over all the time that they took.

    Those of PP are the tokens of the prompt that were read, those of TG all of the answer's.
    """

    def __init__(self) -> None:
        self._tokens = 0
        self._elapsed_s = 0.0
        self._sources: set[str] = set()

    def add(
        self, tokens: int | None, tokens_per_s: float | None, source: str | None = None
    ) -> None:
        """One answer's; without tokens or a speed it has no weight."""
        if tokens is not None and tokens > 0 and tokens_per_s is not None and tokens_per_s > 0:
            self._tokens += tokens
            self._elapsed_s += tokens / tokens_per_s
            if source is not None:
                self._sources.add(source)

    def value(self) -> float | None:
        """Tokens per second; None if nothing had a speed."""
        return self._tokens / self._elapsed_s if self._elapsed_s > 0 else None

    def source(self) -> str | None:
        """Who measured: server, client, or mixed; None if nobody says."""
        return "mixed" if len(self._sources) > 1 else next(iter(self._sources), None)


def read_tokens(input_tokens: int | None, cached_tokens: int | None) -> int | None:
    """How many tokens of a prompt had to be processed: not those that the cache had."""
    return None if input_tokens is None else max(0, input_tokens - (cached_tokens or 0))


def timings_of(
    total_ms: float,
    *,
    usage: object,
    llama_cpp: object = None,
    vllm: object = None,
    first_token_ms: float | None = None,
    last_token_ms: float | None = None,
    at_first: float = 0.0,
    unseen_reasoning: bool = False,
) -> Timings:
    """Figures of an answer that took `total_ms`.

    Args:
        total_ms: from the request's start to its last byte.
        usage: OpenAI's `usage`, or by the names of its Responses API.
        llama_cpp: llama.cpp's `timings`.
        vllm: vLLM's per-request `metrics`.
        first_token_ms: our own clock at the first token, where the answer was streamed.
        last_token_ms: our own clock at the last one, if other than at the end of all; where it
            is that of the first, the answer came in one piece and has no TG.
        at_first: the share of the answer that came with the first token, where that was more than
            one of its parts: a proxy that collects parts hides how long those took.
        unseen_reasoning: whether no reasoning came, so that what `usage` counts as such was
            written before the first token, and the TTFT is not that of the prompt.
    """
    counted = _mapping(usage)
    input_tokens = _counted(counted, "prompt_tokens", "input_tokens")
    output_tokens = _counted(counted, "completion_tokens", "output_tokens")
    details = counted.get("prompt_tokens_details") or counted.get("input_tokens_details")
    cached_tokens = _counted(_mapping(details), "cached_tokens")
    if cached_tokens is None:  # DeepSeek's name for it, and Moonshot's place
        cached_tokens = _counted(counted, "prompt_cache_hit_tokens", "cached_tokens")
    ours, theirs = _mapping(llama_cpp), _mapping(vllm)
    queue_ms: float | None = None
    written: float | None = None
    if ours:
        read, cache_n = _count(ours.get("prompt_n")), _count(ours.get("cache_n"))
        predicted = _count(ours.get("predicted_n"))
        written = predicted
        if input_tokens is None and read is not None:
            input_tokens = read + (cache_n or 0)
        output_tokens = predicted if output_tokens is None else output_tokens
        cached_tokens = cache_n if cached_tokens is None else cached_tokens
        ttft_ms = _number(ours.get("prompt_ms"))
        generation_ms = _number(ours.get("predicted_ms"))
    else:
        if theirs:
            queue_ms = _number(theirs.get("queue_time_ms"))
            ttft_ms = _number(theirs.get("time_to_first_token_ms"))
            generation_ms = _number(theirs.get("generation_time_ms"))
        else:
            ended_ms = total_ms if last_token_ms is None else last_token_ms
            ttft_ms = first_token_ms
            generation_ms = None if first_token_ms is None else ended_ms - first_token_ms
        read = None if input_tokens is None else input_tokens - (cached_tokens or 0)
        thought = _thought(counted) if unseen_reasoning and not theirs else 0
        read = None if thought else read
        if output_tokens is not None:
            said = output_tokens - thought
            # The first token belongs to the prompt: it took the TTFT, not generation time.
            written = said - (said * at_first if at_first and not theirs else 1)
    if input_tokens is not None and cached_tokens is not None and cached_tokens > input_tokens:
        cached_tokens = None
    return Timings(
        timing_source="server" if ours or theirs else "client",
        total_ms=total_ms,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        queue_ms=queue_ms,
        ttft_ms=ttft_ms,
        pp_tokens_per_s=_speed(read, ttft_ms, PP_MAX_TOKENS_PER_S),
        tg_tokens_per_s=_speed(written, generation_ms, TG_MAX_TOKENS_PER_S),
    )


def _thought(usage: Mapping[str, Any]) -> int:
    """The tokens of the reasoning, as far as they are counted apart."""
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    return _counted(_mapping(details), "reasoning_tokens") or 0


def together(first: Timings, last: Timings) -> Timings:
    """Figures of two answers that one result took: tokens and times added up.

    Speeds weigh the answers by their tokens; the time to the first token is the last one's. What
    we timed in part counts as timed by us.
    """
    both = (first, last)
    return Timings(
        timing_source=first.timing_source
        if first.timing_source == "client"
        else last.timing_source,
        total_ms=first.total_ms + last.total_ms,
        input_tokens=_sum(first.input_tokens, last.input_tokens),
        output_tokens=_sum(first.output_tokens, last.output_tokens),
        cached_tokens=_sum(first.cached_tokens, last.cached_tokens),
        queue_ms=_sum(first.queue_ms, last.queue_ms),
        ttft_ms=last.ttft_ms,
        pp_tokens_per_s=_mean((each.read_tokens, each.pp_tokens_per_s) for each in both),
        tg_tokens_per_s=_mean((each.output_tokens, each.tg_tokens_per_s) for each in both),
    )


def _sum(first: N | None, last: N | None) -> N | None:
    return last if first is None else first if last is None else first + last


def _mean(parts: Iterable[tuple[int | None, float | None]]) -> float | None:
    mean = MeanSpeed()
    for tokens, tokens_per_s in parts:
        mean.add(tokens, tokens_per_s)
    return mean.value()


def _speed(tokens: float | None, elapsed_ms: float | None, most: float) -> float | None:
    if tokens is None or elapsed_ms is None or tokens <= 0 or elapsed_ms <= 0:
        return None
    speed = tokens * 1000 / elapsed_ms
    return speed if speed <= most else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _counted(usage: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that is a count."""
    counts = (_count(usage.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _DIGITS:
        value = int(value)
    number = _number(value)
    return int(number) if number is not None and number < _BIGINT else None
