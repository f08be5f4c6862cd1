"""Days of the lake as views of a DuckDB connection: exactly the files that they name."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import MappingProxyType

import duckdb

from model_foundry.lake.place import lake_of
from model_foundry.lake.refresh import LakeDay
from model_foundry.settings import Settings


def show(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    days: Iterable[LakeDay],
    *,
    only: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, dict[str, str]]:
    """A view for each table of these days, under its name; by table, the columns and their types.

    A table without files has its columns all the same, and a file from before a column was added
    has NULL in it. `only` has SQL conditions for the rows that are shown, each for the
    tables with a column of that name.
    """
    place = lake_of(settings)
    place.register_in(connection)
    connection.execute("SET parquet_metadata_cache = true")  # no file is ever written again
    columns = {}
    for table, shown in groupby(sorted(days), key=lambda each: each.table):
        files = [place.address(file.path) for each in shown for file in each.files]
        relation = connection.read_parquet(
            [place.address(place.schema_path(table)), *files],
            union_by_name=True,
            hive_partitioning=False,
        )
        shown_rows = relation
        for column in only.keys() & set(relation.columns):
            shown_rows = shown_rows.filter(only[column])
        shown_rows.create_view(table, replace=True)
        columns[table] = dict(zip(relation.columns, map(str, relation.types), strict=True))
    return columns
