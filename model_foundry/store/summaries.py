"""Summaries: one SQL file of sql/duckdb each, run over a day of the lake, kept as Parquet.

A summary is computed in memory, from an explicit list of the lake's files.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.session_days import days_under_way
from model_foundry.store.summary_sql import input_tables, reaches_back, summary_of
from model_foundry.store.views import publish_views


class SummaryDay(NamedTuple):
    """One day of a summary.

    Attributes:
        table: its rows.
        bytes: its file's size.
        inputs: the lake days it was made of.
        columns: of each table that it read, the columns and their DuckDB types.
    """

    name: str
    day: date
    table: pa.Table
    bytes: int
    inputs: list[lake.LakeDay]
    columns: Mapping[str, Mapping[str, str]]


def summarize_day(
    settings: Settings, connection: duckdb.DuckDBPyConnection, name: str, day: date
) -> SummaryDay:
    """Compute one day of a summary and keep it, refreshing what it reads of the lake first.

    A summary that reaches back reads from the first day of the day's sessions on. `connection` is
    an in-memory DuckDB database of the caller's.
    """
    days = days_under_way(settings, connection, day) if reaches_back(name) else [day]
    with lake.locked(settings, name, day):
        inputs = [
            lake.refresh_day(settings, table, each) for table in input_tables(name) for each in days
        ]
        columns = lake.show(settings, connection, inputs)
        result = summary_of(connection, name, day, days[0])
        place = lake.lake_of(settings)
        kept = lake.keep_day(place, name, day, result)
        place.tidy(name, day, settings.lake_grace_s)
    publish_views(settings)
    return SummaryDay(name, day, result, kept.bytes, inputs, columns)
