"""Speeds from each server's own figures, and from our clock; figures that make no sense."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.slot.timings import Timings, timings_of

USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 11,
    "prompt_tokens_details": {"cached_tokens": 10},
}
COUNTS: dict[str, Any] = {
    "total_ms": 200.0,
    "input_tokens": 30,
    "output_tokens": 11,
    "cached_tokens": 10,
}
LLAMA_CPP = {
    **{"cache_n": 10, "prompt_n": 20, "prompt_ms": 50.0},
    **{"predicted_n": 11, "predicted_ms": 110.0},
}
VLLM = {"time_to_first_token_ms": 40.0, "generation_time_ms": 100.0, "queue_time_ms": 7.0}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_llama_cpp_counts_only_what_it_had_to_read() -> None:
    assert timings_of(200.0, usage=USAGE, llama_cpp=LLAMA_CPP) == Timings(
        timing_source="server", **COUNTS, ttft_ms=50.0, pp_tokens_per_s=400, tg_tokens_per_s=100
    )


def test_llama_cpp_without_usage_is_counted_from_its_timings() -> None:
    timings = timings_of(200.0, usage=None, llama_cpp=LLAMA_CPP)
    assert (timings.input_tokens, timings.output_tokens, timings.cached_tokens) == (30, 11, 10)


def test_vllm_says_how_long_the_request_queued() -> None:
    assert timings_of(200.0, usage=USAGE, vllm=VLLM) == Timings(
        timing_source="server",
        **COUNTS,
        queue_ms=7.0,
        ttft_ms=40.0,
        pp_tokens_per_s=500,
        tg_tokens_per_s=100,
    )


def test_our_own_clock_serves_where_the_server_is_silent() -> None:
    assert timings_of(200.0, usage=USAGE, first_token_ms=100.0) == Timings(
        timing_source="client", **COUNTS, ttft_ms=100.0, pp_tokens_per_s=200, tg_tokens_per_s=100
    )


def test_without_a_first_token_no_speed_is_claimed() -> None:
    assert timings_of(200.0, usage=USAGE) == Timings(timing_source="client", **COUNTS)


@pytest.mark.parametrize("prompt_ms", [0, -1, math.nan, math.inf, "50", None, True, 10**400])
def test_a_time_that_makes_no_sense_gives_no_speed(prompt_ms: object) -> None:
    timings = timings_of(200.0, usage=USAGE, llama_cpp=LLAMA_CPP | {"prompt_ms": prompt_ms})
    assert timings.pp_tokens_per_s is None
    assert timings.tg_tokens_per_s == 100


@given(usage=json_values, number=json_values, name=st.sampled_from([*LLAMA_CPP, *VLLM]))
def test_whatever_a_server_reports_the_figures_fit_their_columns(
    usage: object, number: object, name: str
) -> None:
    timings = timings_of(
        1.0, usage=usage, llama_cpp={name: number}, vllm={name: number}, first_token_ms=0.5
    )
    for field in ("input_tokens", "output_tokens", "cached_tokens"):
        count = getattr(timings, field)
        assert count is None or 0 <= count < 2**63
    for field in ("queue_ms", "ttft_ms", "pp_tokens_per_s", "tg_tokens_per_s"):
        value = getattr(timings, field)
        assert value is None or (math.isfinite(value) and value >= 0)
