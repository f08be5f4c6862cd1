"""What the flat tables could not make rows of: listed, shown, tried again.

The event itself lies in the inbox as it came. Does not belong here: how it came to be refused
(`flat_rows`), and what was refused at the door (`intake.quarantine`).
"""

import contextlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.postgres import flat, row_errors
from model_foundry.postgres.flat import Retried
from model_foundry.settings import Settings
from model_foundry.sql import load_sql


class FlatRefused(NamedTuple):
    """An event that a flat table has no rows of; its number is of the quarantine's."""

    refused_id: int
    table: str
    day: date
    event_id: str
    reason: str
    detail: str
    refused_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        values = self._asdict()
        return {**values, "day": str(self.day), "refused_at": self.refused_at.isoformat()}


def is_for_tables(reason: str | None, table: str | None) -> bool:
    """Whether it is only flat tables that refuse for this reason, or this table is asked for."""
    return table is not None or (reason is not None and reason in row_errors.REASONS)


def list_refused(
    connection: psycopg.Connection[Any],
    *,
    reason: str | None = None,
    table: str | None = None,
    day: date | None = None,
    refused_ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> list[FlatRefused]:
    """Refused events, newest first.

    Raises:
        FoundryError: there is no such table.
    """
    if table is not None and table not in flat.FLAT_TABLES:
        raise FoundryError(
            f"there is no flat table {table!r}; known: {', '.join(flat.FLAT_TABLES)}"
        )
    which = {
        "reason": reason,
        "table": table,
        "day": day,
        "refused_ids": None if refused_ids is None else list(refused_ids),
        "max_rows": limit,
    }
    with connection.transaction():
        rows = connection.execute(load_sql("postgres/flat/list_refused"), which).fetchall()
    return [FlatRefused(*row) for row in rows]


def refused_event(connection: psycopg.Connection[Any], refused_id: int) -> tuple[str, str] | None:
    """Subject and payload, as text, of the event that was refused; None: PostgreSQL dropped it."""
    with connection.transaction():
        row = connection.execute(
            load_sql("postgres/flat/refused_event"), {"refused_id": refused_id}
        ).fetchone()
    return None if row is None else (row[0], row[1])


def replay_refused(
    settings: Settings,
    *,
    refused_ids: Sequence[int] | None = None,
    reason: str | None = None,
    table: str | None = None,
) -> Retried:
    """Try refused events again: those named, those of a reason or table, or all.

    What is still refused stays. A second replay finds nothing to do.

    Raises:
        FoundryError: there is no such table, or PostgreSQL is out of reach.
    """
    total = Retried(0, 0, 0)
    with contextlib.closing(postgres.connect(settings)) as connection:
        found = list_refused(connection, reason=reason, table=table, refused_ids=refused_ids)
        days: dict[tuple[str, date], list[int]] = {}
        for each in found:
            days.setdefault((each.table, each.day), []).append(each.refused_id)
        for (of_table, day), ids in days.items():
            done = flat.retry_refused(connection, of_table, day, ids)
            total = Retried(*(sum(both) for both in zip(total, done, strict=True)))
    return total
