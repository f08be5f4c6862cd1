"""Databases as people have them: a schema in the URL, a pooler, another encoding, many days."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from model_foundry import lake, postgres
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.errors import FoundryError
from model_foundry.exporter.database import Database
from model_foundry.intake.drain import drain
from model_foundry.intake.replay import Stretch, replay
from model_foundry.postgres import days, flat
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.summaries.session import read_session
from model_foundry_tests.asking import QUICK, jobs
from model_foundry_tests.conftest import FORGETFUL, until_killed
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.foundry import materialize
from model_foundry_tests.integration.test_retention import DAY, OLD, drop_old_days
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value
from model_foundry_tests.pooler import needs_pgbouncer, pgbouncer

TABLE = "llm_tool_call"


def at(settings: Settings, url: str, **changes: Any) -> Settings:
    return settings.model_copy(update={"postgres_url": SecretStr(url), **changes})


def in_schema(settings: Settings, schema: str, **changes: Any) -> Settings:
    execute(settings, f"CREATE SCHEMA {schema}")
    url = f"{settings.require_postgres_url()}?options=-csearch_path%3D{schema}"
    return at(settings, url, **changes)


def line_works(settings: Settings) -> None:
    """From NATS to the lake, the summaries, and out of PostgreSQL."""
    publish(settings, [event(event_id=each, occurred_at=OLD) for each in ("a", "b", "日本")])
    materialize(settings, "pipeline_event_inbox_record")
    materialize(settings, TABLE, "daily_tool_calls", "daily_events", day=DAY)
    assert value(settings, f"SELECT count(*) FROM {TABLE}") == 3
    assert len(read_session(settings, "session-1").tables[TABLE]) == 3
    assert drop_old_days(settings) == (True, [{"day": DAY, "rows": 6, "status": "dropped"}])
    assert lake.refresh_day(settings, TABLE, OLD.date()).rows == 3


def test_a_schema_in_the_url_holds_for_both_drivers(settings: Settings) -> None:
    execute(settings, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    there = in_schema(settings, "mf")
    with connection_to(there) as connection:
        assert postgres.migrate(connection)
    line_works(there)
    here = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert value(settings, here) == 0


def test_two_schemas_of_a_database_stand_beside_each_other(settings: Settings) -> None:
    other = in_schema(settings, "mf", home=settings.home / "other")
    with connection_to(other) as connection:
        assert postgres.migrate(connection)
    publish(settings, [event(event_id="a", occurred_at=OLD)])
    asyncio.run(drain(settings))
    assert value(other, "SELECT count(*) FROM event_inbox") == 0
    # Locks have the same names in both, which makes them wait for each other and no more.
    assert asyncio.run(replay(other, Stretch(from_seq=1))).landed.counts["landed"] == 1
    for each in (settings, other):
        with connection_to(each) as connection:
            assert flat.flatten_day(connection, TABLE, OLD.date(), rebuild=False).rows == 1
        assert lake.refresh_day(each, "event_inbox", OLD.date()).rows == 1
    assert drop_old_days(other)[1][0]["status"] == "dropped"
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1


def test_a_schema_that_does_not_exist_is_named(settings: Settings) -> None:
    nowhere = at(settings, f"{settings.require_postgres_url()}?options=-csearch_path%3Dnone")
    with (
        connection_to(nowhere) as connection,
        pytest.raises(FoundryError, match="names no schema that exists: make it with CREATE"),
    ):
        postgres.migrate(connection)


def test_what_the_options_ask_for_and_cannot_have_is_said(settings: Settings) -> None:
    odd = at(settings, f"{settings.require_postgres_url()}?options=-cno_such_setting%3D1")
    with pytest.raises(FoundryError, match=r'refuses what .* "no_such_setting"'):
        postgres.connect(odd)


@contextlib.contextmanager
def database(server: PostgresServer, name: str, encoding: str) -> Iterator[str]:
    with psycopg.connect(server.database_url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} ENCODING {} LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
            ).format(sql.Identifier(name), encoding)
        )
        try:
            yield server.database_url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused(
    postgres_server: PostgresServer, settings: Settings, encoding: str
) -> None:
    with database(postgres_server, f"in_{encoding.lower()}", encoding) as url:
        there = at(settings, url)
        with connection_to(there) as connection:
            [(text,)] = connection.execute("SELECT 'é'").fetchall()
            assert text == "é"  # not bytes, not mojibake
            assert connection.info.encoding == "utf-8"
            with pytest.raises(FoundryError, match=f"is in {encoding}, .* ENCODING 'UTF8' TEMPL"):
                postgres.migrate(connection)


@needs_pgbouncer
async def test_jobs_pass_through_a_pooler_in_session_mode(settings: Settings) -> None:
    url = settings.require_postgres_url()
    with (
        pgbouncer(url, "session") as pooled,
        FakeSlot(parallel=2, delay_ms=20) as fake,
    ):
        there = at(settings, pooled, **QUICK)
        runs = [
            run_jobs(jobs(20, name), settings=there, slots=[fake.slot()]) for name in ("one", "two")
        ]
        reports = await asyncio.gather(*runs)
        assert fake.stats()["peak"] <= 2
    assert [report.asked for report in reports] == [20, 20]


@needs_pgbouncer
def test_the_line_passes_through_a_pooler_in_session_mode(settings: Settings) -> None:
    there = in_schema(settings, "mf")
    with connection_to(there) as connection:
        postgres.migrate(connection)
    with pgbouncer(there.require_postgres_url(), "session") as pooled:
        line_works(at(there, pooled))


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("round_robin", [0, 1])
def test_a_pooler_in_another_mode_is_refused(
    settings: Settings, mode: str, round_robin: int
) -> None:
    url = settings.require_postgres_url()
    pooler = pgbouncer(url, mode, server_round_robin=round_robin, min_pool_size=3)
    with pooler as pooled:
        there = at(settings, pooled)
        for connect in (postgres.connect, lambda given: asyncio.run(_connected(given))):
            with pytest.raises(FoundryError, match="a pooler in transaction or statement mode"):
                connect(there)


async def _connected(settings: Settings) -> None:
    await postgres.connect_async(settings)


@needs_pgbouncer
def test_a_pooler_that_lends_one_session_is_not_taken_for_another_mode(settings: Settings) -> None:
    url = settings.require_postgres_url()
    pooler = pgbouncer(url, "session", default_pool_size=1)
    with pooler as pooled:
        there = at(settings, pooled, connect_timeout_s=0.5)
        with contextlib.closing(postgres.connect(there)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


# As many locks for each place in the table of locks as two years take of the default one.
MANY_DAYS = 110
FEW_LOCKS = {"max_locks_per_transaction": "10", "max_connections": "100"}


@pytest.fixture(scope="module")
def many_days(server_directory: Path, pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A PostgreSQL with a small table of locks, and partitions of all tables for months."""
    server = PostgresServer(
        server_directory / "many-days",
        log=server_directory / "logs" / "many-days.log",
        binaries=pytestconfig.getoption("--postgres-bin"),
        options={**FEW_LOCKS, **FORGETFUL},
    )
    with until_killed(server), psycopg.connect(server.url, autocommit=True) as connection:
        with connection.transaction():
            postgres.migrate(connection)
        for table in days.TABLES:
            for ahead in range(MANY_DAYS):
                connection.execute(
                    "SELECT ensure_day_partition(%s, %s)",
                    (table, OLD.date() + timedelta(days=ahead)),
                )
        yield server


def test_many_days_fit_into_the_table_of_locks(
    settings: Settings, many_days: PostgresServer
) -> None:
    there = at(settings, many_days.url)
    last = OLD + timedelta(days=MANY_DAYS - 1)
    times = [OLD, OLD + timedelta(days=50), min(last, datetime.now(UTC))]
    publish(there, [event(event_id=f"of {each}", occurred_at=each) for each in times])
    materialize(there, "pipeline_event_inbox_record")
    most = 0
    with connection_to(there) as connection:
        for each in times:
            for table in flat.FLAT_TABLES:
                # The same statement often enough to be prepared, and planned for any day.
                for _ in range(12):
                    flat.flatten_day(connection, table, each.date(), rebuild=True)
                with connection.transaction():
                    flat.flatten_day(connection, table, each.date(), rebuild=True)
                    most = max(most, _locks(connection))
    assert most < 100
    read = read_session(there, "session-1", times[0].date())
    assert len(read.tables[TABLE]) == 1
    assert sorted([*read.days, *read.other_days]) == [each.date() for each in times]
    with connection_to(there) as connection:
        found = days.asked(
            connection,
            "SELECT occurred_on, (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()) "
            f"FROM {TABLE} WHERE occurred_on BETWEEN %(first)s AND %(last)s",
            {},
            flat.FLAT_TABLES,
        )
    assert [day for day, _ in found] == [each.date() for each in reversed(times)]
    assert max(locks for _, locks in found) < 400
    asyncio.run(_looks(there))
    assert drop_old_days(there, keep_days=(datetime.now(UTC).date() - OLD.date()).days - 1) == (
        True,
        [{"day": DAY, "rows": 2, "status": "dropped"}],
    )
    [held] = rows(there, f"SELECT count(*) AS days FROM day_partition WHERE table_name = '{TABLE}'")
    assert held["days"] >= MANY_DAYS - 1


def _locks(connection: psycopg.Connection[Any]) -> int:
    [(count,)] = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
    ).fetchall()
    return int(count)


async def _looks(settings: Settings) -> None:
    database = Database([], {}, settings)
    for _ in range(12):
        assert await database.look()
    await database.close()
