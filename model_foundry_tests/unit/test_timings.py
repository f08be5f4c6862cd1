"""Speeds from each server's own figures, and from our clock; figures that make no sense."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.slot.timings import MeanSpeed, Timings, read_tokens, timings_of, together

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


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 30, "output_tokens": 11, "input_tokens_details": {"cached_tokens": 10}},
        {"prompt_tokens": 30, "completion_tokens": 11, "prompt_cache_hit_tokens": 10},
        {"prompt_tokens": 30, "completion_tokens": 11, "cached_tokens": 10},
        {**USAGE, "prompt_cache_hit_tokens": 3, "cached_tokens": 3, "input_tokens": 3},
        {**USAGE, "prompt_tokens": None, "input_tokens": 30},
    ],
)
def test_counts_have_other_names_too(usage: dict[str, Any]) -> None:
    timings = timings_of(200.0, usage=usage, first_token_ms=100.0)
    assert (timings.input_tokens, timings.output_tokens, timings.cached_tokens) == (30, 11, 10)
    assert timings.pp_tokens_per_s == 200


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


def test_an_answer_in_one_piece_has_no_tg() -> None:
    pieces: dict[str, Any] = {"usage": USAGE, "first_token_ms": 100.0}
    one = timings_of(100.167, **pieces, last_token_ms=100.0)
    assert (one.pp_tokens_per_s, one.tg_tokens_per_s) == (200, None)
    # 10 tokens in 0.167 ms: nobody said when the last one came, and no machine is as fast.
    assert timings_of(100.167, **pieces).tg_tokens_per_s is None


def test_generation_ends_with_the_last_token_and_not_with_what_follows() -> None:
    timings = timings_of(5_000.0, usage=USAGE, first_token_ms=100.0, last_token_ms=200.0)
    assert timings.tg_tokens_per_s == 100


@pytest.mark.parametrize(
    ("figures", "pp", "tg"),
    [
        ({"predicted_n": 1, "predicted_ms": 0.001}, 400, None),  # llama.cpp of one token
        ({"prompt_ms": 1e-9}, None, 100),
        ({"prompt_n": 0}, None, 100),
        ({"prompt_n": -20}, None, 100),
        ({"predicted_ms": -110.0}, 400, None),
        ({"predicted_n": 0, "predicted_ms": 0.0}, 400, None),
        ({"predicted_ms": 1e-320}, 400, None),
    ],
)
def test_a_speed_that_no_machine_has_is_none(
    figures: dict[str, Any], pp: float | None, tg: float | None
) -> None:
    timings = timings_of(200.0, usage=USAGE, llama_cpp=LLAMA_CPP | figures)
    assert (timings.pp_tokens_per_s, timings.tg_tokens_per_s) == (pp, tg)


def test_a_cache_that_had_more_than_the_prompt_is_not_believed() -> None:
    usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 31}}
    timings = timings_of(200.0, usage=usage, vllm=VLLM)
    assert (timings.cached_tokens, timings.pp_tokens_per_s) == (None, None)


def test_a_mean_is_all_tokens_over_all_their_time() -> None:
    """A prompt of 3,000 tokens, and nine that found 2,950 of them in the cache."""
    mean = MeanSpeed()
    mean.add(read_tokens(3_000, 0), 3_000.0, "server")  # 1 s
    for _ in range(9):
        mean.add(read_tokens(3_000, 2_950), 500.0, "server")  # 0.1 s
    mean.add(read_tokens(3_000, 3_000), 500.0)
    mean.add(read_tokens(None, 5), 500.0)
    mean.add(read_tokens(30, 31), 500.0)
    mean.add(100, None)
    assert mean.value() == pytest.approx(3_450 / 1.9)
    assert mean.source() == "server"
    mean.add(1_000, 500.0, "client")
    assert mean.source() == "mixed"
    assert (MeanSpeed().value(), MeanSpeed().source()) == (None, None)


def test_two_answers_that_one_result_took_are_timed_by_whoever_timed_less_well() -> None:
    ours = timings_of(200.0, usage=USAGE, first_token_ms=100.0)
    theirs = timings_of(200.0, usage=USAGE, llama_cpp=LLAMA_CPP)
    assert together(theirs, ours).timing_source == "client"
    assert together(ours, theirs).timing_source == "client"
    both = together(theirs, theirs)
    assert both.timing_source == "server"
    assert both.pp_tokens_per_s == pytest.approx(400)


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
