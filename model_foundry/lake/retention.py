"""Dropping the days of PostgreSQL that the lake has.

A late event of a day that was dropped lands all the same, in a new partition: what the lake has of
that day stays beside it, in a file of its own.
"""

import time
from datetime import date
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import errors, sql

from model_foundry import lake
from model_foundry.postgres import MIGRATING, flat
from model_foundry.postgres.days import TABLES
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

# How long a day that is in use is tried for, and how often. Between two tries nothing is locked.
BUSY_S: Final = 5.0
_TRY_EVERY_S: Final = 0.1


class DroppedDay(NamedTuple):
    """What became of a day: its rows by table, or why it was kept for now."""

    day: date
    rows: dict[str, int]
    kept_because: str | None = None


def drop_day(settings: Settings, connection: psycopg.Connection[Any], day: date) -> DroppedDay:
    """Drop a day's inbox and flat tables, once the lake has every row of them; and commit.

    The day is kept if anything touches it meanwhile, or PostgreSQL is busy with it: the next run
    takes it. Keys, quarantine and results stay: what lands once never lands again.
    """
    if day in flat.stale_days(connection):
        for table in flat.FLAT_TABLES:
            flat.flatten_day(connection, table, day, rebuild=False)
    held = {table: lake.proven_day(settings, table, day) for table in TABLES}
    until = time.monotonic() + BUSY_S
    while True:
        try:
            with connection.transaction():
                return DroppedDay(day, _drop(connection, day, held))
        except errors.LockNotAvailable:
            if time.monotonic() > until:
                return DroppedDay(day, {}, f"PostgreSQL was busy with it for {BUSY_S:.0f} s")
        except _TouchedError as touched:
            return DroppedDay(day, {}, str(touched))
        time.sleep(_TRY_EVERY_S)


class _TouchedError(Exception):
    pass


def _drop(
    connection: psycopg.Connection[Any], day: date, held: dict[str, lake.Held]
) -> dict[str, int]:
    """Drop what is as the lake holds it.

    Every lock is taken at once or not at all, and nothing is waited for: so nobody can wait for us
    for what we wait for. Readers are kept out only when all has been proven.

    Raises:
        LockNotAvailable: somebody uses one of the tables.
    """
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(f"{_TRY_EVERY_S:.1f}s"))
    [(no_migration,)] = connection.execute(
        f"SELECT pg_try_advisory_xact_lock_shared({MIGRATING})"
    ).fetchall()
    if not no_migration:
        raise errors.LockNotAvailable
    rows = connection.execute(
        load_sql("postgres/days/partitions"), {"day": day, "tables": list(TABLES)}
    ).fetchall()
    partitions = {table: sql.Identifier(partition) for table, partition in rows}
    if not partitions:
        return {}
    _lock(connection, list(partitions.values()), "SHARE")
    dropped = {}
    for table, partition in partitions.items():
        key = {"table": table, "day": day}
        [(version, *_)] = connection.execute(load_sql("postgres/lake/version"), key).fetchall()
        [(count,)] = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(partition)
        ).fetchall()
        if (version, count) != held[table]:
            raise _TouchedError(f"{table} was written to meanwhile")
        if count:
            connection.execute(
                load_sql("postgres/days/archive"), {**key, "version": version, "rows": count}
            )
        dropped[table] = count
    connection.execute(load_sql("postgres/days/forget_ledger"), {"day": day})
    parents = [sql.Identifier(table) for table in partitions]
    _lock(connection, [*parents, *partitions.values()], "ACCESS EXCLUSIVE")
    connection.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(partitions.values())))
    return dropped


def _lock(
    connection: psycopg.Connection[Any], tables: list[sql.Identifier], mode: LiteralString
) -> None:
    only = sql.SQL(", ").join(sql.SQL("ONLY {}").format(table) for table in tables)
    connection.execute(sql.SQL("LOCK TABLE {} IN {} MODE NOWAIT").format(only, sql.SQL(mode)))
