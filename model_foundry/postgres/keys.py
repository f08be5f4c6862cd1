"""Keys of events: what makes an event_id unique over all days, and outlives the days themselves.

They cost some 200 bytes an event. Those of days that PostgreSQL has dropped long ago may be given
up: a message with such an id that comes again lands again.
"""

from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import psycopg

from model_foundry.sql import load_sql

# Deleted in one transaction: what is in 32 MB.
_BLOCKS: Final = 4_096


class KeyCost(NamedTuple):
    """How many keys there are (PostgreSQL's estimate), their bytes, and how many were given up."""

    keys: int
    bytes: int
    forgotten: int


def cost(connection: psycopg.Connection[Any]) -> KeyCost:
    """What the keys cost."""
    with connection.transaction():
        [row] = connection.execute(load_sql("postgres/keys/cost")).fetchall()
    return KeyCost(*row)


def forget(connection: psycopg.Connection[Any], before: date) -> None:
    """Give up the keys of dropped days before `before`, and commit now and then.

    Those of messages that came later stay, whatever day they tell of. Both tables are read once,
    from end to end: an index by day would cost every batch, for one look a night.
    """
    span: dict[str, Any] = {"before": before}
    with connection.transaction():
        rows = connection.execute(load_sql("postgres/keys/days"), span).fetchall()
    days = [day for (day,) in rows]
    came_before = datetime(before.year, before.month, before.day, tzinfo=UTC)
    for table, statement in (("event_key", "forget"), ("event_duplicate", "forget_duplicates")):
        with connection.transaction():
            [(blocks,)] = connection.execute(
                load_sql("postgres/keys/blocks"), {"table": table}
            ).fetchall()
        for first in range(0, blocks if days else 0, _BLOCKS):
            stretch = {"from_ctid": f"({first},0)", "until_ctid": f"({first + _BLOCKS},0)"}
            with connection.transaction():
                connection.execute(
                    load_sql(f"postgres/keys/{statement}"),
                    {**stretch, "days": days, "before": came_before},
                )
