"""Summaries: one SQL file of sql/duckdb each, run over a day of the lake, kept as Parquet.

No DuckDB file is ever written while another reads it: a summary is computed in memory, and
`foundry.duckdb` holds only views over the Parquet files and is replaced whole.
"""

import contextlib
import fcntl
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.summary_sql import (
    SUMMARIES,
    input_tables,
    macros,
    rollups,
    summary_of,
)


class SummaryDay(NamedTuple):
    """One day of a summary: its rows as Arrow, its file's size, the lake days it was made of.

    `columns`: those of each table that it was made of, and their types.
    """

    name: str
    day: date
    table: pa.Table
    bytes: int
    inputs: list[lake.LakeDay]
    columns: dict[str, dict[str, str]]


def summarize_day(
    settings: Settings, connection: duckdb.DuckDBPyConnection, name: str, day: date
) -> SummaryDay:
    """Compute one day of a summary and keep it, refreshing what it reads of the lake first.

    `connection` is an in-memory DuckDB database of the caller's.
    """
    inputs = [lake.refresh_day(settings, table, day) for table in input_tables(name)]
    columns = {}
    for table in input_tables(name):
        files = [lake.table_folder(settings, table) / "schema.parquet"]
        files += lake.day_files(settings, table, day)
        paths = [str(path) for path in files]
        relation = connection.read_parquet(paths, union_by_name=True)  # columns are added in time
        relation.create_view(table, replace=True)
        columns[table] = dict(zip(relation.columns, map(str, relation.types), strict=True))
    result = summary_of(connection, name, day)
    path = lake.day_file(settings, name, day)
    with lake.replaced(path) as temporary:
        connection.register("summary_result", result)
        connection.table("summary_result").write_parquet(str(temporary), compression="zstd")
        connection.unregister("summary_result")
    publish_views(settings)
    return SummaryDay(name, day, result, path.stat().st_size, inputs, columns)


def publish_views(settings: Settings) -> Path:
    """`foundry.duckdb`, with a view for every table and summary that the lake holds.

    Replaced whole when the set of views changed; who has the old file open keeps reading it.
    """
    target = settings.home / "foundry.duckdb"
    root = settings.home / "lake"
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / ".views.lock"):
        wanted = {
            name: _view(settings, name)
            for name in (*lake.LAKE_TABLES, *SUMMARIES)
            if any(lake.table_folder(settings, name).rglob("*.parquet"))
        }
        rolled_up = rollups(wanted)
        digest = _digest([*macros(), *wanted.values(), *itertools.chain(*rolled_up)])
        if _digest_in(target) == digest:
            return target
        with lake.replaced(target) as temporary:
            temporary.unlink()
            with duckdb.connect(str(temporary)) as connection:
                for statement in (*macros(), *wanted.values()):
                    connection.execute(statement)
                if _roll_up(connection, rolled_up):
                    connection.execute(f"CREATE MACRO views_digest() AS '{digest}'")
    return target


def _roll_up(connection: duckdb.DuckDBPyConnection, rolled_up: list[list[str]]) -> bool:
    """Make the roll-ups; whether all of them could be made."""
    complete = True
    for statements in rolled_up:
        try:
            for statement in statements:
                connection.execute(statement)
        except duckdb.BinderException:
            complete = False  # what is kept of that summary is all of an earlier version
    return complete


def _digest(statements: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(statements).encode()).hexdigest()


def _view(settings: Settings, name: str) -> str:
    files = str(lake.table_folder(settings, name) / "**" / "*.parquet").replace("'", "''")
    source = f"read_parquet('{files}', union_by_name = true, hive_partitioning = false)"
    return f'CREATE VIEW "{name}" AS SELECT * FROM {source}'  # noqa: S608


def _digest_in(path: Path) -> str | None:
    """The digest of the statements that a file of views was made by."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            [(digest,)] = connection.execute("SELECT views_digest()").fetchall()
    except duckdb.Error:
        return None  # of another version, or damaged: made anew
    return str(digest)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
