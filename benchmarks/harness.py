"""What every benchmark shares: measured processes, rotation, medians, machine facts, result files.

Belongs here: how something is measured. Does not: what is measured.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from benchmarks.measured import Call
from model_foundry.errors import FoundryError

ROOT: Final = Path(__file__).parents[1]
LIMIT_S: Final = 300.0
LOG_TAIL_CHARS: Final = 4_000


class Outcome(NamedTuple):
    """A run in a process of its own: wall and CPU seconds of the run, peak memory of the process.

    `started` and `ended` are seconds since the epoch.
    """

    seconds: float
    cpu_s: float
    peak_rss_mb: float
    started: float
    ended: float


def measure(
    *calls: Call, log: Path, limit_s: float = LIMIT_S, ready: Callable[[], object] = lambda: None
) -> list[Outcome]:
    """Run each call in a fresh process, all from the same moment on, once all are prepared.

    Args:
        calls: what runs side by side; usually one.
        log: file that the processes' output is appended to; its folder is their working folder
            and their home.
        limit_s: within which they must be prepared, and then done.
        ready: called once all are prepared, before they run.

    Raises:
        FoundryError: a process failed (with its traceback), ended, or took longer.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab"))  # what peers print is no part of our output
        connections: list[Connection] = []
        for call in calls:
            ours, theirs = Pipe()
            process = subprocess.Popen(
                [call.python, "-m", "benchmarks.measured", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env={**os.environ, "HOME": str(log.parent), "PYTHONPATH": str(ROOT)},
            )
            stack.callback(_end, process)
            theirs.close()
            ours.send((call.prepare, call.task))
            connections.append(ours)
        for connection in connections:
            _receive(connection, limit_s, log)
        ready()
        for connection in connections:
            connection.send(None)
        return [Outcome(*_receive(connection, limit_s, log)) for connection in connections]


def _receive(connection: Connection, limit_s: float, log: Path) -> Any:
    try:
        if not connection.poll(limit_s):
            raise FoundryError(
                f"a measured process did not answer within {limit_s:g} s.{_tail(log)}"
            )
        answer = connection.recv()
    except EOFError:
        raise FoundryError(f"a measured process ended before it answered.{_tail(log)}") from None
    if isinstance(answer, str):
        raise FoundryError(f"a measured process failed:\n{answer}")
    return answer


def _tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARS:].strip()
    return f" Its output ends with:\n{text}" if text else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # its answer is there, or not wanted any more
    process.wait()


def rotated(names: Sequence[str], rounds: int) -> Iterator[list[str]]:
    """Each round's order: every name comes first, second … about equally often."""
    for number in range(rounds):
        first = number % len(names)
        yield [*names[first:], *names[:first]]


def summary(rates: Sequence[float], digits: int = 1) -> dict[str, Any]:
    """Per-round figures and their median, as they stand in a result file."""
    return {
        "median": round(statistics.median(rates), digits),
        "rounds": [round(rate, digits) for rate in rates],
    }


def machine_facts(distributions: Sequence[str], **versions: str) -> dict[str, Any]:
    """What the figures were measured on; no names of hosts, users or paths.

    Args:
        distributions: installed packages whose versions matter; absent ones are left out.
        versions: of anything else.
    """
    packages = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {**packages, **versions},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def write_result(directory: Path, name: str, result: dict[str, Any]) -> Path:
    """Write `<directory>/<name>.json`, whole or not at all; `measured_at` is added."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    part = path.with_suffix(".json.part")
    stamped = {"benchmark": name, "measured_at": datetime.now(UTC).isoformat("T", "seconds")}
    part.write_text(json.dumps({**stamped, **result}, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return path
