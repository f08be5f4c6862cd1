"""How fast an answer was, from the server's own figures where it gives them. Pure.

`ttft_ms` is the time to the first token: without the server's queue where the server measured
it, with it where we did. PP and TG are tokens per second of prompt processing (without the
tokens that came from the cache) and of generation. What is not known is None; a server's figures
are taken as they come, so whatever is no finite number counts as not known.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

_BIGINT = 2**63
N = TypeVar("N", int, float)


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one answer. `total_ms` is ours: from the request's start to its last byte."""

    timing_source: Literal["server", "client"]
    total_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    queue_ms: float | None = None
    ttft_ms: float | None = None
    pp_tokens_per_s: float | None = None
    tg_tokens_per_s: float | None = None


def timings_of(
    total_ms: float,
    *,
    usage: object,
    llama_cpp: object = None,
    vllm: object = None,
    first_token_ms: float | None = None,
    last_token_ms: float | None = None,
) -> Timings:
    """Figures of an answer that took `total_ms`.

    Args:
        total_ms: from the request's start to its last byte.
        usage: OpenAI's `usage`.
        llama_cpp: llama.cpp's `timings`.
        vllm: vLLM's per-request `metrics`.
        first_token_ms: our own clock at the first token, where the answer was streamed.
        last_token_ms: our own clock at the last one, if other than at the end of all; where it
            is that of the first, the answer came in one piece and has no TG.
    """
    counted = _mapping(usage)
    input_tokens = _count(counted.get("prompt_tokens"))
    output_tokens = _count(counted.get("completion_tokens"))
    cached_tokens = _count(_mapping(counted.get("prompt_tokens_details")).get("cached_tokens"))
    ours, theirs = _mapping(llama_cpp), _mapping(vllm)
    if ours:
        prompt_n, cache_n = _count(ours.get("prompt_n")), _count(ours.get("cache_n"))
        if input_tokens is None and prompt_n is not None:
            input_tokens = prompt_n + (cache_n or 0)
        if output_tokens is None:
            output_tokens = _count(ours.get("predicted_n"))
        prompt_ms = _number(ours.get("prompt_ms"))
        return Timings(
            timing_source="server",
            total_ms=total_ms,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=cache_n if cached_tokens is None else cached_tokens,
            ttft_ms=prompt_ms,
            pp_tokens_per_s=_speed(prompt_n, prompt_ms),
            tg_tokens_per_s=_speed(
                _count(ours.get("predicted_n")), _number(ours.get("predicted_ms"))
            ),
        )
    queue_ms: float | None = None
    if theirs:
        queue_ms = _number(theirs.get("queue_time_ms"))
        ttft_ms = _number(theirs.get("time_to_first_token_ms"))
        generation_ms = _number(theirs.get("generation_time_ms"))
    else:
        ended_ms = total_ms if last_token_ms is None else last_token_ms
        ttft_ms = first_token_ms
        generation_ms = None if first_token_ms is None else ended_ms - first_token_ms
    read = None if input_tokens is None else input_tokens - (cached_tokens or 0)
    # The first token belongs to the prompt: it took the TTFT, not generation time.
    written = None if output_tokens is None else output_tokens - 1
    return Timings(
        timing_source="server" if theirs else "client",
        total_ms=total_ms,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        queue_ms=queue_ms,
        ttft_ms=ttft_ms,
        pp_tokens_per_s=_speed(read, ttft_ms),
        tg_tokens_per_s=_speed(written, generation_ms),
    )


def together(first: Timings, last: Timings) -> Timings:
    """Figures of two answers that one result took: tokens and times added up.

    Speeds weigh the answers by their tokens; the time to the first token is the last one's.
    """
    read = [_less(each.input_tokens, each.cached_tokens) for each in (first, last)]
    return Timings(
        timing_source=last.timing_source,
        total_ms=first.total_ms + last.total_ms,
        input_tokens=_sum(first.input_tokens, last.input_tokens),
        output_tokens=_sum(first.output_tokens, last.output_tokens),
        cached_tokens=_sum(first.cached_tokens, last.cached_tokens),
        queue_ms=_sum(first.queue_ms, last.queue_ms),
        ttft_ms=last.ttft_ms,
        pp_tokens_per_s=_mean_speed(
            (read[0], first.pp_tokens_per_s), (read[1], last.pp_tokens_per_s)
        ),
        tg_tokens_per_s=_mean_speed(
            (first.output_tokens, first.tg_tokens_per_s), (last.output_tokens, last.tg_tokens_per_s)
        ),
    )


def _less(tokens: int | None, cached: int | None) -> int | None:
    return None if tokens is None else tokens - (cached or 0)


def _sum(first: N | None, last: N | None) -> N | None:
    return last if first is None else first if last is None else first + last


def _mean_speed(*parts: tuple[int | None, float | None]) -> float | None:
    timed = [(tokens, speed) for tokens, speed in parts if tokens and tokens > 0 and speed]
    elapsed_ms = sum(tokens / speed for tokens, speed in timed) * 1000
    return _speed(sum(tokens for tokens, _ in timed), elapsed_ms)


def _speed(tokens: int | None, elapsed_ms: float | None) -> float | None:
    if tokens is None or elapsed_ms is None or tokens <= 0 or elapsed_ms <= 0:
        return None
    return _number(tokens * 1000 / elapsed_ms)


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


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number < _BIGINT else None
