"""Real servers for every test that wants one; each test has its own database, stream and home."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import nats
import psutil
import psycopg
import pytest
from psycopg import sql
from xdist.scheduler import LoadFileScheduling

from model_foundry import postgres
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.devstack.processes import ServerProcess, kill_tree
from model_foundry.devstack.slots import SlotServer
from model_foundry.fleet.file import Slot, load_fleet
from model_foundry.paths import data_path
from model_foundry.settings import Settings

TEMPLATE = "migrated"
# Of a server that no test kills: what a crash of the machine would lose is of no use to anyone.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
ALONE = ("e2e", "faults")
# How long an example takes depends on who else uses the machine.
hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and rich keeps what it first finds
# Unless they are asked for: an environment of its own, and a container engine.
collect_ignore = ["vllm", "containers", "engines"]


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Short by default; `make faults` runs the long form."""
    group = parser.getgroup("faults")
    group.addoption("--moments", type=int, default=2, help="Moments at which each drill strikes.")
    group.addoption("--fault-events", type=int, default=10_000, help="Events that a drill drains.")
    group.addoption("--poisoned-events", type=int, default=2_500, help="With 50 poisoned among.")
    group.addoption("--session-events", type=int, default=5_000, help="Of one long session.")
    group.addoption("--batch-lines", type=int, default=600, help="Of the file that is answered.")
    group.addoption("--paragraphs", type=int, default=8, help="Of the article that is translated.")
    group.addoption("--documents", type=int, default=12, help="Of the tree that is translated.")
    group.addoption("--race-rounds", type=int, default=10, help="Of drains against flattening.")
    parser.addoption(
        "--postgres-bin", type=_absolute, help="PostgreSQL's programs; unset: those of the wheel."
    )
    group.addoption("--fuzz-examples", type=int, default=50, help="Payloads for each flat table.")
    group.addoption("--quirk-examples", type=int, default=100, help="Answers that slots may send.")
    group.addoption("--request-examples", type=int, default=100, help="Request events of any JSON.")
    group.addoption("--dialect-documents", type=int, default=500, help="Made of all dialects.")
    group.addoption("--uvx", action="store_true", help="The demo from an environment made anew.")
    group.addoption("--beside", type=int, default=300, help="Batch jobs that hide no urgent one.")


class _FoldersTogether(LoadFileScheduling):  # type: ignore[misc]  # of a package without types
    """A file's tests run in one process, and so do all of a folder that wants a core for itself."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in ALONE if folder in Path(file).parts), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """How `make test` divides the tests."""
    return _FoldersTogether(config, log)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("MODEL_FOUNDRY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODEL_FOUNDRY_ENV_FILE", os.devnull)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """A folder outside pytest's own, whose parent is closed to the user of PostgreSQL."""
    directory = Path(tempfile.mkdtemp(prefix="model-foundry-"))
    began = time.time() - 1
    try:
        yield directory
    finally:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.create_time() > began and any(
                    str(directory) in each for each in [*process.cmdline(), process.cwd()]
                ):
                    kill_tree(process.pid)  # what a test that failed left running
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Where the session's servers keep their data, and `logs/`."""
    with _directory() as directory:
        yield directory


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty MODEL_FOUNDRY_HOME."""
    with _directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def nats_server(server_directory: Path) -> Iterator[NatsServer]:
    """The session's nats-server; a test that kills one starts its own."""
    server = NatsServer(server_directory / "nats", log=server_directory / "logs" / "nats.log")
    with until_killed(server):
        yield server


@pytest.fixture(scope="session")
def postgres_server(
    server_directory: Path, pytestconfig: pytest.Config
) -> Iterator[PostgresServer]:
    """The session's PostgreSQL; a test that kills one starts its own."""
    server = PostgresServer(
        server_directory / "postgres",
        log=server_directory / "logs" / "postgres.log",
        binaries=pytestconfig.getoption("--postgres-bin"),
        options=FORGETFUL,
    )
    with until_killed(server):
        yield server


@contextlib.contextmanager
def until_killed(server: ServerProcess) -> Iterator[None]:
    """A server whose data nobody wants afterwards: it need not write them down to end."""
    server.start()
    try:
        yield
    finally:
        server.kill()


class EmbeddedSlots(Mapping[str, SlotServer]):
    """The embedded fleet's slots by name; each is started when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        slots = load_fleet(data_path("fleets") / "embedded.yaml").slots
        self._slots: dict[str, Slot] = {slot.name: slot for slot in slots}
        self._servers: dict[str, SlotServer] = {}
        self._directory = directory

    def __getitem__(self, name: str) -> SlotServer:
        if name not in self._servers:
            self._servers[name] = SlotServer(
                self._slots[name],
                directory=self._directory / "models",
                log=self._directory / "logs" / f"{name}.log",
            )
        self._servers[name].start()
        return self._servers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def stop(self) -> None:
        """Stop what was started."""
        for server in self._servers.values():
            server.stop()


@pytest.fixture(scope="session")
def slot_servers(server_directory: Path) -> Iterator[EmbeddedSlots]:
    """The session's slots; `slot_servers["naughty"].url` starts naughty if it does not run."""
    slots = EmbeddedSlots(server_directory)
    try:
        yield slots
    finally:
        slots.stop()


@pytest.fixture(scope="session")
def _template_database(postgres_server: PostgresServer, server_directory: Path) -> str:
    """The name of a migrated database, to be copied."""
    _execute(postgres_server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    url = postgres_server.database_url(TEMPLATE)
    settings = Settings.model_validate({"home": server_directory, "postgres_url": url})
    with contextlib.closing(postgres.connect(settings)) as connection:
        postgres.migrate(connection)
        connection.commit()
    return TEMPLATE


@pytest.fixture
def settings(
    home: Path, nats_server: NatsServer, postgres_server: PostgresServer, _template_database: str
) -> Iterator[Settings]:
    """Settings with a migrated, empty database, an unused stream name and an empty home.

    When the test is over, the database is dropped and every stream of the session's server
    deleted: the next test's stream takes the same subjects.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    database = sql.Identifier(name)
    template = sql.Identifier(_template_database)
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(database, template)
    _execute(postgres_server, create)
    try:
        yield Settings.model_validate(
            {
                "home": home,
                "plotted_days": 0,  # a third of a summary's cost, which few tests look at
                "nats_url": nats_server.url,
                "nats_stream": name,
                "postgres_url": postgres_server.database_url(name),
            }
        )
    finally:
        asyncio.run(_delete_streams(nats_server.url))
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database)
        _execute(postgres_server, drop)


def _execute(server: PostgresServer, statement: sql.Composed) -> None:
    with psycopg.connect(server.database_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)


async def _delete_streams(url: str) -> None:
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(str(stream.config.name))
    finally:
        await client.close()
