"""Summaries: one SQL file of sql/duckdb each, run over a day of the lake, kept as Parquet.

A summary is computed in memory, from an explicit list of the lake's files. One of sessions can be
renewed: only those with new events are computed again.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.settings import Settings
from model_foundry.store import arrivals, lake
from model_foundry.store.session_days import days_under_way, sessions_of, under_way
from model_foundry.store.summary_sql import code_version, input_tables, reaches_back, summary_of
from model_foundry.store.views import publish_views

_ORDER: Final = ("started_at", "correlation_id", "worker")


class SummaryDay(NamedTuple):
    """One day of a summary.

    Attributes:
        table: its rows.
        bytes: its file's size.
        inputs: the lake days it was made of.
        columns: of each table that it read, the columns and their DuckDB types.
        sessions: of a summary of sessions, those that were computed now; None: all of them.
    """

    name: str
    day: date
    table: pa.Table
    bytes: int
    inputs: list[lake.LakeDay]
    columns: Mapping[str, Mapping[str, str]]
    sessions: pa.Table | None


def summarize_day(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    day: date,
    *,
    rebuild: bool = True,
) -> SummaryDay:
    """Compute one day of a summary and keep it, refreshing what it reads of the lake first.

    A summary of sessions reads from the first day of the day's sessions on. Without `rebuild` the
    sessions that had no event since keep their rows. `connection` is an in-memory DuckDB database
    of the caller's.
    """
    place = lake.lake_of(settings)
    version = code_version(name)
    days = days_under_way(settings, connection, day) if reaches_back(name) else [day]
    with lake.locked(settings, name, day):
        inputs = [
            lake.refresh_day(settings, table, each) for table in input_tables(name) for each in days
        ]
        kept = None if rebuild or not reaches_back(name) else lake.kept_day(place, name, day)
        parts = arrivals.parts_since(kept.made, version, inputs) if kept else None
        if kept is None or parts is None:
            sessions = None
            columns = lake.show(settings, connection, inputs)
            result = summary_of(connection, name, day, days[0])
        else:
            sessions = arrivals.sessions_in(place, connection, parts)
            connection.register("arrived_session", sessions)
            arrived = "correlation_id IN (SELECT correlation_id FROM arrived_session)"
            columns = lake.show(settings, connection, inputs, only=arrived)
            result = kept.rows
            if sessions.num_rows:
                renewed = summary_of(connection, name, day, days[0])
                result = _together(connection, kept.rows, arrived, renewed)
            connection.unregister("arrived_session")
        if kept is None or parts != {}:
            kept = lake.keep_day(place, name, day, result, arrivals.made_of(version, inputs))
            place.tidy(name, day, settings.lake_grace_s)
    publish_views(settings)
    return SummaryDay(name, day, kept.rows, kept.bytes, inputs, columns, sessions)


def later_days(
    settings: Settings, connection: duckdb.DuckDBPyConnection, done: SummaryDay
) -> Iterator[SummaryDay]:
    """Renew the days after this one, as long as sessions that were computed now went on in them.

    Their rows tell of the whole session: an event that came late for this day changes them.
    """
    place = lake.lake_of(settings)
    while reaches_back(done.name) and place.live(done.name, day := done.day + timedelta(days=1)):
        computed = done.sessions
        if computed is None:
            computed = sessions_of(settings, connection, done.day)
        if not under_way(settings, connection, computed, day).num_rows:
            return
        done = summarize_day(settings, connection, done.name, day, rebuild=False)
        yield done


def _together(
    connection: duckdb.DuckDBPyConnection, kept: pa.Table, arrived: str, renewed: pa.Table
) -> pa.Table:
    """The rows kept of the sessions that did not arrive, and the renewed ones of the others."""
    order = [column for column in _ORDER if column in renewed.column_names]
    connection.register("kept_session", kept)
    connection.register("renewed_session", renewed)
    try:
        return connection.sql(
            f"SELECT * FROM kept_session WHERE NOT {arrived} "  # noqa: S608
            f"UNION ALL BY NAME SELECT * FROM renewed_session ORDER BY {', '.join(order)}"
        ).to_arrow_table()
    finally:
        connection.unregister("kept_session")
        connection.unregister("renewed_session")
