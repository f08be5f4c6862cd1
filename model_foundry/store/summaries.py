"""Summaries: one SQL file of sql/duckdb each, run over a day of the lake, kept as Parquet.

A summary is computed in memory, from an explicit list of the lake's files.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.sql import load_sql, sql_names
from model_foundry.store.views import publish_views

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

    `connection` is an in-memory DuckDB database of the caller's.
    """
    with lake.locked(settings, name, day):
        inputs = [lake.refresh_day(settings, table, day) for table in input_tables(name)]
        result = compute(settings, connection, name, day, inputs)
        place = lake.lake_of(settings)
        kept = lake.keep_day(place, name, day, result)
        place.tidy(name, day, settings.lake_grace_s)
    publish_views(settings, (*lake.LAKE_TABLES, *SUMMARIES))
    return SummaryDay(name, day, result, kept.bytes, inputs)


def compute(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    day: date,
    inputs: Sequence[lake.LakeDay],
) -> pa.Table:
    """A day of a summary from the lake alone: from exactly the files that `inputs` name."""
    place = lake.lake_of(settings)
    place.register_in(connection)
    connection.execute("SET TimeZone = 'UTC'")
    for source in inputs:
        files = [place.address(place.schema_path(source.table)), *source.files]
        relation = connection.read_parquet(files, union_by_name=True, hive_partitioning=False)
        relation.create_view(source.table, replace=True)
    return connection.sql(load_sql(f"duckdb/{name}"), params={"day": day}).to_arrow_table()
