"""A summary of sessions: computed in portions, and again only of those that had events since.

A portion is so many events of sessions that began after each other: memory is bounded by it, and
the files' statistics keep the rest of the day unread.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.compute import Computed, Outside, Summary, summary_of

_AMONG_THEM: Final = "correlation_id IN (SELECT correlation_id FROM session_of_portion)"
_SESSIONS: Final = pa.schema({"correlation_id": pa.string()})


def summarize_sessions(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    summary: Summary,
    inputs: Sequence[lake.LakeDay],
    unread: lake.Unread | None,
    *,
    outside: Outside,
) -> Computed:
    """One day of a summary of sessions, from these days of the lake, the last of which it is of.

    With `unread`, the rows of sessions without new events stay as they are.
    """
    if unread is None:
        sessions, rows = None, []
    else:
        sessions = _sessions_in(settings, connection, unread.files)
        rows = [_without(unread.rows, sessions)]
    stayed = sum(each.num_rows for each in rows)
    first, day = min(each.day for each in inputs), max(each.day for each in inputs)
    for portion in _portions(settings, connection, inputs, sessions):
        with _shown(settings, connection, inputs, portion.sessions, portion.moments):
            rows.append(summary_of(connection, summary, day, first, outside=outside))
    if not rows:
        lake.show(settings, connection, inputs)
        rows.append(summary_of(connection, summary, day, first, outside=outside))
    whole = pa.concat_tables(rows)
    return Computed(whole, whole.num_rows - stayed, sessions)


def _sessions_in(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    parts: dict[str, list[lake.LakeFile]],
) -> pa.Table:
    """The sessions that these files have rows of, in a column `correlation_id`."""
    place = lake.lake_of(settings)
    found = [
        connection.read_parquet(
            [place.address(file.path) for file in files],
            union_by_name=True,
            hive_partitioning=False,
        )
        .project("correlation_id")
        .filter("correlation_id IS NOT NULL")
        .distinct()
        .to_arrow_table()
        for files in parts.values()
    ]
    return (
        pa.concat_tables([_SESSIONS.empty_table(), *found]).group_by("correlation_id").aggregate([])
    )


def _without(rows: pa.Table, sessions: pa.Table) -> pa.Table:
    among = pc.is_in(rows["correlation_id"], sessions["correlation_id"].combine_chunks())
    return rows.filter(pc.invert(among))


class _Portion(NamedTuple):
    """Sessions, and between which moments they had events, as SQL says it."""

    sessions: pa.Table
    moments: str


def _portions(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    days: Sequence[lake.LakeDay],
    wanted: pa.Table | None,
) -> Iterator[_Portion]:
    """The wanted sessions (None: all) of the last day, in the order in which they began."""
    inbox = [each for each in days if each.table == "event_inbox"]
    parameters = {
        "day": max(each.day for each in days),
        "portion_events": settings.session_portion_events,
    }
    with _shown(settings, connection, inbox, wanted):
        spans = connection.sql(
            load_sql("duckdb/sessions/spans"), params=parameters
        ).to_arrow_table()
    for number in pc.unique(spans["portion_no"]).to_pylist():
        portion = spans.filter(pc.equal(spans["portion_no"], number))
        began_at, ended_at = pc.min(portion["began_at"]), pc.max(portion["ended_at"])
        yield _Portion(
            portion.select(["correlation_id"]),
            f"occurred_at BETWEEN TIMESTAMPTZ '{began_at.as_py().isoformat()}' "
            f"AND TIMESTAMPTZ '{ended_at.as_py().isoformat()}'",
        )


@contextlib.contextmanager
def _shown(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    days: Sequence[lake.LakeDay],
    sessions: pa.Table | None,
    moments: str = "TRUE",
) -> Iterator[None]:
    """Show the rows of these sessions (None: all rows), in a table that has moments only theirs."""
    if sessions is None:
        lake.show(settings, connection, days)
        yield
        return
    connection.register("session_of_portion", sessions)
    lake.show(
        settings, connection, days, only={"correlation_id": _AMONG_THEM, "occurred_at": moments}
    )
    try:
        yield
    finally:
        connection.unregister("session_of_portion")
