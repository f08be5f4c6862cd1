"""Whose an event's id is: nobody's yet, this very message's, the same content's, or another's.

Keys first: a COPY of the ids alone says which events are new. Belongs here: keys and what they
stand for. Does not: rows of the inbox, and what becomes of a message that lost (`landing`).
"""

from collections.abc import Set
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from model_foundry.events.envelope import IMPORT_PREFIX, Event, Message, renamed_by_time
from model_foundry.sql import load_sql

_KEY_COLUMNS: Final = ("event_id", "occurred_on", "stream", "stream_seq", "received_at", "digest")
_COPY_KEYS: Final = sql.SQL(f"COPY {{}} ({', '.join(_KEY_COLUMNS)}) FROM STDIN (FORMAT BINARY)")
# A digest is declared bytea, and sent as what a uuid is in binary: 16 bytes.
_KEY_TYPES: Final = ("text", "date", "text", "int8", "timestamptz", "bytea")

Place = tuple[str, int, datetime]


class Known(NamedTuple):
    """What holds an id."""

    occurred_on: date
    stream: str
    stream_seq: int
    received_at: datetime
    digest: bytes | None


class Claimed(NamedTuple):
    """What became of a batch's events: new ones; those that say what is known already; those that
    say something else under an id that `Known`, or an event of this batch, has."""

    new: list[Event]
    duplicates: list[Event]
    conflicts: list[tuple[Event, Event | Known]]
    redelivered: int


def place_of(of: Message | Event | Known) -> Place:
    """What tells a message from every other, those of a stream's earlier lives included."""
    seq = of.seq if isinstance(of, Message) else of.stream_seq
    return of.stream, seq, of.received_at


class Claims:
    """Claims ids, in transactions of the caller's.

    `all_new`: as a rule every id of a batch is, and then a plain COPY is half the work. Where it
    fails, the batch is claimed anew, and those after it, the careful way, until one had nothing
    known.
    """

    def __init__(self) -> None:
        self.all_new = True

    def claim(self, cursor: psycopg.Cursor[Any], events: list[Event]) -> Claimed:
        """What becomes of each event by its id."""
        first: dict[str, Event] = {}
        held: list[tuple[Event, Event | Known]] = [
            (event, other)
            for event in events
            if (other := first.setdefault(event.event_id, event)) is not event
        ]
        claimed = self._claim_ids(cursor, first)
        new = list(first.values())
        if len(claimed) < len(first):
            new = [event for event in new if event.event_id in claimed]
            before = [event for event in first.values() if event.event_id not in claimed]
            known = self._known(cursor, before)
            if len(known) < len(before):
                raise psycopg.OperationalError("keys of old days were dropped meanwhile")
            held = [
                *((event, known[event.event_id]) for event in before),
                *((event, known.get(event.event_id, other)) for event, other in held),
            ]
        if not held:
            return Claimed(new, [], [], 0)
        return self._settle(cursor, new, held)

    def _settle(
        self,
        cursor: psycopg.Cursor[Any],
        new: list[Event],
        held: list[tuple[Event, Event | Known]],
    ) -> Claimed:
        """What becomes of events whose id something else has: itself, the same, or another."""
        redelivered = 0
        duplicates: list[Event] = []
        differing: list[tuple[Event, Event | Known]] = []
        again: dict[str, Event] = {}
        for event, other in held:
            if place_of(event) == place_of(other):
                redelivered += 1
            elif not event.has_own_id and not event.stream.startswith(IMPORT_PREFIX):
                renamed = renamed_by_time(event)
                again[renamed.event_id] = renamed
            elif event.digest == other.digest:
                duplicates.append(event)
            else:
                differing.append((event, other))
        if again:
            cursor.execute("TRUNCATE incoming_key")
            claimed = self._claim_ids(cursor, again)
            new += [event for event in again.values() if event.event_id in claimed]
            redelivered += len(again) - len(claimed)
        equal = self._equal_content(cursor, differing)
        conflicts = []
        for event, other in differing:
            if place_of(event) in equal:
                duplicates.append(event)
            else:
                conflicts.append((event, other))
        return Claimed(new, duplicates, conflicts, redelivered)

    def _known(self, cursor: psycopg.Cursor[Any], events: list[Event]) -> dict[str, Known]:
        cursor.execute(
            load_sql("postgres/intake/known_keys"),
            {"event_ids": [event.event_id for event in events]},
        )
        return {
            event_id: Known(day, stream, seq, received_at, None if digest is None else digest.bytes)
            for event_id, day, stream, seq, received_at, digest in cursor.fetchall()
        }

    def _equal_content(
        self,
        cursor: psycopg.Cursor[Any],
        differing: list[tuple[Event, Event | Known]],
    ) -> set[Place]:
        """Which of these are written otherwise and say the same, as far as PostgreSQL can tell.

        Keys from before there were digests whose rows are gone are taken for equal.
        """
        equal = self._equal_in_batch(
            cursor,
            [
                (event, other)
                for event, other in differing
                if isinstance(other, Event) and event.subject == other.subject
            ],
        )
        asked = [(event, other) for event, other in differing if isinstance(other, Known)]
        if not asked:
            return equal
        cursor.execute(
            load_sql("postgres/intake/equal_content"),
            {
                "numbers": list(range(len(asked))),
                "event_ids": [event.event_id for event, _ in asked],
                "subjects": [event.subject for event, _ in asked],
                "payloads": [event.payload.decode() for event, _ in asked],
                "days": [other.occurred_on for _, other in asked],
                "streams": [other.stream for _, other in asked],
                "seqs": [other.stream_seq for _, other in asked],
                "are_unknown": [other.digest is None for _, other in asked],
            },
        )
        return equal | {place_of(asked[number][0]) for (number,) in cursor.fetchall()}

    def _equal_in_batch(
        self, cursor: psycopg.Cursor[Any], pairs: list[tuple[Event, Event]]
    ) -> set[Place]:
        if not pairs:
            return set()
        cursor.execute(
            load_sql("postgres/intake/equal_payloads"),
            {
                "numbers": list(range(len(pairs))),
                "payloads": [event.payload.decode() for event, _ in pairs],
                "others": [other.payload.decode() for _, other in pairs],
            },
        )
        return {place_of(pairs[number][0]) for (number,) in cursor.fetchall()}

    def _claim_ids(self, cursor: psycopg.Cursor[Any], events: dict[str, Event]) -> Set[str]:
        """Which ids are new.

        As a rule all are, and then a plain COPY is half the work. Where it fails, the batch is
        landed anew, and those after it, the careful way, until one had nothing known.

        Raises:
            UniqueViolation: not all are new.
        """
        if not events:
            return set()
        if self.all_new:
            self._copy_keys(cursor, "event_key", events)
            return events.keys()
        self._copy_keys(cursor, "incoming_key", events)
        cursor.execute(load_sql("postgres/intake/claim_keys"))
        written = cursor.rowcount
        self.all_new = written == len(events)
        if self.all_new:
            return events.keys()
        cursor.execute(load_sql("postgres/intake/claimed_keys"))
        claimed = {row[0] for row in cursor.fetchall()}
        if len(claimed) != written:
            raise AssertionError(f"{written} keys were written, {len(claimed)} are recognized")
        return claimed

    def _copy_keys(self, cursor: psycopg.Cursor[Any], table: str, events: dict[str, Event]) -> None:
        # Sorted, so that drains that hold the same ids wait for each other instead of deadlocking,
        # and so that neighbours share index pages.
        with cursor.copy(_COPY_KEYS.format(sql.Identifier(table))) as copy:
            copy.set_types(_KEY_TYPES)
            for event_id in sorted(events):
                event = events[event_id]
                copy.write_row(
                    (
                        event_id,
                        event.occurred_on,
                        event.stream,
                        event.stream_seq,
                        event.received_at,
                        event.digest,
                    )
                )
