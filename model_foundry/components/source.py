"""The rows of a recipe's source SQL for a day, also where the SQL cannot compute some of them.

PostgreSQL ends a query at the first value that it cannot compute: a division by zero, a text that
is no number. The events to blame are then found by halving, as those that a flat table refuses are:
a view before one of the source's tables leaves out events of the day, whatever the SQL does with
the table. The others are asked.

Belongs here: reading rows, and what they say of themselves. Does not: what is asked (`recipe`).
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types import datetime as types

from model_foundry.errors import FoundryError
from model_foundry.postgres.row_errors import detail_of, is_of_a_row
from model_foundry.results.left_out import LeftOutRow
from model_foundry.sql import load_sql

# Queries over the day, to find what is to blame: some thirty events among ten thousand.
MAX_TRIES: Final = 500

ERROR_MAX_CHARS: Final = 1_000

Row = dict[str, Any]
Connection = psycopg.Connection[Any]


class Origin(NamedTuple):
    """Where a row comes from, as text."""

    event_id: str | None
    event_ids: list[str]
    part: str
    correlation_id: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Origin":
        """As the row says it, in whatever types."""
        event_id, events = row["source_event_id"], row.get("source_event_ids")
        if not isinstance(events, list):
            events = [event_id if events is None else events]
        part, correlation_id = row["source_part"], row["correlation_id"]
        return cls(
            event_id=None if event_id is None else str(event_id),
            event_ids=[str(event) for event in events if event is not None],
            part="" if part is None else str(part),
            correlation_id=None if correlation_id is None else str(correlation_id),
        )

    def left_out(self, error: str) -> LeftOutRow:
        """The row as one that could not be asked about."""
        return LeftOutRow(
            source_event_id=self.event_id,
            source_event_ids=self.event_ids,
            source_part=self.part,
            correlation_id=self.correlation_id,
            error=error[:ERROR_MAX_CHARS],
        )


def plain(value: Any) -> Any:
    """A column's value as JSON has it; what JSON has no form for is text."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))


@contextlib.contextmanager
def source_rows(
    connection: Connection, statement: str, day: date, tables: Sequence[str]
) -> Iterator[tuple[Iterator[Row], list[LeftOutRow]]]:
    """The rows, which hold no transaction open, and the events that had to be left out.

    Args:
        connection: one of its own, without a transaction.
        statement: the source SQL, with `%(day)s`.
        day: of the events.
        tables: what the SQL reads; events of those with an `event_id` can be left out.

    Raises:
        FoundryError: the SQL fails, and no events of one table alone are to blame.
        psycopg.Error: it fails for another reason than a row's content.
    """
    left_out: list[LeftOutRow] = []
    try:
        cursor = _held(connection, statement, day)
    except psycopg.Error as error:
        connection.rollback()
        if not is_of_a_row(error):
            raise
        left_out = _to_blame(connection, statement, day, tables, error)
        cursor = _held(connection, statement, day)
    with cursor:
        yield iter(cursor), left_out


def _held(connection: Connection, statement: str, day: date) -> psycopg.ServerCursor[Row]:
    # Declared apart from the cursor that reads: PostgreSQL computes the rows at the commit.
    connection.execute(f"DECLARE recipe_source CURSOR WITH HOLD FOR {statement}", {"day": day})
    connection.commit()
    cursor = connection.cursor("recipe_source", row_factory=dict_row)
    for name, loader in _LOADERS.items():
        cursor.adapters.register_loader(name, loader)
    return cursor


def _to_blame(
    connection: Connection, statement: str, day: date, tables: Sequence[str], error: psycopg.Error
) -> list[LeftOutRow]:
    """Leave out, for the rest of the session, what is to blame, and say what that is."""
    tried = []
    for table in tables:
        is_one = connection.execute(load_sql("postgres/recipes/event_table"), {"table": table})
        if is_one.fetchone() != (True,):
            continue
        tried.append(table)
        trials = _Trials(connection, statement, day, table)
        if trials.error_of([]) is None:
            blamed = trials.blamed()
            trials.show([event for event in trials.events if event not in blamed])
            if (rest := trials.error_of(None)) is None:
                return [
                    Origin(event_id, [event_id], "", trials.events[event_id]).left_out(
                        f"source.sql cannot be computed for this event: {told}"
                    )
                    for event_id, told in blamed.items()
                ]
            error = rest
        trials.end()
    which = "none of its sources has events that could be left out"
    if tried:
        which = f"leaving out events of {', '.join(tried)} does not help"
    raise FoundryError(
        f"source.sql cannot be computed for {day}: {detail_of(error)}; {which}, "
        "so that nothing of the day can be asked"
    )


class _Trials:
    """What the SQL says while only some of a table's events of the day are to be seen."""

    def __init__(self, connection: Connection, statement: str, day: date, table: str) -> None:
        self._connection = connection
        self._statement = statement
        self._day = day
        self._tries = 0
        events = sql.SQL("SELECT event_id, correlation_id FROM {} WHERE occurred_on = %s")
        which = {"table": table, "day": day}
        hide = load_sql("postgres/recipes/hide_events")
        self._view = sql.Identifier("pg_temp", table)
        self.events: Mapping[str, str | None] = dict(
            connection.execute(events.format(sql.Identifier(table)), (day,)).fetchall()
        )
        [(view,)] = connection.execute(hide, which).fetchall()
        connection.execute("CREATE TEMPORARY TABLE shown_event (event_id text PRIMARY KEY)")
        connection.execute(view)
        connection.commit()

    def end(self) -> None:
        """Show the table again."""
        self._connection.execute(sql.SQL("DROP VIEW {}").format(self._view))
        self._connection.execute("DROP TABLE pg_temp.shown_event")
        self._connection.commit()

    def show(self, events: Sequence[str]) -> None:
        self._connection.execute("TRUNCATE pg_temp.shown_event")
        self._connection.execute(
            "INSERT INTO pg_temp.shown_event SELECT unnest(%s::text[])", (list(events),)
        )

    def error_of(self, events: Sequence[str] | None) -> psycopg.Error | None:
        """What the SQL fails with when these events are shown (None: those that are)."""
        self._tries += 1
        if self._tries > MAX_TRIES:
            raise FoundryError(
                f"source.sql cannot be computed for {self._day}, for too many events: looking for "
                f"them was given up after {MAX_TRIES} tries"
            )
        try:
            with self._connection.transaction(force_rollback=True):
                if events is not None:
                    self.show(events)
                with self._connection.cursor("recipe_trial") as cursor:
                    cursor.execute(self._statement, {"day": self._day})
                    self._connection.execute("MOVE FORWARD ALL IN recipe_trial")
        except psycopg.Error as error:
            if not is_of_a_row(error):
                raise
            return error
        return None

    def blamed(self) -> dict[str, str]:
        """The events without which the SQL can be computed, and what it says of each."""
        blamed: dict[str, str] = {}
        parts = [[*self.events]]
        while parts:
            part = parts.pop()
            if (error := self.error_of(part)) is None:
                continue
            if len(part) == 1:
                blamed[part[0]] = detail_of(error)
            else:
                middle = len(part) // 2
                parts += [part[:middle], part[middle:]]
        return blamed


def _or_text(loader: type[Any]) -> type[Any]:
    """Of a time that Python does not know (infinity, years BC), PostgreSQL's text."""

    class OrText(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return OrText


_LOADERS: Final = {
    "date": _or_text(types.DateLoader),
    "timestamp": _or_text(types.TimestampLoader),
    "timestamptz": _or_text(types.TimestamptzLoader),
    "interval": _or_text(types.IntervalLoader),
}
