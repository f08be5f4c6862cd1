"""A summary of hours: computed again only from the first hour on that new rows belong to.

Which that is, the summary says itself, computed of the new rows alone.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.summary_sql import summary_of


class Hours(NamedTuple):
    """A summary's rows, and how many of them were computed now."""

    rows: pa.Table
    computed: int


def summarize_hours(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    inputs: Iterable[lake.LakeDay],
    *,
    kept: lake.Kept | None,
    version: str,
) -> Hours:
    """One day of a summary of hours, from that day of the lake.

    Args:
        kept: what there is of the day already; its rows stay for earlier hours than any new row's.
        version: of the code that computes it.
    """
    days = list(inputs)
    day = days[0].day
    parts = lake.unread(kept.made, version, days) if kept else None
    if kept is None or parts is None:
        lake.show(settings, connection, days)
        rows = summary_of(connection, name, day)
        return Hours(rows, rows.num_rows)
    new = [each._replace(files=tuple(parts.get(each.table, ()))) for each in days]
    lake.show(settings, connection, new)
    since = pc.min(_hours(summary_of(connection, name, day), day)).as_py()
    if since is None:
        return Hours(kept.rows, 0)
    lake.show(settings, connection, days)
    later = summary_of(connection, name, day, since=since)
    earlier = kept.rows.filter(pc.less(_hours(kept.rows, day), since))
    key = later.column_names[: later.column_names.index(_hour_column(later)) + 1]
    rows = pa.concat_tables([earlier, later]).sort_by([(column, "ascending") for column in key])
    return Hours(rows, later.num_rows)


def _hour_column(rows: pa.Table) -> str:
    """The last one of the columns that tell a row from the others."""
    return "hour_utc" if "hour_utc" in rows.column_names else "hour_starts_at"


def _hours(rows: pa.Table, day: date) -> pa.ChunkedArray:
    """When the hour of each row begins."""
    hours = rows[_hour_column(rows)]
    if pa.types.is_timestamp(hours.type):
        return hours
    midnight = datetime.combine(day, time(), UTC)
    since = pc.cast(pc.multiply(pc.cast(hours, pa.int64()), 3_600_000_000), pa.duration("us"))
    return pc.add(pa.scalar(midnight, pa.timestamp("us", "UTC")), since)
