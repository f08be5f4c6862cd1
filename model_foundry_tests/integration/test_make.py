"""make's targets that remove things, for real: in a folder with the names that they know."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a checkout keeps beside the sources, in a folder with a name of its own."""
    checkout = tmp_path / "モデル 工房"
    for name in (".venv", ".foundry", ".mypy_cache"):
        (checkout / name).mkdir(parents=True)
        (checkout / name / "kept").touch()
    (checkout / ".foundry" / "stack.lock").write_text("4321\n")
    return checkout


def make(
    checkout: Path, target: str, answer: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", f"--makefile={ROOT / 'Makefile'}", target],
        cwd=checkout,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        input=answer,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_clean_keeps_the_data(checkout: Path) -> None:
    assert make(checkout, "clean").returncode == 0
    assert [path.name for path in checkout.iterdir()] == [".foundry"]
    assert (checkout / ".foundry" / "kept").exists()


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "no\n", "YES please\n"])
def test_clean_data_asks(checkout: Path, answer: str) -> None:
    done = make(checkout, "clean-data", answer)
    assert done.returncode != 0
    assert f"Remove {checkout}/.foundry, with its events" in done.stdout
    assert "Nothing was removed." in done.stdout
    assert (checkout / ".foundry" / "kept").exists()


def test_clean_data_removes_the_data_and_nothing_else(checkout: Path) -> None:
    assert make(checkout, "clean-data", "yes\n").returncode == 0
    assert {path.name for path in checkout.iterdir()} == {".venv", ".mypy_cache"}
    again = make(checkout, "clean-data", "yes\n")
    assert (again.returncode, again.stdout) == (0, f"No data in {checkout}/.foundry.\n")


def test_clean_data_never_removes_what_is_no_home(checkout: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    done = make(checkout, "clean-data", "yes\n", MODEL_FOUNDRY_HOME=str(mine))
    assert (done.returncode, done.stdout) == (0, f"No data in {mine}.\n")
    assert mine.exists()


def test_clean_data_leaves_a_stack_that_runs_alone(checkout: Path) -> None:
    with (checkout / ".foundry" / "stack.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = make(checkout, "clean-data", "yes\n")
    assert done.returncode != 0
    assert "stop it first (kill 4321)" in done.stdout
    assert (checkout / ".foundry" / "kept").exists()
