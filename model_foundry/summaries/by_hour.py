"""A summary of hours: computed again only from the first hour on that new rows belong to.

Which that is, the summary says itself, computed of the new rows alone.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.summaries.compute import Computed, Outside, Summary, summary_of


def renew_hours(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    summary: Summary,
    inputs: Sequence[lake.LakeDay],
    unread: lake.Unread,
    *,
    outside: Outside,
) -> Computed:
    """A summary of hours with what has come since; `inputs` is one day, of each table it reads."""
    day = inputs[0].day
    new = [each._replace(files=tuple(unread.files.get(each.table, ()))) for each in inputs]
    lake.show(settings, connection, new)
    since = pc.min(_hours(summary_of(connection, summary, day, outside=outside), day)).as_py()
    if since is None:
        return Computed(unread.rows, 0)
    lake.show(settings, connection, inputs)
    later = summary_of(connection, summary, day, since=since, outside=outside)
    earlier = unread.rows.filter(pc.less(_hours(unread.rows, day), since))
    key = later.column_names[: later.column_names.index(_hour_column(later)) + 1]
    rows = pa.concat_tables([earlier, later]).sort_by([(column, "ascending") for column in key])
    return Computed(rows, later.num_rows)


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
