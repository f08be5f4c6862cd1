"""The transaction that lands one batch: keys claimed, rows copied, refusals kept, ledger written.

Keys first: a COPY of the ids alone says which events are new, and then the payloads go straight
into the inbox, once, instead of through a temporary table.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
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

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import (
    Event,
    Message,
    Rules,
    is_delete_marker,
    read_event,
    renamed_by_content,
)
from model_foundry.events.refusal import Reason, RefusalError
from model_foundry.intake.claims import Claims, Known, place_of
from model_foundry.postgres.row_errors import is_of_a_row
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_INBOX_COLUMNS = (*Event.__struct_fields__[:14], "batch_id")
_COPY_INBOX = sql.SQL(f"COPY {{}} ({', '.join(_INBOX_COLUMNS)}) FROM STDIN (FORMAT BINARY)")
_INBOX_TYPES = (
    *("text",) * 6,
    *("timestamptz", "timestamptz", "date", "text", "int8", "bytea", "bool", "bytea", "int8"),
)
# A jsonb's binary form, sent as a bytea's: this, then the text as it is.
_JSONB_VERSION = b"\x01"
_MAX_DETAIL_CHARS = 500


class Refused(NamedTuple):
    """A message on its way to quarantine."""

    message: Message
    reason: Reason
    detail: str


COUNTS = (
    "messages",
    "landed",
    "duplicates",
    "redelivered",
    "quarantined",
    "markers",
    "repaired",
    "bytes",
)


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

    def __init__(
        self,
        settings: Settings,
        run_id: str | None = None,
        *,
        life_id: int | None = None,
        under_new_ids: bool = False,
    ) -> None:
        """`life_id`: of the stream that the batches come from, for the proof; `under_new_ids`:
        each event gets one of its own, made from the one that it has and its content."""
        self._settings = settings
        self._run_id = run_id
        self._life_id = life_id
        self._under_new_ids = under_new_ids
        self._connection: psycopg.Connection[Any] | None = None
        self._partitions: dict[date, str] = {}
        self._claims = Claims()
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
        rules = Rules(
            max_bytes=self._settings.event_max_bytes,
            trusts_subjects=self._settings.trust_envelope_subjects,
            judged_at=datetime.now(UTC),
        )
        for message in once:
            if is_delete_marker(message):
                continue
            try:
                event = read_event(message, rules)
                events.append(renamed_by_content(event) if self._under_new_ids else event)
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
            if not self._claims.all_new:
                raise
            self._claims.all_new = False
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
                places = {place_of(events[0])}
                [culprit] = [message for message in messages if place_of(message) in places]
                refusal = Refused(culprit, Reason.REFUSED_BY_POSTGRES, detail)
                return self._transaction(messages, [], [*refused, refusal])
            if not events:
                raise
        # One row of many: halve until it stands alone; the refused go with the first half.
        middle = len(events) // 2
        places = {place_of(event) for event in events[middle:]}
        first = [message for message in messages if place_of(message) not in places]
        second = [message for message in messages if place_of(message) in places]
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
            claimed = self._claims.claim(cursor, events)
            new = claimed.new
            days = _by_day(new)
            for day, rows in days.items():
                self._copy_rows(cursor, partitions[day], rows, batch_id)
            self._check_partitions(cursor, [partitions[day] for day in days])
            markers = [message for message in messages if is_delete_marker(message)]
            refused = [*refused, *_conflicting(messages, claimed.conflicts)]
            for name, found in (
                ("insert_marker", [_where(message) for message in markers]),
                ("insert_duplicate", [_duplicate(event) for event in claimed.duplicates]),
                ("insert_quarantine", [_quarantined(item) for item in refused]),
            ):
                if found:
                    cursor.executemany(
                        load_sql(f"postgres/intake/{name}"),
                        [{**row, "batch_id": batch_id} for row in found],
                    )
            result = Landed(
                Counter(
                    messages=len(messages),
                    landed=len(new),
                    duplicates=len(claimed.duplicates),
                    redelivered=claimed.redelivered,
                    quarantined=len(refused),
                    markers=len(markers),
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
        first = min(messages, key=lambda message: message.seq)
        last = max(messages, key=lambda message: message.seq)
        days = sorted(result.days.items())
        cursor.execute(
            load_sql("postgres/intake/insert_batch"),
            {
                "batch_id": batch_id,
                "run_id": self._run_id,
                "life_id": self._life_id,
                "stream": last.stream,
                "first_seq": first.seq,
                "last_seq": last.seq,
                "last_received_at": last.received_at,
                **{name: result.counts[name] for name in COUNTS},
                "days": [day for day, _ in days],
                "events": [count for _, count in days],
            },
        )

    def _copy_rows(
        self, cursor: psycopg.Cursor[Any], partition: str, events: list[Event], batch_id: int
    ) -> None:
        """Straight into the day's partition: PostgreSQL need not find it for each row."""
        with cursor.copy(_COPY_INBOX.format(sql.Identifier(partition))) as copy:
            copy.set_types(_INBOX_TYPES)
            for event in events:
                *plain, payload, was_repaired, envelope, _, _ = msgspec.structs.astuple(event)
                left = None if envelope is None else _JSONB_VERSION + envelope
                copy.write_row((*plain, _JSONB_VERSION + payload, was_repaired, left, batch_id))

    def _check_partitions(self, cursor: psycopg.Cursor[Any], partitions: list[str]) -> None:
        """They are still where readers look; as we have written to them, until we commit.

        Raises:
            OperationalError: one was detached meanwhile; the next try finds another.
        """
        if not partitions:
            return
        cursor.execute(load_sql("postgres/intake/attached"), {"partitions": partitions})
        if cursor.fetchall() != [(len(partitions),)]:
            self._partitions.clear()
            raise psycopg.OperationalError("a day's partition was detached meanwhile")

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


def _conflicting(
    messages: Sequence[Message], conflicts: list[tuple[Event, Event | Known]]
) -> list[Refused]:
    if not conflicts:
        return []
    by_place = {place_of(message): message for message in messages}
    return [
        Refused(
            by_place[place_of(event)],
            Reason.EVENT_ID_CONFLICT,
            f"{event.event_id!r} is the id of another content, {other.stream}:{other.stream_seq}",
        )
        for event, other in conflicts
    ]


def _once(messages: Sequence[Message]) -> Sequence[Message]:
    """One that comes again while it waits to land is in one batch twice."""
    if len({message.seq for message in messages}) == len(messages):
        return messages
    return list({place_of(message): message for message in messages}.values())


def _where(message: Message) -> dict[str, Any]:
    return {
        "subject": message.subject,
        "stream": message.stream,
        "stream_seq": message.seq,
        "received_at": message.received_at,
    }


def _duplicate(event: Event) -> dict[str, Any]:
    return {
        "stream": event.stream,
        "stream_seq": event.stream_seq,
        "received_at": event.received_at,
        "event_id": event.event_id,
    }


def _quarantined(refused: Refused) -> dict[str, Any]:
    message, reason, detail = refused
    return {
        **_where(message),
        "reason": str(reason),
        "detail": detail[:_MAX_DETAIL_CHARS].replace("\x00", "\ufffd"),
        "raw": message.body,
        "headers": _headers(message),
    }


def _headers(message: Message) -> Jsonb | None:
    if not message.headers:
        return None
    return Jsonb({name: value.replace("\x00", "\ufffd") for name, value in message.headers.items()})
