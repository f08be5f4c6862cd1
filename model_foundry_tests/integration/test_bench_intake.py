"""The intake benchmark, small: does it measure everything, and does every arm land every event."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PEERS = {"textbook": "pydantic", "faststream_batch": "faststream", "dlt_merge": "dlt"}
LIMIT_S = 120


def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks`, its processes sharing compiled modules: they are many and short."""
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(arguments[-1]) + "/pycache",
        "PYTHONDONTWRITEBYTECODE": "",
        "COLUMNS": "120",
    }
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
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
    done = run("intake", "--quick", "--directory", home)
    assert done.returncode == 0, done.stdout + done.stderr

    result = json.loads((home / "intake.json").read_text())
    assert result["size"]["events"] >= 2_000
    assert result["size"]["preloaded"] == 200_000
    arms = result["arms"]
    assert set(arms) == {"naive", *PEERS, "ours", "copy_bound"}
    for name, figures in arms.items():
        if name in PEERS and importlib.util.find_spec(PEERS[name]) is None:
            assert figures is None
            assert f"SKIPPED: {name}" in done.stdout
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
    best = max(rate for name, rate in rates.items() if name in PEERS)
    assert ratios["vs_best_peer"] == round(rates["ours"] / best, 2)
    assert ratios["cost_at_5m_rows"] > 0
    assert ratios["cost_at_5m_rows_random_ids"] > 0
    assert result["peak_rss_mb"] == arms["ours"]["peak_rss_mb"]

    # It may be committed, and what it ran on is gone.
    assert str(home) not in json.dumps(result)
    assert os.uname().nodename not in json.dumps(result)
    assert {path.name for path in home.iterdir()} == {"intake.json", "pycache"}
