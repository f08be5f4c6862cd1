"""The days of PostgreSQL: one partition each, made ahead, and dropped once the lake has them.

A late event of a day that was dropped lands all the same, in a new partition: what the lake has of
that day stays beside it, in a file of its own.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors, sql

from model_foundry.settings import Settings
from model_foundry.store import flat, lake
from model_foundry.store.sql import load_sql

TABLES: Final = ("event_inbox", *flat.FLAT_TABLES)
_LOCK_WAIT: Final = "2s"


class DroppedDay(NamedTuple):
    """What became of a day: its rows by table, or why it was kept for now."""

    day: date
    rows: dict[str, int]
    kept_because: str | None = None


def make_ahead(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Partitions from today to `partitions_ahead_days` on, and commit: midnight waits for none."""
    span = {"first": datetime.now(UTC).date(), "days": settings.partitions_ahead_days}
    with connection.transaction():
        connection.execute(load_sql("postgres/days/make_ahead"), {"tables": list(TABLES), **span})


def days_before(connection: psycopg.Connection[Any], keep_days: int) -> list[date]:
    """Days with a partition that ended more than `keep_days` days ago, ascending."""
    before = datetime.now(UTC).date() - timedelta(days=keep_days)
    with connection.transaction():
        rows = connection.execute(
            load_sql("postgres/days/older"), {"before": before, "tables": list(TABLES)}
        ).fetchall()
    return [day for (day,) in rows]


def drop_day(settings: Settings, connection: psycopg.Connection[Any], day: date) -> DroppedDay:
    """Drop a day's inbox and flat tables, once the lake has every row of them; and commit.

    The day is kept if anything touches it meanwhile, or PostgreSQL is busy with it: the next run
    takes it. Keys, ledger, quarantine and results stay: what lands once never lands again.
    """
    if day in flat.stale_days(connection):
        for table in flat.FLAT_TABLES:
            flat.flatten_day(connection, table, day, rebuild=False)
    held = {table: lake.proven_day(settings, table, day) for table in TABLES}
    try:
        with connection.transaction():
            rows = _drop(connection, day, held)
    except errors.LockNotAvailable:
        return DroppedDay(day, {}, f"PostgreSQL was busy with it for {_LOCK_WAIT}")
    except _TouchedError as touched:
        return DroppedDay(day, {}, str(touched))
    return DroppedDay(day, rows)


class _TouchedError(Exception):
    pass


def _drop(
    connection: psycopg.Connection[Any], day: date, held: dict[str, lake.Held]
) -> dict[str, int]:
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_WAIT))
    rows = connection.execute(
        load_sql("postgres/days/partitions"), {"day": day, "tables": list(TABLES)}
    ).fetchall()
    partitions = {table: sql.Identifier(partition) for table, partition in rows}
    for partition in partitions.values():
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(partition))
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
        connection.execute(sql.SQL("DROP TABLE {}").format(partition))
        dropped[table] = count
    return dropped
