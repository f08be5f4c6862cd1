"""The transaction that lands one batch: keys claimed, rows copied, refusals kept, ledger written.

Keys first: a COPY of the ids alone says which events are new, and then the payloads go straight
into the inbox, once, instead of through a temporary table.
"""

import threading
from collections import Counter
from collections.abc import Sequence, Set
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    stop_when_event_set,
    wait_exponential_jitter,
)

from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Event, Message, read_event
from model_foundry.events.refusal import Reason, RefusalError
from model_foundry.settings import Settings
from model_foundry.store import postgres
from model_foundry.store.row_errors import is_of_a_row
from model_foundry.store.sql import load_sql

_KEY_COLUMNS = ("event_id", "occurred_on", "stream", "stream_seq", "received_at")
_INBOX_COLUMNS = (*Event.__struct_fields__[:13], "batch_id")
_COPY_KEYS = sql.SQL(f"COPY {{}} ({', '.join(_KEY_COLUMNS)}) FROM STDIN (FORMAT BINARY)")
_COPY_INBOX = sql.SQL(f"COPY {{}} ({', '.join(_INBOX_COLUMNS)}) FROM STDIN (FORMAT BINARY)")
_KEY_TYPES = ("text", "date", "text", "int8", "timestamptz")
_INBOX_TYPES = (
    *("text",) * 6,
    *("timestamptz", "timestamptz", "date", "text", "int8", "bytea", "bool", "int8"),
)
# A jsonb's binary form, sent as a bytea's: this, then the text as it is.
_JSONB_VERSION = b"\x01"
# Streams of imported files: named by content, so a number in one always means the same message.
IMPORT_PREFIX = "import-"
_MAX_DETAIL_CHARS = 500


class Refused(NamedTuple):
    """A message on its way to quarantine."""

    message: Message
    reason: Reason
    detail: str


COUNTS = ("messages", "landed", "duplicates", "redelivered", "quarantined", "repaired", "bytes")


class Landed(NamedTuple):
    """What became of messages: `counts` under the names of COUNTS, new events per UTC day and per
    subject, and the first few of them."""

    counts: Counter[str]
    days: Counter[date]
    subjects: Counter[str]
    preview: tuple[Event, ...]

    def plus(self, other: "Landed", *, preview_rows: int) -> "Landed":
        """Both together, with a preview of at most `preview_rows`."""
        return Landed(
            self.counts + other.counts,
            self.days + other.days,
            self.subjects + other.subjects,
            (*self.preview, *other.preview)[:preview_rows],
        )


NOTHING_LANDED = Landed(Counter(), Counter(), Counter(), ())


class Lander:
    """Lands batches through one connection, which it makes anew when it breaks.

    Not for several threads at once: each drain has its own.
    """

    def __init__(self, settings: Settings, run_id: str | None = None) -> None:
        self._settings = settings
        self._run_id = run_id
        self._connection: psycopg.Connection[Any] | None = None
        self._partitions: dict[date, str] = {}
        self._all_new = True
        self._busy = threading.Lock()
        self._closing = threading.Event()

    def close(self) -> None:
        """Give the connection back; a batch under way in another thread ends its try first."""
        self._closing.set()
        with self._busy:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def land(self, messages: Sequence[Message], given_up: Sequence[Refused] = ()) -> Landed:
        """Land a batch whole; when this returns, every message of it may be acknowledged.

        A broken connection is made anew and the batch tried again: what a first try had already
        committed counts as redelivered. What is `given_up` goes to quarantine unread.

        Raises:
            FoundryError: PostgreSQL did not come back within the limit, or refuses us.
        """
        events: list[Event] = []
        refused: list[Refused] = list(given_up)
        once = _once(messages)
        for message in once:
            try:
                events.append(read_event(message, max_bytes=self._settings.event_max_bytes))
            except RefusalError as refusal:
                refused.append(Refused(message, refusal.reason, refusal.detail))
        with self._busy:
            batch = [*once, *(item.message for item in given_up)]
            landed = self._land(batch, events, refused)
        repeated = len(messages) - len(once)
        again = Counter(messages=repeated, redelivered=repeated)
        return landed._replace(counts=landed.counts + again)

    def _land(
        self, messages: Sequence[Message], events: list[Event], refused: list[Refused]
    ) -> Landed:
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type((psycopg.OperationalError, psycopg.InterfaceError)),
                wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
                stop=stop_after_delay(self._settings.intake_retry_s)
                | stop_when_event_set(self._closing),
                reraise=True,
            ):
                with attempt:
                    return self._land_or_split(messages, events, refused)
        except psycopg.Error as error:
            raise FoundryError(
                f"PostgreSQL did not take a batch of {len(messages)} messages: "
                f"{' '.join(str(error).split())}. Nothing is lost: they stay in the stream "
                "unacknowledged; run the drain again when PostgreSQL is well."
            ) from error
        raise AssertionError("tenacity returns or raises")

    def _land_or_split(
        self, messages: Sequence[Message], events: list[Event], refused: list[Refused]
    ) -> Landed:
        try:
            return self._transaction(messages, events, refused)
        except errors.UniqueViolation:
            if not self._all_new:
                raise
            self._all_new = False
            return self._land_or_split(messages, events, refused)
        except errors.UndefinedTable as error:
            if not self._partitions:
                raise
            self._partitions.clear()
            raise psycopg.OperationalError(f"a day was dropped meanwhile: {error}") from error
        except psycopg.Error as error:
            if not is_of_a_row(error):
                raise
            if len(events) == 1:
                detail = error.diag.message_primary or str(error) or type(error).__name__
                places = {_place(events[0])}
                [culprit] = [message for message in messages if _place(message) in places]
                refusal = Refused(culprit, Reason.REFUSED_BY_POSTGRES, detail)
                return self._transaction(messages, [], [*refused, refusal])
            if not events:
                raise
        # One row of many: halve until it stands alone; the refused go with the first half.
        middle = len(events) // 2
        places = {_place(event) for event in events[middle:]}
        first = [message for message in messages if _place(message) not in places]
        second = [message for message in messages if _place(message) in places]
        return self._land_or_split(first, events[:middle], refused).plus(
            self._land_or_split(second, events[middle:], []),
            preview_rows=self._settings.preview_rows,
        )

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            try:
                connection = postgres.connect(self._settings)
            except FoundryError as error:
                raise psycopg.OperationalError(str(error)) from None
            connection.execute(load_sql("postgres/intake/incoming_key_table"))
            connection.commit()
            self._connection = connection
        return self._connection

    def _transaction(
        self, messages: Sequence[Message], events: list[Event], refused: list[Refused]
    ) -> Landed:
        connection = self._open()
        partitions = self._ensure_partitions(connection, {event.occurred_on for event in events})
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            cursor.execute(load_sql("postgres/intake/next_batch_id"))
            [(batch_id,)] = cursor.fetchall()
            new, duplicates, redelivered = self._claim(cursor, events)
            days = _by_day(new)
            for day, rows in days.items():
                self._copy_rows(cursor, partitions[day], rows, batch_id)
            self._keep(
                cursor,
                "insert_duplicate",
                [
                    {
                        "stream": event.stream,
                        "stream_seq": event.stream_seq,
                        "received_at": event.received_at,
                        "event_id": event.event_id,
                        "batch_id": batch_id,
                    }
                    for event in duplicates
                ],
            )
            self._keep(
                cursor,
                "insert_quarantine",
                [
                    {
                        "subject": message.subject,
                        "stream": message.stream,
                        "stream_seq": message.seq,
                        "reason": str(reason),
                        "detail": detail[:_MAX_DETAIL_CHARS].replace("\x00", "\ufffd"),
                        "raw": message.body,
                        "headers": _headers(message),
                        "received_at": message.received_at,
                        "batch_id": batch_id,
                    }
                    for message, reason, detail in refused
                ],
            )
            result = Landed(
                Counter(
                    messages=len(messages),
                    landed=len(new),
                    duplicates=len(duplicates),
                    redelivered=redelivered,
                    quarantined=len(refused),
                    repaired=sum(event.payload_repaired for event in new),
                    bytes=sum(len(message.body) for message in messages),
                ),
                Counter({day: len(rows) for day, rows in days.items()}),
                Counter(event.subject for event in new),
                tuple(new[: self._settings.preview_rows]),
            )
            if messages:
                self._write_ledger(cursor, batch_id, messages, result)
        return result

    def _write_ledger(
        self,
        cursor: psycopg.Cursor[Any],
        batch_id: int,
        messages: Sequence[Message],
        result: Landed,
    ) -> None:
        seqs = [message.seq for message in messages]
        days = sorted(result.days.items())
        cursor.execute(
            load_sql("postgres/intake/insert_batch"),
            {
                "batch_id": batch_id,
                "run_id": self._run_id,
                "stream": messages[0].stream,
                "first_seq": min(seqs),
                "last_seq": max(seqs),
                **{name: result.counts[name] for name in COUNTS},
                "days": [day for day, _ in days],
                "events": [count for _, count in days],
            },
        )

    def _claim(
        self, cursor: psycopg.Cursor[Any], events: list[Event]
    ) -> tuple[list[Event], list[Event], int]:
        """New events, known duplicates, and how many were this very message seen again."""
        first: dict[str, Event] = {}
        duplicates: list[Event] = []
        for event in events:
            if event.event_id in first:
                duplicates.append(event)
            else:
                first[event.event_id] = event
        claimed = self._claim_ids(cursor, first)
        if len(claimed) == len(first):
            return list(first.values()), duplicates, 0
        new = [event for event in first.values() if event.event_id in claimed]
        held = [event for event in first.values() if event.event_id not in claimed]
        redelivered = 0
        cursor.execute(
            load_sql("postgres/intake/known_keys"),
            {"event_ids": [event.event_id for event in held]},
        )
        known = {event_id: tuple(rest) for event_id, *rest in cursor.fetchall()}
        again: dict[str, Event] = {}
        for event in held:
            if known.get(event.event_id) == _place(event):
                redelivered += 1
            elif event.has_own_id or event.stream.startswith(IMPORT_PREFIX):
                duplicates.append(event)
            else:
                # Its id is `<stream>:<seq>`, and a stream made anew counts from 1 again.
                moment = int(event.received_at.timestamp() * 1_000_000)
                renamed = msgspec.structs.replace(event, event_id=f"{event.event_id}@{moment}")
                again[renamed.event_id] = renamed
        cursor.execute("TRUNCATE incoming_key")
        claimed_again = self._claim_ids(cursor, again)
        new += [event for event in again.values() if event.event_id in claimed_again]
        redelivered += len(again) - len(claimed_again)
        return new, duplicates, redelivered

    def _claim_ids(self, cursor: psycopg.Cursor[Any], events: dict[str, Event]) -> Set[str]:
        """Which ids are new.

        As a rule all are, and then a plain COPY is half the work. Where it fails, the batch is
        landed anew, and those after it, the careful way, until one had nothing known.

        Raises:
            UniqueViolation: not all are new.
        """
        if not events:
            return set()
        if self._all_new:
            self._copy_keys(cursor, "event_key", events)
            return events.keys()
        self._copy_keys(cursor, "incoming_key", events)
        cursor.execute(load_sql("postgres/intake/claim_keys"))
        written = cursor.rowcount
        self._all_new = written == len(events)
        if self._all_new:
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
                    (event_id, event.occurred_on, event.stream, event.stream_seq, event.received_at)
                )

    def _copy_rows(
        self, cursor: psycopg.Cursor[Any], partition: str, events: list[Event], batch_id: int
    ) -> None:
        """Straight into the day's partition: PostgreSQL need not find it for each row."""
        with cursor.copy(_COPY_INBOX.format(sql.Identifier(partition))) as copy:
            copy.set_types(_INBOX_TYPES)
            for event in events:
                *envelope, payload, was_repaired, _ = msgspec.structs.astuple(event)
                copy.write_row((*envelope, _JSONB_VERSION + payload, was_repaired, batch_id))

    def _keep(self, cursor: psycopg.Cursor[Any], name: str, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            cursor.executemany(load_sql(f"postgres/intake/{name}"), rows)

    def _ensure_partitions(
        self, connection: psycopg.Connection[Any], days: set[date]
    ) -> dict[date, str]:
        for day in sorted(days - self._partitions.keys()):
            # A transaction of its own, so that no batch waits for another's partition.
            with connection.transaction():
                [(partition,)] = connection.execute(
                    "SELECT ensure_day_partition('event_inbox', %s)", (day,)
                ).fetchall()
            self._partitions[day] = partition
        return self._partitions


def _by_day(events: Sequence[Event]) -> dict[date, list[Event]]:
    days: dict[date, list[Event]] = {}
    for event in events:
        days.setdefault(event.occurred_on, []).append(event)
    return days


def _place(of: Message | Event) -> tuple[str, int, datetime]:
    """What tells a message from every other, those of a stream's earlier lives included."""
    seq = of.seq if isinstance(of, Message) else of.stream_seq
    return of.stream, seq, of.received_at


def _once(messages: Sequence[Message]) -> Sequence[Message]:
    """One that comes again while it waits to land is in one batch twice."""
    if len({message.seq for message in messages}) == len(messages):
        return messages
    return list({_place(message): message for message in messages}.values())


def _headers(message: Message) -> Jsonb | None:
    if not message.headers:
        return None
    return Jsonb({name: value.replace("\x00", "\ufffd") for name, value in message.headers.items()})
