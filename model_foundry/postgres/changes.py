"""Days that changed otherwise than by events, and have not been summarized since.

Results that land, messages that are quarantined or replayed, articles that are translated leave a
row in `day_change`, by a trigger. A summary that began with a snapshot which saw a change has it;
so what is forgotten is told by that snapshot, not by a time.
"""

from datetime import date
from typing import Any, NamedTuple

import psycopg

from model_foundry.sql import load_sql


class Changed(NamedTuple):
    """Days with changes, ascending; `seen` is the snapshot that has these changes, as text."""

    seen: str
    days: list[date]


def changed_days(connection: psycopg.Connection[Any]) -> Changed:
    """What has changed by now."""
    with connection.transaction():
        [row] = connection.execute(load_sql("postgres/changes/days")).fetchall()
    return Changed(*row)


def forget_changes(connection: psycopg.Connection[Any], day: date, seen: str) -> None:
    """A day was summarized by a run that was asked for with this snapshot; and commit."""
    with connection.transaction():
        connection.execute(load_sql("postgres/changes/forget"), {"day": day, "seen": seen})
