"""Flat tables: built from the inbox per UTC day by sql/postgres/flatten/<table>.sql.

A day is rebuilt (delete and insert) or added to (the batches that wait in `flat_pending`), each in
one transaction; the two never run at once for the same day of the same table.
"""

from datetime import date
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from model_foundry.postgres.flat_rows import EVENT_S, Made, make_rows
from model_foundry.sql import load_sql, sql_names

FLAT_TABLES = sql_names("postgres/flatten")
_AS_THEY_ARE: Final = {"bigint", "integer", "smallint", "double precision", "boolean"}
_ITEM_NO: Final = {
    "llm_chat": "choice_no AS item_no", "llm_flow_node": "item_no", "llm_flow_edge": "item_no"
}  # fmt: skip
_ROWS: Final = "SELECT event_id, {column} FROM {table} WHERE occurred_on = %(day)s"
_PREVIEW_CHARS: Final = 200  # more than a cell of the UI shows


class FlatDay(NamedTuple):
    """What one flattening did: rows written now, rows the day has, batches it took in, events it
    refused."""

    table: str
    day: date
    rows_written: int
    rows: int
    batches: int
    refused: int


class Account(NamedTuple):
    """A day's flat rows against its inbox rows; `examples` are up to 10 event ids that differ."""

    inbox_events: int
    flat_rows: int
    refused_events: int
    missing_events: int
    surplus_events: int
    repeated_rows: int
    null_keys: int
    examples: list[str] | None

    @property
    def agrees(self) -> bool:
        """Every inbox row is accounted for, once: by its rows, or as refused."""
        return not (
            self.missing_events or self.surplus_events or self.repeated_rows or self.null_keys
        )


class Retried(NamedTuple):
    """What came of trying refused events again; `gone` are those that PostgreSQL has dropped."""

    tried: int
    accepted: int
    gone: int

    @property
    def found(self) -> int:
        """How many there were to be tried."""
        return self.tried + self.gone


def flatten_day(
    connection: psycopg.Connection[Any],
    table: str,
    day: date,
    *,
    rebuild: bool,
    event_s: float = EVENT_S,
) -> FlatDay:
    """Bring one day of a flat table up to the inbox, and commit.

    `rebuild` deletes the day first, and tries what was refused again; otherwise only batches not
    yet taken in are added, at a cost in proportion to them. An event of which no rows can be made
    is refused and does not hold up the others, nor does one that takes longer than `event_s`
    seconds. A day without events leaves no partition behind.
    """
    key: dict[str, Any] = {"table": table, "day": day}
    known_ids: dict[str, int] = {}
    with connection.transaction():
        _lock(connection, table, day)
        if rebuild:
            target = sql.Identifier(table)
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE occurred_on = %s").format(target), (day,)
            )
            connection.execute(load_sql("postgres/flat/forget_batches"), key)
            known_ids = {event_id: id_ for event_id, id_, _ in _begin_retry(connection, key)}
        pending = connection.execute(load_sql("postgres/flat/take_pending"), key).fetchall()
        batches = sorted(batch_id for batch_id, is_taken_in in pending if not is_taken_in)
        if rebuild:
            # After the queue was read: whatever was in it is in the ledger.
            ledger = connection.execute(load_sql("postgres/flat/all_batches"), key).fetchall()
            batches = [batch_id for (batch_id,) in ledger]
        made = Made(0)
        if batches:
            connection.execute("SELECT ensure_day_partition(%s, %s)", (table, day))
            made = make_rows(connection, table, day, batches, event_s=event_s)
            _keep_refused(connection, key, made, known_ids)
            connection.execute(
                load_sql("postgres/flat/remember_batches"), {**key, "batches": batches}
            )
        rows = _record(connection, key, made, rebuilt=rebuild)
    return FlatDay(table, day, made.rows, rows, len(batches), len(made.refused))


def retry_refused(
    connection: psycopg.Connection[Any], table: str, day: date, refused_ids: list[int]
) -> Retried:
    """Try refused events of a day again, and commit.

    The rows of those that pass now are there, once; the rest stays refused. The day is put into
    the queue, so that what is computed from it is renewed.
    """
    key: dict[str, Any] = {"table": table, "day": day}
    with connection.transaction():
        _lock(connection, table, day)
        tried = _begin_retry(connection, key, refused_ids)
        by_batch: dict[int, list[str]] = {}
        for event_id, _, batch_id in tried:
            by_batch.setdefault(batch_id, []).append(event_id)
        made = Made(0)
        if tried:
            connection.execute("SELECT ensure_day_partition(%s, %s)", (table, day))
            for batch_id, events in by_batch.items():
                made = made.plus(make_rows(connection, table, day, [batch_id], events))
            _keep_refused(connection, key, made, {event_id: id_ for event_id, id_, _ in tried})
        accepted = len(tried) - len(made.refused)
        if accepted:
            _record(connection, key, made, retried=True)
            connection.execute(
                load_sql("postgres/flat/put_back"), {**key, "batches": list(by_batch)}
            )
    return Retried(len(tried), accepted, len(refused_ids) - len(tried))


def _lock(connection: psycopg.Connection[Any], table: str, day: date) -> None:
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"flat {table} {day}",)
    )


def _begin_retry(
    connection: psycopg.Connection[Any], key: dict[str, Any], refused_ids: list[int] | None = None
) -> list[tuple[str, int, int]]:
    """Event, number and batch of the refusals that are taken back, to be tried again."""
    [(some,)] = connection.execute(load_sql("postgres/flat/has_refused"), key).fetchall()
    if not some:
        return []  # without a look into the inbox
    return connection.execute(
        load_sql("postgres/flat/begin_retry"), {**key, "refused_ids": refused_ids}
    ).fetchall()


def _keep_refused(
    connection: psycopg.Connection[Any], key: dict[str, Any], made: Made, known_ids: dict[str, int]
) -> None:
    """What is refused again keeps its number."""
    if made.refused:
        rows = [
            {**key, **each._asdict(), "refused_id": known_ids.get(each.event_id)}
            for each in made.refused
        ]
        with connection.cursor() as cursor:
            cursor.executemany(load_sql("postgres/flat/insert_refused"), rows)


def _record(
    connection: psycopg.Connection[Any],
    key: dict[str, Any],
    made: Made,
    *,
    rebuilt: bool = False,
    retried: bool = False,
) -> int:
    """The day's rows, after it was noted what was done."""
    done = {"rows": made.rows, "rebuilt": rebuilt, "retried": retried}
    [(rows,)] = connection.execute(load_sql("postgres/flat/record_day"), {**key, **done}).fetchall()
    return int(rows)


def account(connection: psycopg.Connection[Any], table: str, day: date) -> Account:
    """Compare a day of a flat table with the inbox, over the batches that the table has seen."""
    with connection.transaction():
        [row] = connection.execute(
            of_rows("account", table, _ITEM_NO.get(table, "1 AS item_no")),
            {"table": table, "day": day},
        ).fetchall()
    return Account(*row)


def of_rows(query: str, table: str, column: str) -> sql.Composed:
    """A query of sql/postgres/flat over a day of one table: its `event_id` and this column.

    A view over all tables would serve as well, and lock every day of each of them.
    """
    rows = sql.SQL(_ROWS).format(column=sql.SQL(column), table=sql.Identifier(table))
    before, after = load_sql(f"postgres/flat/{query}").split("%(rows)s")
    return sql.SQL(before) + rows + sql.SQL(after)


def stale_days(connection: psycopg.Connection[Any]) -> dict[date, int]:
    """Days that hold batches which some flat table has not taken in → how many."""
    with connection.transaction():
        rows = connection.execute(
            load_sql("postgres/flat/stale_days"), {"tables": list(FLAT_TABLES)}
        ).fetchall()
    return {day: int(batches) for day, batches in rows}


def columns(connection: psycopg.Connection[Any], table: str) -> list[tuple[str, str]]:
    """Names and PostgreSQL types of a table's columns, in order."""
    with connection.transaction():
        return connection.execute(load_sql("postgres/table_columns"), {"table": table}).fetchall()


def comments(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """What the columns of a table mean, by their names."""
    with connection.transaction():
        return dict(
            connection.execute(load_sql("postgres/column_comments"), {"table": table}).fetchall()
        )


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
    """A few rows of a day, as dicts: numbers and flags, and the beginning of everything else.

    PostgreSQL makes text of it, since it holds what Python does not: years, and depths of JSON.
    """
    shown = [
        sql.SQL("{0}" if kind in _AS_THEY_ARE else "left({0}::text, {1}) AS {0}").format(
            sql.Identifier(name), _PREVIEW_CHARS
        )
        for name, kind in columns(connection, table)
    ]
    query = sql.SQL("SELECT {} FROM {} WHERE occurred_on = %s LIMIT %s")
    statement = query.format(sql.SQL(", ").join(shown), sql.Identifier(table))
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, (day, rows)).fetchall()
