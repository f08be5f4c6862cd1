"""The intake benchmark, small: does it measure everything, and does every arm land every event."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.intake.arms import ARMS, Task
from benchmarks.intake.benchmark import QUICK
from benchmarks.intake.events import Events
from benchmarks.intake.line import Line
from model_foundry.errors import FoundryError

ROOT = Path(__file__).parents[2]
PEERS = {"faststream_batch", "dlt_merge"}
LIMIT_S = 240


def run_quick(directory: Path) -> subprocess.CompletedProcess[str]:
    """The quick benchmark, without any peer; its processes, many and short, compile once."""
    changes = {"PYTHONDONTWRITEBYTECODE": "", "BENCHMARK_PEERS": str(directory / "none")}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "intake", "--quick", "--directory", str(directory)],
        cwd=ROOT,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def median_of(figures: dict[str, Any], rounds: int = 1) -> float:
    """The median of figures whose shape is right."""
    assert set(figures) == {"median", "rounds"}
    assert len(figures["rounds"]) == rounds
    median = figures["median"]
    assert isinstance(median, float)
    return median


def test_quick_run_measures_everything_and_every_arm_lands_every_event_once(home: Path) -> None:
    # The run itself fails unless each arm landed, and acknowledged, every event exactly once.
    done = run_quick(home)
    assert done.returncode == 0, done.stdout + done.stderr

    result = json.loads((home / "intake.json").read_text())
    assert result["size"] == QUICK._asdict()
    arms = result["arms"]
    assert set(arms) == {"naive", "textbook", *PEERS, "ours", "copy_bound"}
    for name, figures in arms.items():
        if name in PEERS:
            assert figures is None
            assert f"SKIPPED: {name};" in done.stdout
            continue
        assert median_of(figures["events_per_s"]) > 0
        assert median_of(figures["client_cpu_us_per_event"]) > 0
        assert figures["peak_rss_mb"] > 10
    assert set(result["processes"]) == {"1", "2", "4"}
    for figures in result["processes"].values():
        assert median_of(figures) > 0

    rates = {name: figures["events_per_s"]["median"] for name, figures in arms.items() if figures}
    ratios = result["ratios"]
    assert ratios["vs_naive"] == round(rates["ours"] / rates["naive"], 2)
    assert ratios["vs_copy_bound"] == round(rates["ours"] / rates["copy_bound"], 3)
    assert ratios["vs_best_peer"] == round(rates["ours"] / rates["textbook"], 2)
    assert ratios["cost_at_5m_rows"] > 0
    assert ratios["cost_at_5m_rows_random_ids"] > 0
    assert result["peak_rss_mb"] == arms["ours"]["peak_rss_mb"]

    # It may be committed, and what it ran on is gone.
    assert str(home) not in json.dumps(result)
    assert os.uname().nodename not in json.dumps(result)
    assert {path.name for path in home.iterdir()} == {"intake.json"}


def test_an_arm_that_leaves_events_behind_is_found_out(home: Path) -> None:
    events = Events(200)
    with Line(home / "line") as line, line.database() as database:
        line.publish(events)
        arm = ARMS["ours"]
        with (
            pytest.raises(FoundryError, match="150 messages were acknowledged, not 200"),
            line.consumer(200),
        ):
            harness.measure(arm.call(line.task(database, 150)), log=home / "log")
        with pytest.raises(FoundryError, match="50 of 200 missing"):
            line.check_landed(database, arm.landed, events.event_ids())
        line.check_landed(database, arm.landed, events.event_ids()[:150])


def test_an_arm_that_fails_says_why(home: Path) -> None:
    nobody = "nats://127.0.0.1:1"
    task = Task(nobody, "FOUNDRY", "s", "postgresql://127.0.0.1:1/none", home, (1,), 1)
    with pytest.raises(FoundryError, match=r"NATS at 127\.0\.0\.1:1 cannot be reached"):
        harness.measure(ARMS["ours"].call(task), log=home / "log")
