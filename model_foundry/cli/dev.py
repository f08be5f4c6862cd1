"""`model-foundry dev`: the embedded stack, Dagster's UI and daemon, the exporter, until Ctrl-C."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import dagster as dg
import httpx
import psutil

from model_foundry.cli.console import console, errors
from model_foundry.cli.dagster_home import prepare_dagster_home
from model_foundry.cli.plain import plain_lines
from model_foundry.cli.stack import stack_where_needed
from model_foundry.devstack.processes import (
    HOST,
    StartCancelled,
    is_alive,
    kill_and_wait,
    open_log,
    require_free_port,
    wait_gone,
)
from model_foundry.devstack.stack import Signalled, until_signalled
from model_foundry.errors import FoundryError
from model_foundry.intake.configuration import pending_count
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import PREFIX, Settings
from model_foundry.store import postgres

_START_S: Final = 120.0
_POLL_S: Final = 0.2
_PROBE_S: Final = 0.5
# Of what a run has not written by then, the next start knows that it did not end.
_STOP_S: Final = 1.5


def run_dev(settings: Settings, port: int) -> int:
    """Start everything, say where the UI is, and wait; the exit code.

    Raises:
        FoundryError: a port is taken, or a server does not start.
    """
    require_free_port(port, "the Dagster UI")
    require_free_port(settings.exporter_port, "the exporter")
    live = f"http://{HOST}:{settings.exporter_port}"
    telemetry_url = settings.telemetry_url or f"{live}/telemetry"
    with (
        contextlib.suppress(StartCancelled),
        until_signalled() as signalled,
        stack_where_needed(settings, signalled, telemetry_url=telemetry_url) as stack,
    ):
        os.environ.setdefault(f"{PREFIX}TELEMETRY_URL", telemetry_url)
        settings = Settings(home=settings.home)
        dagster_home = _prepare(settings, signalled)
        logs = settings.home / "logs"
        if signalled.is_set():
            return 0
        with _dagster(logs, port) as processes:
            _wait_for_ui(processes, port, signalled)
            if not signalled.is_set():
                console.print(
                    f"\n  [bold green]Dagster UI[/]   http://{HOST}:{port}\n"
                    f"  [bold green]Live page[/]    {live}   [dim](figures: {live}/metrics)[/]\n"
                    f"  [dim]runs and history in {dagster_home}, logs in {logs}[/]\n"
                    "  [dim]sensors look every 10 s: publish with `model-foundry publish FILE`, "
                    "or let familiar talk with `model-foundry familiar`[/]\n"
                    "  [dim]Ctrl-C stops everything[/]\n",
                    highlight=False,
                )
            while not signalled.wait(_POLL_S):
                for name, process in processes.items():
                    if process.poll() is not None:
                        errors.print(f"{name} ended; its log is {logs / name}.log")
                        return 1
                if stack is not None:
                    ended = [s for s in stack.servers.values() if not s.running]
                    if ended:
                        told = f"{ended[0].service} ended: {ended[0].log_tail()}"
                        errors.print(plain_lines(told), markup=False)
                        return 1
    return 0


def _prepare(settings: Settings, signalled: Signalled) -> Path:
    """Make tables, stream and Dagster's home; a signal ends the waiting for a server."""
    dagster_home = prepare_dagster_home(settings)
    with contextlib.suppress(KeyboardInterrupt), signalled.interrupting():
        with contextlib.closing(postgres.connect(settings)) as connection:
            postgres.migrate(connection)
        run_interruptibly(pending_count(settings))  # the stream is there before the first publisher
        with dg.DagsterInstance.get():
            pass  # makes its SQLite tables, which the three processes below would do at once
    return dagster_home


@contextlib.contextmanager
def _dagster(logs: Path, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Webserver, daemon and exporter as child processes; at the end nothing of them runs."""
    location = ["-m", "model_foundry.definitions"]
    commands = {
        "dagster-webserver": ["dagster-webserver", "-h", HOST, "-p", str(port), *location],
        "dagster-daemon": ["dagster-daemon", "run", *location],
        "exporter": ["model-foundry", "exporter"],
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, (program, *arguments) in commands.items():
            with open_log(logs / f"{name}.log") as log:
                processes[name] = subprocess.Popen(
                    [Path(sys.executable).with_name(program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ.copy(),
                    start_new_session=True,
                )
        yield processes
    finally:
        leaders = {process.pid for process in processes.values()}
        # With code servers and runs, some of which outlive the one that started them.
        _end([process for process in psutil.process_iter() if _session(process) in leaders])
        # What they started meanwhile.
        kill_and_wait([each for each in psutil.process_iter() if _session(each) in leaders])
        for process in processes.values():
            process.wait()


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _end(processes: Sequence[psutil.Process]) -> None:
    waiting = [process for process in processes if is_alive(process)]
    for process in waiting:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    if not wait_gone(waiting, _STOP_S):
        kill_and_wait(waiting)


def _wait_for_ui(
    processes: dict[str, subprocess.Popen[bytes]], port: int, signalled: threading.Event
) -> None:
    deadline = time.monotonic() + _START_S
    with console.status("Starting the Dagster UI and its daemon …"):
        while not signalled.wait(_POLL_S):
            with contextlib.suppress(httpx.HTTPError):
                url = f"http://{HOST}:{port}/server_info"
                if httpx.get(url, timeout=_PROBE_S).is_success:
                    return
            gone = [name for name, process in processes.items() if process.poll() is not None]
            if gone or time.monotonic() > deadline:
                what = f"{gone[0]} ended" if gone else f"the UI did not answer in {_START_S:.0f} s"
                raise FoundryError(f"{what}; see its log in the home's logs folder")
