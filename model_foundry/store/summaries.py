"""Summaries: one SQL file of sql/duckdb each, run over a day of the lake, kept as Parquet.

No DuckDB file is ever written while another reads it: a summary is computed in memory, and
`foundry.duckdb` holds only views over the Parquet files and is replaced whole.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.sessions import functions
from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.session_days import days_under_way, lake_view
from model_foundry.store.sql import load_sql, sql_names

SUMMARIES: Final = sql_names("duckdb")


class SummaryDay(NamedTuple):
    """One day of a summary: its rows as Arrow, its file's size, the lake days it was made of."""

    name: str
    day: date
    table: pa.Table
    bytes: int
    inputs: list[lake.LakeDay]


def input_tables(name: str) -> tuple[str, ...]:
    """The lake tables that a summary's SQL reads, found by DuckDB's own parser."""
    with duckdb.connect(":memory:") as connection:
        [(tree,)] = connection.execute(
            "SELECT json_serialize_sql(?)", [load_sql(f"duckdb/{name}")]
        ).fetchall()
    parsed = json.loads(tree)
    if parsed.get("error"):
        raise ValueError(f"sql/duckdb/{name}.sql: {parsed.get('error_message')}")
    named = {node["table_name"] for node in _nodes(parsed) if node.get("type") == "BASE_TABLE"}
    return tuple(table for table in lake.LAKE_TABLES if table in named)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def summarize_day(
    settings: Settings, connection: duckdb.DuckDBPyConnection, name: str, day: date
) -> SummaryDay:
    """Compute one day of a summary and keep it, refreshing what it reads of the lake first.

    A summary whose SQL asks for `$first_day` reads from the first day of the day's sessions on.
    `connection` is an in-memory DuckDB database of the caller's.
    """
    connection.execute("SET TimeZone = 'UTC'")
    days = [day]
    if "$first_day" in load_sql(f"duckdb/{name}"):
        days = days_under_way(settings, connection, day)
    inputs = [
        read
        for table in input_tables(name)
        for read in lake_view(settings, connection, table, days)
    ]
    result = computed(connection, name, day, days[0])
    path = lake.day_file(settings, name, day)
    with lake.replaced(path) as temporary:
        connection.register("summary_result", result)
        connection.table("summary_result").write_parquet(str(temporary), compression="zstd")
        connection.unregister("summary_result")
    publish_views(settings)
    return SummaryDay(name, day, result, path.stat().st_size, inputs)


def computed(
    connection: duckdb.DuckDBPyConnection, name: str, day: date, first_day: date
) -> pa.Table:
    """A summary's rows, of the tables that the connection has under the names of the lake's."""
    functions.register(connection)
    statement = load_sql(f"duckdb/{name}")
    parameters = {"day": day}
    if "$first_day" in statement:
        parameters["first_day"] = first_day
    return connection.sql(statement, params=parameters).to_arrow_table()


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
        if target.exists() and _views_in(target, root) == wanted.keys():
            return target
        with lake.replaced(target) as temporary:
            temporary.unlink()
            with duckdb.connect(str(temporary)) as connection:
                for statement in wanted.values():
                    connection.execute(statement)
    return target


def _view(settings: Settings, name: str) -> str:
    files = str(lake.table_folder(settings, name) / "**" / "*.parquet").replace("'", "''")
    source = f"read_parquet('{files}', union_by_name = true, hive_partitioning = false)"
    return f'CREATE VIEW "{name}" AS SELECT * FROM {source}'  # noqa: S608


def _views_in(path: Path, root: Path) -> set[str]:
    """Names of the views over this lake; one over a lake elsewhere (the home moved) is none."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE NOT internal AND contains(sql, ?)",
                [f"{root}/"],
            ).fetchall()
    except duckdb.Error:
        return set()  # of another version, or damaged: made anew
    return {str(name) for (name,) in rows}


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
