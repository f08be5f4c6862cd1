"""Which days a day's sessions reach back to: a session across midnight is summarized whole.

A session goes on from day to day as long as no UTC day passes without an event of its
correlation_id. One that goes back farther than `session_max_days` is cut there.
"""

from datetime import date, timedelta

import duckdb
import pyarrow as pa

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.sql import load_sql


def days_under_way(
    settings: Settings, connection: duckdb.DuckDBPyConnection, day: date
) -> list[date]:
    """The days to read for the sessions of a day, ascending; the day itself is the last.

    The lake's inbox is refreshed for each day that is looked at.
    """
    days = [day]
    sessions = sessions_of(settings, connection, day)
    while sessions.num_rows and len(days) < settings.session_max_days:
        earlier = days[0] - timedelta(days=1)
        sessions = under_way(settings, connection, sessions, earlier)
        if sessions.num_rows:
            days.insert(0, earlier)
    return days


def sessions_of(settings: Settings, connection: duckdb.DuckDBPyConnection, day: date) -> pa.Table:
    """Every session with events on a day, in a column `key`."""
    lake.show(settings, connection, [lake.refresh_day(settings, "event_inbox", day)])
    return connection.sql(
        "SELECT DISTINCT correlation_id AS key FROM event_inbox WHERE correlation_id IS NOT NULL"
    ).to_arrow_table()


def under_way(
    settings: Settings, connection: duckdb.DuckDBPyConnection, sessions: pa.Table, day: date
) -> pa.Table:
    """Which of these sessions have events on another day, too."""
    lake.show(settings, connection, [lake.refresh_day(settings, "event_inbox", day)])
    connection.register("session_under_way", sessions)
    try:
        return connection.sql(
            load_sql("duckdb/sessions/of_day"), params={"day": day}
        ).to_arrow_table()
    finally:
        connection.unregister("session_under_way")
