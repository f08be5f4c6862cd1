"""The telemetry benchmark, small: does it measure everything, and does every arm lose nothing."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_quick_run_measures_every_arm(home: Path) -> None:
    # The run itself fails unless all events land and all jobs are answered in every arm.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "telemetry", "--quick", "--directory", str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((home / "telemetry.json").read_text())
    arms = ("without", "well", "down", "slow", "500")
    for work in ("intake", "dispatch"):
        assert tuple(result["arms"][work]) == arms
        assert all(result["ratios"][f"{work}_{arm}"] > 0 for arm in arms[1:])
    assert {path.name for path in home.iterdir()} == {"telemetry.json"}
