"""The lake: each day of a PostgreSQL table as one Parquet file, replaced whole or not at all.

`<home>/lake/<table>/day=YYYY-MM-DD/data.parquet`, and `schema.parquet` beside the days, so that a
table without rows still has its columns. A file says which version of the day it holds; a day is
written again only when PostgreSQL's version differs. What PostgreSQL has dropped of a day lies
beside it as `archived-N.parquet`, which nothing ever writes again.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from model_foundry.settings import Settings
from model_foundry.store import flat, postgres
from model_foundry.store.sql import load_sql

LAKE_TABLES: Final = ("event_inbox", "event_quarantine", *flat.FLAT_TABLES, "inference_result")
_VERSION_KEY: Final = b"model_foundry.version"
_AS_TEXT: Final = {"jsonb", "json", "numeric"}


class LakeDay(NamedTuple):
    """One day of one table in the lake. `refreshed`: it was written now."""

    table: str
    day: date
    rows: int
    bytes: int
    refreshed: bool


class Held(NamedTuple):
    """What the lake's copy of PostgreSQL's rows of a day says: its version, its rows."""

    version: str | None
    rows: int


def day_file(settings: Settings, table: str, day: date) -> Path:
    """Where PostgreSQL's rows of a day lie, or a summary's, whether they exist or not."""
    return table_folder(settings, table) / f"day={day.isoformat()}" / "data.parquet"


def day_files(settings: Settings, table: str, day: date) -> list[Path]:
    """All files of a day, what PostgreSQL has dropped included."""
    return sorted(day_file(settings, table, day).parent.glob("*.parquet"))


def table_folder(settings: Settings, table: str) -> Path:
    """The folder of a table (or a summary) in the lake."""
    return settings.home / "lake" / table


def days_of(settings: Settings, table: str) -> list[date]:
    """The days of a table that the lake holds, ascending."""
    found = table_folder(settings, table).glob("day=*/*.parquet")
    return sorted({date.fromisoformat(path.parent.name.removeprefix("day=")) for path in found})


def refresh_day(settings: Settings, table: str, day: date) -> LakeDay:
    """Make the lake's copy of a day equal to PostgreSQL's, if it is not already.

    Rows are streamed (ADBC, Arrow record batches): memory does not grow with the day. A day that
    PostgreSQL does not know is left as the lake has it.
    """
    path = day_file(settings, table, day)
    with _snapshot(settings) as (connection, stream_day):
        [(version, archive_no, archived)] = connection.execute(
            load_sql("postgres/lake/version"), {"table": table, "day": day}
        ).fetchall()
        if archive_no is not None:
            _set_aside(path, archive_no, archived)
        query = _select(connection, table)
        if not _is_current(settings, table, query):
            with stream_day(query, date.min) as reader:
                _write(table_folder(settings, table) / "schema.parquet", reader, query)
        stale = version not in {None, archived} and _version_in(path) != version
        if stale:
            with stream_day(query, day) as reader:
                _write(path, reader, version)
    files = day_files(settings, table, day)
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    return LakeDay(table, day, rows, sum(file.stat().st_size for file in files), stale)


def proven_day(settings: Settings, table: str, day: date) -> Held:
    """What the lake's copy of PostgreSQL's rows holds, refreshed, from reading every one of them.

    A damaged copy is made anew.
    """
    path = day_file(settings, table, day)
    refresh_day(settings, table, day)
    if not path.exists():
        return Held(None, 0)
    try:
        return _read_whole(path)
    except (OSError, pa.ArrowException):
        path.unlink()
        refresh_day(settings, table, day)
        return _read_whole(path)


def _read_whole(path: Path) -> Held:
    with pq.ParquetFile(path) as file:
        rows = sum(batch.num_rows for batch in file.iter_batches())
    return Held(_version_in(path), rows)


def _set_aside(path: Path, archive_no: int, version: str) -> None:
    """PostgreSQL has dropped what this file holds: from now on it is the only copy."""
    archive = path.with_name(f"archived-{archive_no}.parquet")
    if not archive.exists() and _version_in(path) == version:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            path.rename(archive)


def _is_current(settings: Settings, table: str, query: str) -> bool:
    """Whether `schema.parquet` was written for these columns."""
    return _version_in(table_folder(settings, table) / "schema.parquet") == query


def _version_in(path: Path) -> str | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None  # absent or damaged: written anew
    version = metadata.get(_VERSION_KEY)
    return version.decode() if version is not None else None


def _select(connection: psycopg.Connection[Any], table: str) -> str:
    names = [
        f'"{name}"::text AS "{name}"' if data_type in _AS_TEXT else f'"{name}"'
        for name, data_type in flat.columns(connection, table)
    ]
    # The day comes through a setting, not a parameter: with one, ADBC cannot stream by COPY.
    day = "current_setting('model_foundry.day')::date"
    return f'SELECT {", ".join(names)} FROM "{table}" WHERE occurred_on = {day}'  # noqa: S608


@contextlib.contextmanager
def _snapshot(settings: Settings) -> Iterator[tuple[psycopg.Connection[Any], Any]]:
    """A psycopg connection and an Arrow reader of a day that see the same committed rows."""
    with (
        contextlib.closing(postgres.connect(settings)) as connection,
        contextlib.closing(dbapi.connect(settings.require_postgres_url())) as arrow,
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()

        @contextlib.contextmanager
        def stream_day(query: str, day: date) -> Iterator[pa.RecordBatchReader]:
            arrow.rollback()
            with arrow.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                cursor.execute("SELECT set_config('model_foundry.day', $1, true)", (str(day),))
                cursor.execute(query)
                yield cursor.fetch_record_batch()

        yield connection, stream_day


def _write(path: Path, reader: pa.RecordBatchReader, version: str) -> None:
    plain = pa.schema(
        [field.remove_metadata() for field in reader.schema], metadata={_VERSION_KEY: version}
    )
    with (
        replaced(path) as temporary,
        pq.ParquetWriter(temporary, plain, compression="zstd") as writer,
    ):
        for batch in reader:
            if batch.num_rows:
                writer.write_batch(batch.cast(plain))


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary file that takes the path's place when the block ends well, else vanishes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
