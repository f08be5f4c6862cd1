"""Summaries: one SQL file each, run over a day of the lake, kept as Parquet.

A summary is computed in memory, from an explicit list of the lake's files.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import duckdb
import pyarrow as pa

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.summaries.by_hour import renew_hours
from model_foundry.summaries.by_key import NO_KEYS, ByKey, key_of
from model_foundry.summaries.compute import (
    Computed,
    Outside,
    Rate,
    Summary,
    code_version,
    input_tables,
    is_of_hours,
    reaches_back,
    summary_of,
)
from model_foundry.summaries.own import find_summary
from model_foundry.summaries.session_days import days_under_way, sessions_of, under_way
from model_foundry.summaries.views import publish_views
from model_foundry.summaries.zone import zone_name


class SummaryDay(NamedTuple):
    """One day of a summary.

    Attributes:
        table: its rows.
        bytes: its file's size.
        inputs: the lake days it was made of.
        columns: of each table that it read, the columns and their DuckDB types.
        rows_computed: how many rows were computed now.
        keys: of which sessions or conversations these are, in a column `key`; None: of all.
    """

    name: str
    day: date
    table: pa.Table
    bytes: int
    inputs: list[lake.LakeDay]
    columns: Mapping[str, Mapping[str, str]]
    rows_computed: int
    keys: pa.Table | None


def summarize_day(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    day: date,
    *,
    rebuild: bool = True,
    slots: Sequence[Rate] = (),
) -> SummaryDay:
    """Compute one day of a summary and keep it, refreshing what it reads of the lake first.

    A summary of sessions reads from the first day of the day's sessions on. Without `rebuild` a day
    that has not changed stays as it is, and so do the rows of sessions that had no event since, and
    of hours before any new event. `connection` is an in-memory DuckDB database of the caller's.
    `slots` are the fleet's, of which a summary may ask what they cost.

    Raises:
        FoundryError: there is no such summary.
    """
    summary = find_summary(settings, name)
    outside = Outside(zone_name(settings), slots)
    version = code_version(summary, outside.timezone)
    place = lake.lake_of(settings)
    days = days_under_way(settings, connection, day) if reaches_back(summary) else [day]
    with lake.locked(settings, name, day) as held:
        inputs = [
            lake.refresh_day(settings, table, each, held)
            for table in input_tables(summary)
            for each in days
        ]
        made = lake.made_of(version, inputs)
        columns = lake.show(settings, connection, inputs)
        catalog, listed = lake.Catalog(held, place, name, day), place.files(name, day)
        lake.adopt(catalog, listed)
        kept = None if rebuild or catalog.lost(listed) else lake.kept_day(place, name, day)
        if kept and kept.made == made:
            done = Computed(kept.rows, 0, NO_KEYS)
        else:
            unread = lake.unread(kept, version, inputs)
            done = _computed(settings, connection, summary, inputs, unread, outside=outside)
            kept = lake.keep_day(catalog, done.rows, made)
        lake.tidy(settings, catalog)
    publish_views(settings)
    return SummaryDay(name, day, kept.rows, kept.bytes, inputs, columns, done.new, done.keys)


def _computed(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    summary: Summary,
    inputs: list[lake.LakeDay],
    unread: lake.Unread | None,
    *,
    outside: Outside,
) -> Computed:
    if key := key_of(summary):
        by_key = ByKey(key, settings, connection, inputs)
        return by_key.summarize(summary, unread, outside=outside)
    if unread and is_of_hours(summary):
        return renew_hours(settings, connection, summary, inputs, unread, outside=outside)
    rows = summary_of(connection, summary, inputs[0].day, outside=outside)
    return Computed(rows, rows.num_rows)


def later_days(
    settings: Settings, connection: duckdb.DuckDBPyConnection, done: SummaryDay
) -> Iterator[SummaryDay]:
    """Renew the days after this one, as long as sessions that were computed now went on in them.

    Their rows tell of the whole session: an event that came late for this day changes them.
    """
    place, summary = lake.lake_of(settings), find_summary(settings, done.name)
    while reaches_back(summary) and place.live(done.name, day := done.day + timedelta(days=1)):
        sessions = done.keys
        if sessions is None:
            sessions = sessions_of(settings, connection, done.day)
        if not under_way(settings, connection, sessions, day).num_rows:
            return
        done = summarize_day(settings, connection, done.name, day, rebuild=False)
        yield done
