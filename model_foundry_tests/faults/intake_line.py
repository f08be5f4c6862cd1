"""A line to break: servers of its own, events published once, and a drain to strike at."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from model_foundry import postgres
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.reconcile import reconcile
from model_foundry.settings import Settings
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.line import Raw, connection_to, event, publish, value

DEADLINE_S: Final = 120.0
POLL_S: Final = 0.002
_TEXT: Final = "What was asked, answered, called, searched and translated. " * 15


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"within {DEADLINE_S:.0f} s: {what}"
        time.sleep(POLL_S)


def events(count: int) -> Iterator[Raw]:
    """Events of about 1.2 KB, whose ids are their numbers."""
    for number in range(count):
        raw = event("llm.tool_call", {"n": number, "text": _TEXT}, event_id=f"{number:08}")
        yield raw._replace(headers={"Nats-Msg-Id": f"{number:08}"})


class Drain:
    """The drain as a child process."""

    def __init__(self, settings: Settings) -> None:
        given = settings.model_dump(exclude_unset=True)
        given["postgres_url"] = settings.require_postgres_url()
        environment = {f"MODEL_FOUNDRY_{name.upper()}": str(item) for name, item in given.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "model_foundry_tests.faults.drain_until_empty"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def ended_well(self) -> bool:
        """Wait for its end. If an error ended it, that error says what to do."""
        _, error = self.process.communicate(timeout=DEADLINE_S)
        if self.process.returncode == 0:
            assert error == "", error
            return True
        assert "Traceback" not in error, error
        assert "run the drain again" in error.lower() or "Check" in error, error
        return False


class IntakeLine:
    """nats-server that syncs each message, PostgreSQL, a stream of events, an empty inbox."""

    def __init__(self, directory: Path, nats: NatsServer, postgres_server: PostgresServer) -> None:
        self.directory = directory
        self.nats = nats
        self.postgres = postgres_server
        self.published = 0
        self.settings = self._settings("foundry")
        with contextlib.closing(postgres.connect(self.settings)) as connection:
            postgres.migrate(connection)
            connection.commit()

    def _settings(self, database: str) -> Settings:
        return Settings.model_validate(
            {
                "home": self.directory,
                "nats_url": self.nats.url,
                "postgres_url": self.postgres.database_url(database),
                "connect_timeout_s": 2.0,
                "intake_ack_wait_s": 1.0,
                "intake_batch_messages": 100,
                "preview_rows": 0,
            }
        )

    def publish(self, count: int) -> None:
        """Fill the stream, once."""
        publish(self.settings, events(count))
        self.published = count

    def start_anew(self) -> None:
        """An empty inbox and a new consumer before the same stream."""
        database = f"moment_{uuid.uuid4().hex[:12]}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE foundry").format(sql.Identifier(database))
        with psycopg.connect(self.postgres.database_url("postgres"), autocommit=True) as connection:
            connection.execute(create)
        self.settings = self._settings(database)
        asyncio.run(self._delete_consumer())

    async def _delete_consumer(self) -> None:
        client = await jetstream.connect(self.settings)
        await configuration.ensure_consumer(client, self.settings)
        context = client.jetstream()
        await context.delete_consumer(self.settings.nats_stream, self.settings.nats_durable)
        await client.close()

    @contextlib.contextmanager
    def draining(self, moment: Moment, **changes: Any) -> Iterator[Drain]:
        """A drain that has reached the moment."""
        with Drain(self.changed(**changes)) as drain:
            self.reach(moment, drain.is_alive)
            yield drain

    def changed(self, **changes: Any) -> Settings:
        """The line's settings, but for some."""
        return Settings.model_validate({**self.settings.model_dump(exclude_unset=True), **changes})

    def reach(self, moment: Moment, goes_on: Callable[[], bool]) -> None:
        """Wait for the moment, which must come before all has landed."""
        at = max(1, int(moment.share * self.published))
        with connection_to(self.settings) as watch:
            watch.autocommit = True

            def reached() -> bool:
                assert goes_on(), "it ended before the moment came"
                return _landed(watch) >= at

            wait_until(reached, f"{at} events landed")
            time.sleep(moment.delay_s)
            assert _landed(watch) < self.published, "it was over before the moment came"

    def finish(self) -> int:
        """Drains one after the other until one finds nothing more; how many ended in an error."""
        for errors in range(5):
            with Drain(self.settings) as drain:
                if drain.ended_well():
                    return errors
        raise AssertionError("five drains in a row ended in an error")

    def check(self) -> None:
        """Nothing lost, nothing twice, and the proof says so."""
        count = self.published
        self.check_rows()
        with connection_to(self.settings) as connection:
            proof = reconcile(self.settings, connection, whole=True)
        assert not proof.missing, proof.explained()
        assert (proof.floor, proof.inbox) == (count, count)
        assert (proof.quarantine, proof.duplicate) == (0, 0)
        assert value(self.settings, "SELECT sum(landed) FROM intake_batch") == count
        assert asyncio.run(configuration.pending_count(self.settings)) == 0

    def check_rows(self) -> None:
        """Every event of the stream is in the inbox, once."""
        count = self.published
        with connection_to(self.settings) as connection:
            row = connection.execute(
                "SELECT count(*), count(DISTINCT event_id), min(event_id), max(event_id)"
                " FROM event_inbox"
            ).fetchone()
        assert row == (count, count, f"{0:08}", f"{count - 1:08}")

    def redelivered(self) -> int:
        """How many messages came again after they had landed."""
        return int(value(self.settings, "SELECT sum(redelivered) FROM intake_batch"))


def _landed(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(sum(landed), 0) FROM intake_batch").fetchone()
    return int(row[0]) if row else 0
