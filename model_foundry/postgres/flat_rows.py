"""Making the rows of a flat table, whatever the events hold: what fails is set aside, one by one.

Belongs here: the halving, down to the events to blame. Does not: which batches are to be taken in
(`flat`), what becomes of those that were refused (`flat`, `flat_refused`).
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors

from model_foundry.postgres.flatten_sql import flatten_sql
from model_foundry.postgres.row_errors import detail_of, is_of_a_row, reason_of
from model_foundry.sql import load_sql

# As long may one event take; the largest that is meant so takes a few seconds. And as long each of
# many, a hundred times what one takes.
EVENT_S: Final = 30.0
_EACH_OF_MANY_S: Final = 0.005


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
    *,
    event_s: float = EVENT_S,
) -> Made:
    """Insert the rows of a day's batches, or of some `events` of one batch, but those that fail.

    In the caller's transaction, which stays sound. One event among n that fails costs about what
    2 n would: of two halves, what the first one lacked is known to be in the second. One whose rows
    take longer than `event_s` seconds fails as well: it would hold up its day for hours.

    Raises:
        psycopg.Error: what no event is to blame for, like a lock that nobody gave.
    """
    limits = load_sql("postgres/flat/time_limits")
    [(statement, lock)] = connection.execute(load_sql("postgres/flat/time_limited")).fetchall()
    made = _Maker(connection, table, day, event_s).make(_Part(batches, events))
    connection.execute(limits, {"statement": statement, "lock": lock})
    return made


class _Maker:
    def __init__(
        self, connection: psycopg.Connection[Any], table: str, day: date, event_s: float
    ) -> None:
        self._connection = connection
        self._event_s = event_s
        self._table = table
        self._day = day
        self._is_staged = False

    def make(self, part: _Part) -> Made:
        limit_s = self._limit_s(part)
        began = time.monotonic()
        try:
            return self._tried(part, limit_s)
        except psycopg.Error as error:
            # Somebody else's cancelling comes before that.
            is_slow = (
                isinstance(error, errors.QueryCanceled) and time.monotonic() - began >= limit_s
            )
            if not (is_slow or is_of_a_row(error)) or part.events == []:
                raise
            if part.events is not None and len(part.events) == 1:
                detail = f"took longer than {limit_s:g} s" if is_slow else detail_of(error)
                refused = Refused(part.events[0], part.batches[0], reason_of(error), detail)
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

    def _limit_s(self, part: _Part) -> float:
        if part.events is None:
            [(count,)] = self._connection.execute(
                load_sql("postgres/flat/event_count"), self._parameters(part)
            ).fetchall()
        else:
            count = len(part.events)
        return float(self._event_s + _EACH_OF_MANY_S * max(0, count - 1))

    def _tried(self, part: _Part, limit_s: float) -> Made:
        with self._connection.transaction():  # a savepoint
            self._connection.execute(
                load_sql("postgres/flat/time_limits"),
                # Who waits for a lock is not slow, and is told apart.
                {"statement": f"{limit_s:.3f}s", "lock": f"{limit_s / 2:.3f}s"},
            )
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
