"""Making the rows of a flat table, whatever the events hold: what fails is set aside, one by one.

Belongs here: the halving, down to the events to blame. Does not: which batches are to be taken in
(`flat`), what becomes of those that were refused (`flat`, `flat_refused`).
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import psycopg

from model_foundry.store.flatten_sql import flatten_sql
from model_foundry.store.row_errors import detail_of, is_of_a_row, reason_of
from model_foundry.store.sql import load_sql


class Refused(NamedTuple):
    """An event of which no rows could be made, and why."""

    event_id: str
    batch_id: int
    reason: str
    detail: str


class Made(NamedTuple):
    """Rows written, and the events that have none because they were refused."""

    rows: int
    refused: tuple[Refused, ...] = ()

    def plus(self, other: "Made") -> "Made":
        """Both together."""
        return Made(self.rows + other.rows, self.refused + other.refused)


class _Part(NamedTuple):
    """Whole batches, or some events of one."""

    batches: Sequence[int]
    events: Sequence[str] | None = None

    @property
    def halves(self) -> "tuple[_Part, _Part]":
        if self.events is None:
            middle = len(self.batches) // 2
            return _Part(self.batches[:middle]), _Part(self.batches[middle:])
        middle = len(self.events) // 2
        return (
            _Part(self.batches, self.events[:middle]),
            _Part(self.batches, self.events[middle:]),
        )


def make_rows(
    connection: psycopg.Connection[Any],
    table: str,
    day: date,
    batches: Sequence[int],
    events: Sequence[str] | None = None,
) -> Made:
    """Insert the rows of a day's batches, or of some `events` of one batch, but those that fail.

    In the caller's transaction, which stays sound. One event among n that fails costs about what
    2 n would: of two halves, what the first one lacked is known to be in the second.

    Raises:
        psycopg.Error: what no event is to blame for.
    """
    return _Maker(connection, table, day).make(_Part(batches, events))


class _Maker:
    def __init__(self, connection: psycopg.Connection[Any], table: str, day: date) -> None:
        self._connection = connection
        self._table = table
        self._day = day
        self._is_staged = False

    def make(self, part: _Part) -> Made:
        try:
            return self._tried(part)
        except psycopg.Error as error:
            if not is_of_a_row(error) or part.events == []:
                raise
            if part.events is not None and len(part.events) == 1:
                refused = Refused(
                    part.events[0], part.batches[0], reason_of(error), detail_of(error)
                )
                return Made(0, (refused,))
        return self._in_halves(part)

    def _in_halves(self, part: _Part) -> Made:
        """Of a part that is known to fail."""
        if len(part.batches) == 1 and not self._is_staged:
            events = self._events_of(part.batches) if part.events is None else part.events
            with self._staged(part.batches):
                return self._in_halves(_Part(part.batches, events))
        if len(part.batches if part.events is None else part.events) <= 1:
            return self.make(part)
        first, second = part.halves
        made = self.make(first)
        return made.plus(self.make(second) if made.refused else self._in_halves(second))

    @contextlib.contextmanager
    def _staged(self, batches: Sequence[int]) -> Iterator[None]:
        """Where the statement finds one batch, and each event of it by an index.

        The inbox has no such index, and each of some hundred statements would read the batch. A
        temporary table goes before any other of its name.
        """
        execute = self._connection.execute
        execute(load_sql("postgres/flat/failed_batch_table"))
        execute(load_sql("postgres/flat/copy_failed_batch"), self._parameters(_Part(batches)))
        execute("CREATE INDEX ON failed_batch (event_id)")
        execute("ALTER TABLE failed_batch RENAME TO event_inbox")
        self._is_staged = True
        yield
        self._is_staged = False
        execute("DROP TABLE pg_temp.event_inbox")

    def _tried(self, part: _Part) -> Made:
        with self._connection.transaction():  # a savepoint
            cursor = self._connection.execute(
                flatten_sql(self._table),
                self._parameters(part),
                prepare=False,  # for one inbox, it would be run on the other
            )
        return Made(cursor.rowcount)

    def _events_of(self, batches: Sequence[int]) -> Sequence[str]:
        rows = self._connection.execute(
            load_sql("postgres/flat/batch_events"), self._parameters(_Part(batches))
        ).fetchall()
        return [event_id for (event_id,) in rows]

    def _parameters(self, part: _Part) -> dict[str, Any]:
        return {
            "table": self._table,
            "day": self._day,
            "batches": list(part.batches),
            "events": None if part.events is None else list(part.events),
        }
