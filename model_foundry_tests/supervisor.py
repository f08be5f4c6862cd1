"""A stack's supervisor in a process of its own, to be signalled, killed and read."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil

PROGRAM = """
import json, sys
from model_foundry.devstack.stack import run_foreground
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

def report(service, state, detail):
    print(json.dumps([service, state, detail]), flush=True)

try:
    code = run_foreground(Settings(), report)
except FoundryError as error:
    print(json.dumps(["", "refused", str(error)]), flush=True)
    code = 3
sys.exit(code)
"""


class Supervisor:
    """`run_foreground` on a home; its reports are read from a file as they come."""

    def __init__(self, home: Path, *, fleet: Path | None = None) -> None:
        self.home = home
        self._output = home.parent / f"{home.name}-{time.monotonic_ns()}.out"
        environment = {**os.environ, "MODEL_FOUNDRY_HOME": str(home)}
        if fleet is not None:
            environment["MODEL_FOUNDRY_FLEET"] = str(fleet)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def reports(self) -> list[tuple[str, str, str]]:
        """(service, state, detail), so far."""
        lines = self._output.read_text().splitlines()
        return [tuple(json.loads(line)) for line in lines if line.startswith("[")]

    def output(self) -> str:
        """Everything that it printed."""
        return self._output.read_text()

    def wait_ready(self) -> Self:
        """Wait until it has written stack.json and, last, services.env."""

        def ready() -> bool:
            assert self.process.poll() is None, self.output()
            state = self.home / "stack.json"
            ours = state.exists() and json.loads(state.read_text())["pid"] == self.process.pid
            return ours and (self.home / "services.env").exists()

        wait_until(ready, why=self.output)
        return self

    def children(self) -> dict[str, psutil.Process]:
        """Its servers' processes, by service."""
        services = json.loads((self.home / "stack.json").read_text())["services"]
        return {name: psutil.Process(service["pid"]) for name, service in services.items()}

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM)
        self._output.unlink(missing_ok=True)


def runs(process: psutil.Process) -> bool:
    """Whether a process is alive and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(
    condition: Callable[[], bool], *, timeout_s: float = 60, why: Callable[[], str] = str
) -> None:
    """Poll a condition; an AssertionError with `why()` if it does not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {why()}"
        time.sleep(0.05)
