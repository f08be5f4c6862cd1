"""Where the lake's rows come from: a day of a table in PostgreSQL, in one snapshot.

Rows are streamed (ADBC, Arrow record batches).
"""

import contextlib
from collections.abc import Iterator, Set
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from psycopg import errors, sql

from model_foundry.errors import FoundryError
from model_foundry.postgres import flat
from model_foundry.postgres.address import SETUP, address_of
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

if TYPE_CHECKING:
    from adbc_driver_postgresql import dbapi

_TRIES: Final = 3
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
        columns: names the columns: the lake compares it with what a file was made of.
        query: selects the day's rows.
        nothing: selects none of them.
    """

    connection: psycopg.Connection[Any]
    table: str
    day: date
    snapshot: str
    version: str | None
    layer: int
    dropped_version: str | None
    columns: str
    query: str
    nothing: str

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
        with self._streams(settings, [self.nothing]) as [reader]:
            return reader.schema

    @contextlib.contextmanager
    def streams(
        self, settings: Settings, batches: set[str] | None = None
    ) -> Iterator[list[pa.RecordBatchReader]]:
        """The day's rows, of these batches only, if they are given.

        A large day comes in two streams, to be read at once.
        """
        if batches is None:
            queries = [self.query + half for half in self._halves()]
        else:
            results = self.table == "inference_result"
            batch = "landed_batch(landed_at)" if results else "batch_id"
            # (A setting, not a parameter: with one, ADBC cannot stream by COPY.)
            known = "ANY(current_setting('model_foundry.batches')::bigint[])"
            queries = [f"{self.query} AND {batch} = {known}"]
        with self._streams(settings, queries, batches or set()) as readers:
            yield readers

    @contextlib.contextmanager
    def _streams(
        self, settings: Settings, queries: list[str], batches: Set[str] = frozenset()
    ) -> Iterator[list[pa.RecordBatchReader]]:
        array = "{" + ",".join(sorted(batches)) + "}"
        readers = []
        with contextlib.ExitStack() as stack:
            for query in queries:
                arrow = stack.enter_context(_arrow(settings))
                cursor = stack.enter_context(arrow.cursor())
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
                cursor.execute("SELECT set_config('model_foundry.batches', $1, true)", (array,))
                cursor.adbc_statement.set_options(**_SMALL_BATCHES)
                cursor.execute(query)
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
    names = _names(connection, table)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with contextlib.ExitStack() as stack:
        for _ in range(_TRIES):
            with contextlib.suppress(errors.UndefinedTable, _DroppedError):
                source = stack.enter_context(_snapshot(connection, table, day, names))
                break
        else:
            raise FoundryError(f"{table} {day} is being dropped again and again")
        yield source


@contextlib.contextmanager
def _snapshot(
    connection: psycopg.Connection[Any], table: str, day: date, names: str
) -> Iterator[Source]:
    key = {"table": table, "day": day}
    with connection.transaction():
        [(version, layer, dropped)] = connection.execute(
            load_sql("postgres/lake/version"), key
        ).fetchall()
        [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()
        found = connection.execute(load_sql("postgres/lake/partition"), key).fetchall()
        nothing = f'SELECT {names} FROM "{table}" WHERE FALSE'  # noqa: S608
        query = f"SELECT {names} FROM \"{table}\" WHERE occurred_on = '{day}'"  # noqa: S608
        for partition, oid in found:
            query = nothing
            if partition is not None:
                _keep(connection, partition, oid)
                query = f'SELECT {names} FROM "{partition}" WHERE TRUE'  # noqa: S608
        # As it has always been written: a file with another text is made anew.
        day_setting = "(SELECT current_setting('model_foundry.day')::date)"
        columns = f'SELECT {names} FROM "{table}" WHERE occurred_on = {day_setting}'  # noqa: S608
        yield Source(
            connection, table, day, snapshot, version, layer, dropped, columns, query, nothing
        )


class _DroppedError(Exception):
    pass


def _keep(connection: psycopg.Connection[Any], partition: str, oid: int) -> None:
    """Hold a partition that the snapshot knows: dropping is seen whatever the snapshot is."""
    name = sql.Identifier(partition)
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name))
    [(now,)] = connection.execute(
        "SELECT to_regclass(quote_ident(%s))::oid", (partition,)
    ).fetchall()
    if now != oid:
        raise _DroppedError


def _names(connection: psycopg.Connection[Any], table: str) -> str:
    return ", ".join(
        f'"{name}"::text AS "{name}"' if data_type in _AS_TEXT else f'"{name}"'
        for name, data_type in flat.columns(connection, table)
    )


@contextlib.contextmanager
def _arrow(settings: Settings) -> Iterator["dbapi.Connection"]:
    """A connection of the other driver, where `postgres.connect` leads."""
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - imports pandas, which takes a second

    address = address_of(settings)
    try:
        connection = dbapi.connect(address.conninfo, autocommit=True)
    except dbapi.Error as error:
        raise address.refused(error) from None
    with contextlib.closing(connection):
        with connection.cursor() as cursor:
            cursor.execute(SETUP.format("$1"), (address.setup,))
        connection.adbc_connection.set_autocommit(False)
        yield connection
