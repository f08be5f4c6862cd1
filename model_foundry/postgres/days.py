"""The days of PostgreSQL: one partition each, made ahead. (Dropping them: `lake.retention`.)

No statement may look at all days at once: it would lock every partition, and PostgreSQL's table of
locks is small. `asked` looks at some days after others.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg

from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

TABLES: Final = ("event_inbox", *flat.FLAT_TABLES)
# Of the 6,400 that PostgreSQL has room for by default; a partition takes one, and each index too.
_LOCKS_AT_ONCE: Final = 400
_LOCKS_OF_PARTITION: Final = 4


def make_ahead(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Partitions from today to `partitions_ahead_days` on, and commit: midnight waits for none."""
    span = {"first": datetime.now(UTC).date(), "days": settings.partitions_ahead_days}
    with connection.transaction():
        connection.execute(load_sql("postgres/days/make_ahead"), {"tables": list(TABLES), **span})


def days_before(
    connection: psycopg.Connection[Any],
    before: date = date.max,
    tables: Sequence[str] = TABLES,
) -> list[date]:
    """Days before one with a partition of these tables, ascending."""
    with connection.transaction():
        rows = connection.execute(
            load_sql("postgres/days/older"), {"before": before, "tables": list(tables)}
        ).fetchall()
    return [day for (day,) in rows]


def inbox_rows(connection: psycopg.Connection[Any]) -> int:
    """How many events the inbox holds, by the ledger: it costs by the batch, not by the event."""
    with connection.transaction():
        [(rows,)] = connection.execute(
            "SELECT coalesce(sum(events), 0)::bigint FROM intake_batch_day"
        ).fetchall()
    return int(rows)


def first_day(connection: psycopg.Connection[Any], earliest: date) -> date | None:
    """The first day from `earliest` on with events, dropped ones included; None: there is none.

    Days that were made ahead count, too.
    """
    query, span = load_sql("postgres/days/first"), {"earliest": earliest}
    first: date | None
    with connection.transaction():
        [(first,)] = connection.execute(query, span).fetchall()
    return first


def asked(
    connection: psycopg.Connection[Any],
    query: str,
    parameters: dict[str, Any],
    tables: Sequence[str],
) -> list[tuple[Any, ...]]:
    """The rows of a query over these partitioned tables, of all days, the last days first.

    It is asked for some days at once, between `first` and `last`, each time in a transaction of its
    own.
    """
    found: list[tuple[Any, ...]] = []
    held = days_before(connection, tables=tables)
    most = max(1, _LOCKS_AT_ONCE // (_LOCKS_OF_PARTITION * len(tables)))
    while held:
        held, some = held[:-most], held[-most:]
        with connection.transaction():
            span = {"first": some[0], "last": some[-1]}
            found += connection.execute(query, {**parameters, **span}).fetchall()
    return found
