"""The summaries benchmark, small: does it measure everything, does every arm count every row."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


def test_quick_run_measures_everything_and_every_arm_counts_every_row(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "summaries", "--quick", "--directory", str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((home / "summaries.json").read_text())
    for arms in result["arms"].values():
        for name, figures in arms.items():
            if name == "connectorx" and figures is None:
                assert "SKIPPED: connectorx" in done.stdout
                continue
            assert figures["seconds"]["median"] > 0
    assert set(result["ratios"]) >= {
        "vs_pandas_5m",
        "vs_pandas_adbc_5m",
        "vs_twenty_lines_5m",
        "lake_vs_postgres",
        "two_processes_time",
    }
    assert all(value > 0 for value in result["ratios"].values())
    assert result["peak_rss_mb_5m"] > 10
    assert str(home) not in json.dumps(result)
    assert os.uname().nodename not in json.dumps(result)
    assert {path.name for path in home.iterdir()} == {"summaries.json"}
