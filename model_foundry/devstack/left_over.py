"""What is left of a `model-foundry dev` that was killed: Dagster's processes, the exporter, runs.

Belongs here: the mark by which they are known, and their end. Does not: the servers, each of which
knows its own left-over processes (`ServerProcess.others`).
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from model_foundry.devstack.lock import HomeLock
from model_foundry.devstack.processes import is_alive, kill_and_wait, wait_gone

MARK: Final = "FOUNDRY_STARTED_BY_DEV_IN"
"""An environment variable: the home of the `dev` that started a process, or whose child did."""
STOP_S: Final = 20.0


def dev_lock(home: Path) -> HomeLock:
    """Held by the `dev` of a home; where it is free, whatever bears the mark is left over."""
    return HomeLock(home / "dev.lock")


def mark(home: Path) -> dict[str, str]:
    """The mark of this home, for the environment of a child."""
    return {MARK: str(home.resolve())}


def marked(home: Path) -> list[psutil.Process]:
    """The processes that bear the mark of this home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if mark(home).items() <= process.environ().items():
                found.append(process)
    return found


def end_left_over(home: Path) -> list[psutil.Process]:
    """End what a killed `dev` of this home has left, unless a `dev` runs; what was ended."""
    lock = dev_lock(home)
    if not lock.path.exists() or lock.take() is not None:
        return []
    try:
        left = [process for process in marked(home) if is_alive(process)]
        end(left)
        return left
    finally:
        lock.give()


def end(processes: Sequence[psutil.Process], *, within_s: float = STOP_S) -> None:
    """SIGTERM, and SIGKILL to those that still run so many seconds later."""
    waiting = [process for process in processes if is_alive(process)]
    for process in waiting:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    if not wait_gone(waiting, within_s):
        kill_and_wait(waiting)
