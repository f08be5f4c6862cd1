"""What model-foundry and familiar send, through Vector's programs: nothing of it is rejected."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "vrl_python", reason="the VRL engine (wheel vrl-python) is missing: vector.toml is not tested"
)
from model_foundry.slot.timings import MeanSpeed, read_tokens
from model_foundry.telemetry import event
from model_foundry_tests.vector import Vector

VECTOR = Vector.read(Path(__file__).parents[2] / "deploy" / "vector" / "vector.toml")
JOB = {"recipe": "follow_up", "role": "worker", "job_id": "9f0a", "attempt": 1, "run_id": "6b1e-4"}
SLOT = {"slot": "naughty", "model": "smollm2-135m-instruct", "backend": "llama.cpp"}


def sent(kind: Any, **fields: Any) -> dict[str, Any]:
    about = {"correlation_id": "0193-a", "service": "model-foundry", **fields}
    return event(kind, **about)


@pytest.mark.parametrize(
    "given",
    [
        sent("llm", **SLOT, **JOB, prompt_tokens=8, completion_tokens=4, cached_tokens=3,
             ttft_ms=9.5, duration_ms=20.25, pp_tokens_per_s=880.1, tg_tokens_per_s=97.0,
             timing_source="server"),
        sent("llm", **SLOT, **JOB, status="timeout", error_kind="timeout", duration_ms=120_000.0),
        sent("node", service="familiar", node="tool:search", state="done", duration_ms=2310.4),
        sent("node", service="familiar", node="worker-1", state="running"),
        sent("edge", service="familiar", source="orchestrator", target="message:plan"),
        sent("log", correlation_id=None, level="warn", message="it is paused", slot="naughty"),
    ],
)  # fmt: skip
def test_an_event_keeps_every_field(given: dict[str, Any]) -> None:
    [kept] = VECTOR.flow(given, "normalize")["normalize"]
    seconds = {"ttft_ms": "ttft_seconds", "duration_ms": "duration_seconds"}
    speeds = {"pp_tokens_per_s", "tg_tokens_per_s"}  # as tokens and seconds
    for name, value in given.items():
        if name in seconds:
            assert kept[seconds[name]] == pytest.approx(value / 1000)
        elif name not in {"ts", *speeds}:
            assert kept[name] == value
    assert kept["clock_skewed"] is False
    if "pp_tokens_per_s" in given:
        assert kept["prefill_tokens"] / kept["prefill_seconds"] == pytest.approx(880.1)
        assert kept["decode_tokens"] / kept["decode_seconds"] == pytest.approx(97.0)
        assert (kept["prefill_tokens"], kept["decode_tokens"]) == (5, 4)


def test_means_are_those_of_the_rest_of_the_project() -> None:
    """A prompt of 3,000 tokens, nine that were cached but for 50, an answer in one piece."""
    whole: dict[str, Any] = {
        "prompt_tokens": 3_000,
        "pp_tokens_per_s": 3_000,
        "timing_source": "server",
    }
    known = {**whole, "cached_tokens": 2_950, "pp_tokens_per_s": 500}
    piece: dict[str, Any] = {
        "prompt_tokens": 9,
        "completion_tokens": 25,
        "ttft_ms": 100.0,
        "duration_ms": 100.4,
    }
    mean = MeanSpeed()
    sums: Counter[str] = Counter()
    for fields in [whole, *[known] * 9, piece]:
        read = read_tokens(fields["prompt_tokens"], fields.get("cached_tokens"))
        mean.add(read, fields.get("pp_tokens_per_s"))
        for metric in VECTOR.metrics(sent("llm", **SLOT, **fields)):
            sums[metric["name"]] += metric["value"]
            if metric["name"].startswith("prefill"):
                assert metric["tags"]["timing_source"] == "server"
    assert sums["prefill_tokens_total"] == 3_450
    assert sums["prefill_seconds_total"] == pytest.approx(1.9)
    assert mean.value() == pytest.approx(3_450 / 1.9)
    assert "decode_tokens_total" not in sums
