"""`model-foundry dev`: the embedded stack, Dagster's UI and daemon, the exporter, until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import psutil

from model_foundry import postgres
from model_foundry.cli.console import console, errors
from model_foundry.cli.dagster_home import fail_lost_runs, prepare_dagster_home
from model_foundry.cli.plain import plain_lines
from model_foundry.cli.stack import show_left_over, stack_where_needed
from model_foundry.devstack.left_over import dev_lock, end, mark, marked
from model_foundry.devstack.lock import HomeLock
from model_foundry.devstack.processes import (
    HOST,
    StartCancelled,
    is_alive,
    kill_and_wait,
    open_log,
    require_free_port,
    tail_of,
)
from model_foundry.devstack.stack import (
    Signalled,
    Stack,
    require_own_folder,
    until_signalled,
)
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake.configuration import pending_count
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, make_home

_POLL_S: Final = 0.2
# A `dev` that is ending has this long before another one is refused.
_ENDING_S: Final = 60.0
_PROBE_S: Final = 0.5
_LOCATION: Final = "model_foundry.definitions"
_RELOAD: Final = (
    f'mutation {{ reloadRepositoryLocation(repositoryLocationName: "{_LOCATION}") '
    "{ __typename } }"
)
# Of what a run has not written by then, the next start knows that it did not end.
_STOP_S: Final = 1.5


class _Child(NamedTuple):
    """A process of Dagster's, or the exporter."""

    process: subprocess.Popen[bytes]
    log: Path
    log_offset: int

    @property
    def how_it_ended(self) -> str | None:
        """With what its log says; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        return f"ended ({how}).{tail_of(self.log, since=self.log_offset)}"


class _CodeServer:
    """The process in which the webserver's definitions live.

    The daemon starts one anew every minute; the webserver, when it is told to.
    """

    def __init__(self, webserver: int) -> None:
        self._webserver = webserver
        self._known = self._running()

    def is_lost(self) -> bool:
        """Whether there was one when this was last asked, and there is none now."""
        if any(is_alive(one) for one in self._known):
            return False
        had_one = bool(self._known)
        self._known = self._running()
        return had_one and not self._known

    def _running(self) -> list[psutil.Process]:
        """None of a webserver that is gone, which is told of otherwise."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [one for one in psutil.Process(self._webserver).children() if is_alive(one)]
        return []


def run_dev(settings: Settings, port: int, parent: int | None = None) -> int:
    """Start everything, say where the UI is, and wait; the exit code.

    Args:
        port: of the Dagster UI.
        parent: end when this process, which started us, is gone; None: whatever becomes of it.

    Raises:
        FoundryError: the fleet's file is wrong or lacks the profile, another one runs in this
            home, a port is taken, or a server does not start.
    """
    # A process started below would end of it, and everything else with that process.
    settings_fleet(settings).in_profile(settings.profile)
    with (
        _only_one(settings.home) as lock,
        until_signalled() as signalled,
        _ending_with(parent, signalled, lock),
    ):
        settings = Settings(home=settings.home)  # without the addresses of a stack that has ended
        require_free_port(port, "the Dagster UI", "`make dev PORT=…`, `model-foundry dev --port …`")
        require_free_port(settings.exporter_port, "the exporter", f"{PREFIX}EXPORTER_PORT")
        return _run(settings, port, signalled, lock)


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[HomeLock]:
    """No other `dev` in this home, and nothing of one that was killed."""
    require_own_folder(home)
    lock = dev_lock(home)
    make_home(home)
    try:
        holder = lock.take(ending_s=_ENDING_S)
    except OSError as error:
        raise FoundryError(f"the home {home} cannot be used: {error.strerror}") from error
    if holder is not None:
        raise FoundryError(
            f"`model-foundry dev` already runs in {home} (pid {holder}); it is left alone. Use it, "
            f"stop it (`kill {holder}`), or set another {PREFIX}HOME."
        )
    try:
        left = marked(home)
        show_left_over(left)
        end(left)
        yield lock
    finally:
        lock.give()


@contextlib.contextmanager
def _ending_with(parent: int | None, signalled: threading.Event, lock: HomeLock) -> Iterator[None]:
    """`signalled` is set once `parent` is not our parent any more; then the lock says so."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            if parent is not None and os.getppid() != parent:
                signalled.set()
            if signalled.is_set():
                lock.ending()
                return

    watcher = threading.Thread(target=watch, name="parent")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _run(settings: Settings, port: int, signalled: Signalled, lock: HomeLock) -> int:
    live = f"http://{HOST}:{settings.exporter_port}"
    telemetry_url = settings.telemetry_url or f"{live}/telemetry"
    with (
        contextlib.suppress(StartCancelled),
        stack_where_needed(settings, signalled, telemetry_url=telemetry_url) as stack,
    ):
        os.environ.setdefault(f"{PREFIX}TELEMETRY_URL", telemetry_url)
        if "ui_url" not in settings.model_fields_set:
            os.environ[f"{PREFIX}UI_URL"] = f"http://{HOST}:{port}"
        settings = Settings(home=settings.home)
        dagster_home = _prepare(settings, stack, signalled)
        logs = settings.home / "logs"
        if signalled.is_set():
            return 0
        with _dagster(settings.home, port) as children:
            _wait_for_ui(children, settings, port, signalled)
            code_server = _CodeServer(children["dagster-webserver"].process.pid)
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
                if code_server.is_lost():
                    errors.print(
                        "The code server of dagster-webserver is gone: it starts another one, "
                        "which takes some seconds.",
                        soft_wrap=True,
                    )
                    reload = threading.Thread(target=_reload, args=(port, settings), daemon=True)
                    reload.start()
                for name, child in children.items():
                    if (how := child.how_it_ended) is not None:
                        lock.ending()
                        errors.print(plain_lines(f"{name} {how}"), markup=False, soft_wrap=True)
                        return 1
                if stack is not None:
                    ended = [s for s in stack.servers.values() if not s.running]
                    if ended:
                        lock.ending()
                        told = f"{ended[0].service} ended: {ended[0].log_tail()}"
                        errors.print(plain_lines(told), markup=False, soft_wrap=True)
                        return 1
    return 0


def _prepare(settings: Settings, stack: Stack | None, signalled: Signalled) -> Path:
    """Make tables, stream and Dagster's home; a signal ends the waiting for a server."""
    dagster_home = prepare_dagster_home(settings)
    with contextlib.suppress(KeyboardInterrupt), signalled.interrupting():
        with contextlib.closing(postgres.connect(settings)) as connection:
            postgres.migrate(connection)
        run_interruptibly(pending_count(settings))  # the stream is there before the first publisher
        # Makes the instance's SQLite tables too, which the three processes below would do at once.
        fail_lost_runs(settings, stack)
    return dagster_home


@contextlib.contextmanager
def _dagster(home: Path, port: int) -> Iterator[dict[str, _Child]]:
    """Webserver, daemon and exporter as child processes; at the end nothing of them runs."""
    location = ["-m", _LOCATION]
    commands = {
        "dagster-webserver": ["dagster-webserver", "-h", HOST, "-p", str(port), *location],
        "dagster-daemon": ["dagster-daemon", "run", *location],
        "exporter": ["model-foundry", "exporter"],
    }
    children: dict[str, _Child] = {}
    try:
        for name, (program, *arguments) in commands.items():
            path = home / "logs" / f"{name}.log"
            with open_log(path) as log:
                offset = log.seek(0, os.SEEK_END)
                process = subprocess.Popen(
                    [Path(sys.executable).with_name(program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **mark(home)},
                    start_new_session=True,
                )
            children[name] = _Child(process, path, offset)
        yield children
    finally:
        # With code servers and runs, some of which outlive the one that started them.
        end(marked(home), within_s=_STOP_S)
        kill_and_wait(marked(home))  # what they started meanwhile
        for child in children.values():
            child.process.wait()


def _reload(port: int, settings: Settings) -> None:
    """Have the webserver start a code server; it answers when that has loaded the definitions."""
    with contextlib.suppress(httpx.HTTPError):
        httpx.post(
            f"http://{HOST}:{port}/graphql", json={"query": _RELOAD}, timeout=settings.ui_start_s
        )


def _wait_for_ui(
    children: dict[str, _Child], settings: Settings, port: int, signalled: threading.Event
) -> None:
    url = f"http://{HOST}:{port}/server_info"
    limit_s = settings.ui_start_s
    deadline = time.monotonic() + limit_s
    told = f"Waiting for the Dagster UI on {url}, {limit_s:g} s at most ({PREFIX}UI_START_S) …"
    with console.status(told):
        while not signalled.wait(_POLL_S):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=_PROBE_S).is_success:
                    return
            for name, child in children.items():
                if (how := child.how_it_ended) is not None:
                    raise FoundryError(f"{name} {how}")
            if time.monotonic() > deadline:
                ui = children["dagster-webserver"]
                raise FoundryError(
                    f"the Dagster UI did not answer on {url} within {limit_s:g} s "
                    f"({PREFIX}UI_START_S); it loads the definitions first."
                    f"{tail_of(ui.log, since=ui.log_offset)}"
                )
