"""Flat tables: built from the inbox per UTC day by sql/postgres/flatten/<table>.sql.

A day is rebuilt (delete and insert) or added to (the batches it has not yet seen), each in one
transaction; the two never run at once for the same day of the same table.
"""

from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from model_foundry.store.flatten_sql import flatten_sql
from model_foundry.store.sql import load_sql, sql_names

FLAT_TABLES = sql_names("postgres/flatten")


class FlatDay(NamedTuple):
    """What one flattening did: rows written now, rows the day has, batches it took in."""

    table: str
    day: date
    rows_written: int
    rows: int
    batches: int


class Account(NamedTuple):
    """A day's flat rows against its inbox rows; `examples` are up to 10 event ids that differ."""

    inbox_events: int
    flat_rows: int
    missing_events: int
    surplus_events: int
    repeated_rows: int
    null_keys: int
    examples: list[str] | None

    @property
    def agrees(self) -> bool:
        """Every inbox row is accounted for, once."""
        return not (
            self.missing_events or self.surplus_events or self.repeated_rows or self.null_keys
        )


def flatten_day(
    connection: psycopg.Connection[Any], table: str, day: date, *, rebuild: bool
) -> FlatDay:
    """Bring one day of a flat table up to the inbox, and commit.

    `rebuild` deletes the day first; otherwise only batches not yet seen are added, at a cost in
    proportion to them. A day without events leaves no partition behind.
    """
    key: dict[str, Any] = {"table": table, "day": day}
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"flat {table} {day}",)
        )
        if rebuild:
            target = sql.Identifier(table)
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE occurred_on = %s").format(target), (day,)
            )
            connection.execute(load_sql("postgres/flat/forget_batches"), key)
        pending = connection.execute(load_sql("postgres/flat/pending_batches"), key).fetchall()
        batches = [int(batch_id) for (batch_id,) in pending]
        written = 0
        if batches:
            connection.execute("SELECT ensure_day_partition(%s, %s)", (table, day))
            known = {**key, "batches": batches, "events": None}
            written = connection.execute(flatten_sql(table), known).rowcount
            connection.execute(load_sql("postgres/flat/remember_batches"), known)
        [(rows,)] = connection.execute(
            load_sql("postgres/flat/record_day"), {**key, "rows": written, "rebuilt": rebuild}
        ).fetchall()
    return FlatDay(table, day, written, int(rows), len(batches))


def account(connection: psycopg.Connection[Any], table: str, day: date) -> Account:
    """Compare a day of a flat table with the inbox, over the batches that the table has seen."""
    with connection.transaction():
        [row] = connection.execute(
            load_sql("postgres/flat/account"), {"table": table, "day": day}
        ).fetchall()
    return Account(*row)


def stale_days(connection: psycopg.Connection[Any]) -> dict[date, int]:
    """Days that hold batches which some flat table has not seen → how many."""
    with connection.transaction():
        rows = connection.execute(
            load_sql("postgres/flat/stale_days"), {"tables": list(FLAT_TABLES)}
        ).fetchall()
    return {day: int(batches) for day, batches in rows}


def columns(connection: psycopg.Connection[Any], table: str) -> list[tuple[str, str]]:
    """Names and PostgreSQL types of a table's columns, in order."""
    with connection.transaction():
        return connection.execute(load_sql("postgres/table_columns"), {"table": table}).fetchall()


def size_bytes(connection: psycopg.Connection[Any], table: str, day: date) -> int:
    """What a day of a table takes in PostgreSQL, indexes included; 0 without a partition."""
    with connection.transaction():
        [(size,)] = connection.execute(
            load_sql("postgres/days/size"), {"table": table, "day": day}
        ).fetchall()
    return int(size)


def preview(
    connection: psycopg.Connection[Any], table: str, day: date, rows: int
) -> list[dict[str, Any]]:
    """A few rows of a day, as dicts."""
    query = sql.SQL("SELECT * FROM {} WHERE occurred_on = %s LIMIT %s")
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.format(sql.Identifier(table)), (day, rows)).fetchall()
