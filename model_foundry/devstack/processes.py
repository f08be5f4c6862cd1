"""One server as a child process: started, waited for, stopped, killed, started again.

Belongs here: what every embedded server shares (process, port, log, health, deadlines).
Does not: how one server is configured (`nats`, `postgres`, `slots`), several of them (`stack`).
"""

import contextlib
import errno
import http.client
import os
import pwd
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final, Self

import psutil

from model_foundry.errors import FoundryError

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.05
PROBE_TIMEOUT_S: Final = 2.0
START_TIMEOUT_S: Final = 60.0
# Data is safe without a good end, and a person who pressed Ctrl-C waits.
STOP_TIMEOUT_S: Final = 2.0
KILL_TIMEOUT_S: Final = 30.0
LOG_MAX_BYTES: Final = 16 * 1024 * 1024
TAIL_BYTES: Final = 4_000
TAIL_LINES: Final = 12
PORT_ATTEMPTS: Final = 3


class StartCancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The start was given up because somebody asked for it."""


class ServerProcess(ABC):
    """One server on loopback; an object is driven by one thread at a time.

    After `kill` or `stop`, `start` on the same object takes the same port and the same data.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, service: str, *, log: Path, port: int) -> None:
        self.service = service
        self.log = log.absolute()
        self.port = port
        self.preferred_port = 0  # taken if free, where no port is asked for
        self.port_option = ""  # for people: what sets `port`, and `start_timeout_s`
        self.start_timeout_s = START_TIMEOUT_S
        self.start_option = ""
        self._port_is_fixed = port != 0
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled: Callable[[], bool] = lambda: False
        self._log_offset = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect; it may hold a password."""

    @abstractmethod
    def _prepare(self) -> None:
        """Write what the server needs before it runs; the port is known by now.

        What takes seconds asks `_cancelled` now and then.
        """

    @abstractmethod
    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        """Start the process, its output going to `log`."""

    @abstractmethod
    def _healthy(self) -> bool:
        """Whether the server answers."""

    @abstractmethod
    def serves_here(self, process: psutil.Process) -> bool:
        """Whether a process of this machine serves what this server would: the same data, say."""

    @property
    def address(self) -> str:
        """`host:port`: what may be shown to people."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the server that was started last."""
        if self._process is None:
            raise FoundryError(f"{self.service} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def how_it_ended(self) -> str:
        """`exit code N` or `signal SIGNAME`, once the process has ended."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def start(self, *, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Start the server and wait until it answers; nothing happens if it runs.

        Args:
            cancelled: once it is true, the start is given up.

        Raises:
            FoundryError: it ended, or did not answer in `start_timeout_s` seconds (with the log's
                path and tail); its port is taken (with the holder, if that can be known); or
                another process serves its data.
            StartCancelled: the start was given up.
        """
        if self.running:
            return
        self._cancelled = cancelled
        if others := [process.pid for process in self.others()]:
            raise FoundryError(
                f"{self.service}: process {others[0]} already serves the same data: stop it first"
            )
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if self._port_is_fixed:
                require_free_port(self.port, self.service, self.port_option)
            elif self.preferred_port and port_is_free(self.preferred_port):
                self.port = self.preferred_port
            else:
                self.port = free_port()
            try:
                self._start_once(cancelled)
            except FoundryError:
                lost_the_port = not self._port_is_fixed and not port_is_free(self.port)
                if attempt == PORT_ATTEMPTS or not lost_the_port:
                    raise
            else:
                self._port_is_fixed = True
                return

    def _start_once(self, cancelled: Callable[[], bool]) -> None:
        self._prepare()
        if cancelled():
            raise StartCancelled(self.service)
        with open_log(self.log) as log:
            self._log_offset = log.seek(0, os.SEEK_END)
            self._process = self._spawn(log)
        try:
            self._wait_until_healthy(cancelled)
        except BaseException:
            self.kill()
            raise

    def _wait_until_healthy(self, cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while time.monotonic() < deadline:
            healthy = self._healthy()
            if not self.running:
                raise FoundryError(
                    f"{self.service} ended while it started ({self.how_it_ended}).{self.log_tail()}"
                )
            if healthy:
                return
            if cancelled():
                raise StartCancelled(self.service)
            time.sleep(POLL_S)
        raise FoundryError(
            f"{self.service} did not answer on {self.address} within "
            f"{self.start_timeout_s:g} s{_by(self.start_option)}.{self.log_tail()}"
        )

    def stop(self, within_s: float = STOP_TIMEOUT_S) -> None:
        """End the server in good order; kill it if that takes longer."""
        self.begin_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def begin_to_stop(self) -> None:
        """Tell it to end, and do not wait."""
        if self._process is not None and self.running:
            self._process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL to the server and all its processes, as in a crash; waits for their end."""
        if self._process is None or not self.running:
            return
        kill_tree(self._process.pid)
        self._process.wait()

    def others(self) -> list[psutil.Process]:
        """Processes that serve what this server would, left by somebody who started them before.

        They are known by what they run, not by a pid that may have been given to another since.
        """
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if self.serves_here(process) and is_alive(process):
                    found.append(process)
        return found

    def end_others(self) -> None:
        """Stop them as `stop` does; only for who knows that nobody else looks after them."""
        others = self.others()
        for other in others:
            with contextlib.suppress(psutil.Error):
                other.send_signal(self.stop_signal)
        if not wait_gone(others, STOP_TIMEOUT_S):
            for other in others:
                kill_tree(other.pid)

    def log_tail(self) -> str:
        """What the log says since the last start, and its path: the end of an error text."""
        return tail_of(self.log, since=self._log_offset)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def spawn(
    command: list[str],
    *,
    log: BinaryIO,
    user: str | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """A child in a session of its own, so that Ctrl-C in a terminal reaches only its parent.

    `pass_fds`: what it finds open.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=child_environment(),
        cwd=cwd,
        start_new_session=True,
        pass_fds=pass_fds,
        **run_as(user),
    )


def run_as(user: str | None) -> dict[str, Any]:
    """Arguments of `subprocess` that make a child run as another user; None: as we do."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def child_environment() -> dict[str, str]:
    """The environment without what is none of a server's business: our settings, libpq's."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MODEL_FOUNDRY_", "PG"))
    }


def open_log(path: Path) -> BinaryIO:
    """Open a log to append, readable by its owner only; one that grew large is set aside once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "ab")


def tail_of(path: Path, *, since: int = 0) -> str:
    """What a log says from a byte on, its last lines, and its path: the end of an error text."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(since, end - TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    if not lines:
        return f" Its log: {path}"
    tail = "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])
    return f" Its log, {path}, ends with:\n{tail}"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(
        os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    part.replace(path)


def answers(port: int, path: str) -> bool:
    """Whether an HTTP GET on loopback is answered with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    try:
        _bind(port)
    except OSError:
        return False
    return True


def require_free_port(port: int, service: str, option: str) -> None:
    """Do nothing if a server could listen on this loopback port now.

    Args:
        option: what sets the port, for people.

    Raises:
        FoundryError: it could not; it names the port, its holder if that can be known, and
            the option.
    """
    try:
        _bind(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise FoundryError(
                f"{service} cannot listen on {HOST}:{port}: {error.strerror}. "
                f"Ask for another port{_by(option)}."
            ) from error
        raise FoundryError(
            f"{service} cannot listen on {HOST}:{port}: {_holder(port)}. "
            f"Stop that process, or ask for another port{_by(option)}."
        ) from error


def _by(option: str) -> str:
    return f" ({option})" if option else ""


def _bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if _listens(connection, port) and connection.pid:
                process = psutil.Process(connection.pid)
                # A child has its parent's sockets until it becomes another program.
                while (parent := process.parent()) and _has(parent, port):
                    process = parent
                return f"the port is taken by {process.name()} (pid {process.pid})"
    return "the port is taken by another process (whose, cannot be seen from here)"


def _has(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(_listens(each, port) for each in process.net_connections("tcp"))
    return False


def _listens(connection: Any, port: int) -> bool:
    is_there = connection.laddr and connection.laddr.port == port
    return bool(is_there and connection.status == psutil.CONN_LISTEN)


def family_of(pid: int) -> list[psutil.Process]:
    """A process and its descendants; nothing if it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_tree(pid: int) -> None:
    """SIGKILL to a process and its descendants; returns when none of them runs."""
    kill_and_wait(family_of(pid))


def kill_and_wait(processes: Iterable[psutil.Process], timeout_s: float = KILL_TIMEOUT_S) -> None:
    """SIGKILL; returns when none of the processes runs.

    Raises:
        FoundryError: one of them does not end, or is not ours to end.
    """
    waiting = list(processes)
    for process in waiting:
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                process.kill()
            except psutil.AccessDenied as error:
                raise FoundryError(
                    f"{process.name()} (pid {process.pid}) belongs to {process.username()}; "
                    "it must end first: stop it as that user"
                ) from error
    wait_gone(waiting, timeout_s)
    if left := [process.pid for process in waiting if is_alive(process)]:
        raise FoundryError(f"processes {left} do not end, even by SIGKILL; see their state in `ps`")


def wait_gone(processes: Iterable[psutil.Process], timeout_s: float) -> bool:
    """Wait until none of the processes runs; whether that came true in time."""
    waiting = list(processes)
    deadline = time.monotonic() + timeout_s
    while any(is_alive(process) for process in waiting):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not: in a container perhaps nobody reaps it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
