"""Which days a day's sessions reach back to: a session across midnight is summarized whole.

A session goes on from day to day as long as no UTC day passes without an event of its
correlation_id. One that goes back farther than `session_max_days` is cut there.
"""

from datetime import date, timedelta

import duckdb

from model_foundry.settings import Settings
from model_foundry.store import lake
from model_foundry.store.sql import load_sql


def days_under_way(
    settings: Settings, connection: duckdb.DuckDBPyConnection, day: date
) -> list[date]:
    """The days to read for the sessions of a day, ascending; the day itself is the last.

    The lake's inbox is refreshed for each day that is looked at.
    """
    days = [day]
    lake_view(settings, connection, "event_inbox", days)
    sessions = connection.sql(
        "SELECT DISTINCT correlation_id FROM event_inbox WHERE correlation_id IS NOT NULL"
    ).to_arrow_table()
    while sessions.num_rows and len(days) < settings.session_max_days:
        earlier = days[0] - timedelta(days=1)
        lake_view(settings, connection, "event_inbox", [earlier])
        connection.register("session_under_way", sessions)
        sessions = connection.sql(
            load_sql("duckdb/sessions/earlier"), params={"day": earlier}
        ).to_arrow_table()
        connection.unregister("session_under_way")
        if sessions.num_rows:
            days.insert(0, earlier)
    return days


def lake_view(
    settings: Settings, connection: duckdb.DuckDBPyConnection, table: str, days: list[date]
) -> list[lake.LakeDay]:
    """A view of a lake table's days under the table's name, each day refreshed first."""
    refreshed = [lake.refresh_day(settings, table, day) for day in days]
    lake.show(settings, connection, refreshed)
    return refreshed
