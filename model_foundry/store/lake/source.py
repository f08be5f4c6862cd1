"""Where the lake's rows come from: a day of a table in PostgreSQL, in one snapshot.

Rows are streamed (ADBC, Arrow record batches).
"""

import contextlib
from collections.abc import Iterator, Set
from datetime import date
from typing import Any, Final, NamedTuple

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from model_foundry.settings import Settings
from model_foundry.store import flat
from model_foundry.store.sql import load_sql

_AS_TEXT: Final = {"json", "numeric"}
# Above (512 MB) a day is read over two connections: PostgreSQL sends with one process for each.
_SPLIT_BLOCKS: Final = 65_536
_SMALL_BATCHES: Final = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(4 * 1024 * 1024)}


class Source(NamedTuple):
    """A day of a table in PostgreSQL, in one snapshot.

    Attributes:
        version: changes with the day's rows; None: there are none and never were.
        layer: of the lake's, to which the rows belong: how often PostgreSQL dropped the day.
        dropped_version: the day's when it was last dropped.
        columns: the query that selects them.
    """

    connection: psycopg.Connection[Any]
    table: str
    day: date
    snapshot: str
    version: str | None
    layer: int
    dropped_version: str | None
    columns: str

    @property
    def has_rows(self) -> bool:
        """Whether there is anything that the lake's earlier layers do not have."""
        return self.version not in {None, self.dropped_version}

    def batches(self) -> dict[str, int]:
        """The batches of the day, each with its mark."""
        rows = self._ask("batches")
        return {str(batch_id): int(mark) for batch_id, mark in rows}

    def schema(self, settings: Settings) -> pa.Schema:
        """The columns, whatever the day holds."""
        with self._streams(settings, date.min, [""]) as [reader]:
            return reader.schema

    @contextlib.contextmanager
    def streams(
        self, settings: Settings, batches: set[str] | None = None
    ) -> Iterator[list[pa.RecordBatchReader]]:
        """The day's rows, of these batches only, if they are given.

        A large day comes in two streams, to be read at once.
        """
        if batches is None:
            conditions = self._halves()
        else:
            results = self.table == "inference_result"
            batch = "landed_batch(landed_at)" if results else "batch_id"
            conditions = [f" AND {batch} = ANY(current_setting('model_foundry.batches')::bigint[])"]
        with self._streams(settings, self.day, conditions, batches or set()) as readers:
            yield readers

    @contextlib.contextmanager
    def _streams(
        self, settings: Settings, day: date, conditions: list[str], batches: Set[str] = frozenset()
    ) -> Iterator[list[pa.RecordBatchReader]]:
        array = "{" + ",".join(sorted(batches)) + "}"
        readers = []
        with contextlib.ExitStack() as stack:
            for condition in conditions:
                arrow = dbapi.connect(settings.require_postgres_url())
                stack.enter_context(contextlib.closing(arrow))
                cursor = stack.enter_context(arrow.cursor())
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
                for name, value in (("day", str(day)), ("batches", array)):
                    cursor.execute(f"SELECT set_config('model_foundry.{name}', $1, true)", (value,))
                cursor.adbc_statement.set_options(**_SMALL_BATCHES)
                cursor.execute(self.columns + condition)
                readers.append(cursor.fetch_record_batch())
            yield readers

    def _halves(self) -> list[str]:
        """SQL conditions that divide the rows of a large day; one that is empty for another."""
        [(blocks,)] = self._ask("blocks")
        if blocks < _SPLIT_BLOCKS:
            return [""]
        return [f" AND ctid {side} '({blocks // 2},0)'" for side in ("<", ">=")]

    def _ask(self, query: str) -> list[Any]:
        key = {"table": self.table, "day": self.day}
        return self.connection.execute(load_sql(f"postgres/lake/{query}"), key).fetchall()


@contextlib.contextmanager
def source_of(connection: psycopg.Connection[Any], table: str, day: date) -> Iterator[Source]:
    """A day of a table in PostgreSQL, for as long as the snapshot is open."""
    columns = _select(connection, table)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    key = {"table": table, "day": day}
    with connection.transaction():
        [(version, layer, dropped)] = connection.execute(
            load_sql("postgres/lake/version"), key
        ).fetchall()
        [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()
        yield Source(connection, table, day, snapshot, version, layer, dropped, columns)


def _select(connection: psycopg.Connection[Any], table: str) -> str:
    names = [
        f'"{name}"::text AS "{name}"' if data_type in _AS_TEXT else f'"{name}"'
        for name, data_type in flat.columns(connection, table)
    ]
    # The day comes through a setting, not a parameter: with one, ADBC cannot stream by COPY. (As a
    # subquery it is looked up once, not for each row.)
    day = "(SELECT current_setting('model_foundry.day')::date)"
    return f'SELECT {", ".join(names)} FROM "{table}" WHERE occurred_on = {day}'  # noqa: S608
