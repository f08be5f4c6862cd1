"""A measured process: `harness` starts it, in our interpreter or in a peer's.

Imports the standard library only; what it measures may need more.
"""

import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

Prepare = Callable[[Any], Callable[[], object]]
"""Makes everything ready (imports, input) and returns what is measured; importable by name."""


class Call(NamedTuple):
    """One process to be: `prepare(task)` in it, then the run that this returned.

    `python` is the interpreter; it must be able to import both.
    """

    prepare: Prepare
    task: Any
    python: Path = Path(sys.executable)


def serve(connection: Connection) -> None:
    """Receive what to prepare, say that it is, wait for the word, run it, send the figures.

    They are those of `harness.Outcome`, or a text if anything failed.
    """
    try:
        prepare, task = connection.recv()
        run = prepare(task)
        connection.send(None)
        connection.recv()
        started, wall, cpu = time.time(), time.perf_counter(), time.process_time()
        run()
        seconds, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        connection.send((seconds, cpu_s, peak_rss_mb(), started, started + seconds))
    except BaseException:
        connection.send(traceback.format_exc())


def peak_rss_mb() -> float:
    """Peak resident memory of this process, in MB (10^6 bytes)."""
    with open("/proc/self/status", encoding="ascii") as status:
        [peak] = [line for line in status if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
