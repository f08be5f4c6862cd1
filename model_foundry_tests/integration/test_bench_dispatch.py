"""The dispatch benchmark, small: does it measure everything, and is every job asked once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.dispatch.arms import ARMS
from benchmarks.dispatch.benchmark import FULL, comparisons

ROOT = Path(__file__).parents[2]
PEERS = {"litellm_router", "litellm_weighted", "curator", "data_designer"}
LIMIT_S = 200


def test_quick_run_measures_everything_and_asks_every_job_once(home: Path) -> None:
    # The run itself fails unless each server was asked once a job, by ours never beyond its cap.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "dispatch", "--quick", "--directory", str(home)],
        cwd=ROOT,
        env={**os.environ, "BENCHMARK_PEERS": str(home / "none")},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    result = json.loads((home / "dispatch.json").read_text())
    arms = result["arms"]
    assert set(arms) == {
        "8x400ms",
        "unequal",
        "8x50ms",
        "llamacpp",
        "conversations",
        "instant",
        "many_jobs",
    }
    for name in ("8x400ms", "unequal", "8x50ms"):
        for arm, figures in arms[name].items():
            if arm in PEERS:
                assert figures is None
                assert f"SKIPPED: {arm};" in done.stdout
                continue
            assert 0 < figures["utilization"]["median"] <= 1.01, (name, arm)
            assert figures["client_cpu_ms_per_request"]["median"] > 0
            assert min(figures["peak_in_flight"]) > 0
    assert (
        PEERS
        == {arm for arm in ARMS if ARMS[arm].peer}
        == PEERS & (arms["8x400ms"].keys() | arms["unequal"].keys())
    )
    assert "bench-peers" in done.stdout
    assert arms["8x400ms"]["ours"]["peak_in_flight"] == [8]
    assert arms["8x50ms"]["ours"]["peak_in_flight"] == [12]
    for arm in ("ours", "bare_loop"):
        assert arms["llamacpp"][arm]["tokens_per_s"]["median"] > 0

    ratios = result["ratios"]
    assert set(ratios) == {
        "utilization_8x400ms",
        "utilization_unequal",
        "utilization_8x50ms_queue_ahead",
        "of_the_bound_8x400ms",
        "of_the_bound_unequal",
        "of_the_bound_8x50ms",
        "vs_bare_loop_llamacpp",
        "cached_tokens_with_affinity",
    }
    assert ratios["utilization_8x400ms"] == arms["8x400ms"]["ours"]["utilization"]["median"]
    assert ratios["vs_bare_loop_llamacpp"] > 0
    for arm in ("conversations", "conversations_anywhere"):
        figures = arms["conversations"][arm]
        assert 0 < figures["cached_tokens"] < figures["input_tokens"]
        assert 0 < figures["busy"] <= 1.01
    assert isinstance(result["cpu_ms_per_request_overhead"], float)
    assert result["peak_rss_mb_100k_jobs"] == arms["many_jobs"]["ours"]["peak_rss_mb"] > 10

    # It may be committed, and what it ran on is gone.
    assert str(home) not in json.dumps(result)
    assert os.uname().nodename not in json.dumps(result)
    assert {path.name for path in home.iterdir()} == {"dispatch.json"}


@pytest.mark.parametrize(
    ("name", "jobs", "ideal_s"),
    [("8x400ms", 1_000, 50.0), ("8x400ms", 9, 0.8), ("8x50ms", 1_000, 6.25), ("unequal", 43, 2.0)],
)
def test_the_ideal_time_is_that_of_whole_turns(name: str, jobs: int, ideal_s: float) -> None:
    assert comparisons(FULL)[name].ideal_s(jobs) == pytest.approx(ideal_s, abs=1e-6)
