"""The proof: each sequence that the consumer has acknowledged lies somewhere in PostgreSQL.

The stream numbers its messages without gaps. Every number at or below the consumer's ack floor must
have a row: in the inbox, in quarantine, as a known duplicate or a marker; those that have none are
named. What was proven is not looked at again, and what was missing is, so that a proof costs what
is new. A number that will never have a row can be accepted, with a reason, which is kept.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from nats.js.errors import NotFoundError

from model_foundry.errors import FoundryError
from model_foundry.intake import jetstream
from model_foundry.intake.configuration import asked
from model_foundry.intake.life import Life, current_life
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_SHOWN_RANGES: Final = 20
# Looked at in one statement: bounds its memory, and the batches that an index is asked for.
_MESSAGES_AT_ONCE: Final = 200_000
_BATCHES_AT_ONCE: Final = 300
_NOTHING: Final = "{}"


class Accepted(NamedTuple):
    """Sequences that lie nowhere, and what somebody says of it."""

    first_seq: int
    last_seq: int
    reason: str
    accepted_at: datetime


class Reconciled(NamedTuple):
    """What a stretch of the stream, (after, floor], became.

    Attributes:
        first_seq: of this life of the stream; what came before was never ours.
        first_kept: the first sequence that the stream still holds.
        missing: (first, last) ranges, those included that an earlier proof found.
        keyed: of the missing, how many have a key all the same.
        accepted: of the whole life.
    """

    stream: str
    first_seq: int
    after: int
    floor: int
    first_kept: int
    inbox: int
    quarantine: int
    duplicate: int
    marker: int
    missing: list[tuple[int, int]]
    keyed: int
    accepted: list[Accepted]

    @property
    def missing_count(self) -> int:
        """How many sequences lie nowhere."""
        return sum(last - first + 1 for first, last in self.missing)

    def explained(self) -> str:
        """The result in words, with what to do about what is missing."""
        told = [self._missing() if self.missing else self._complete()]
        if self.accepted:
            count = sum(each.last_seq - each.first_seq + 1 for each in self.accepted)
            ranges = [(each.first_seq, each.last_seq) for each in self.accepted]
            told.append(f"Accepted as lost: {count} ({_named(ranges)}).")
        return " ".join(told)

    def _complete(self) -> str:
        if self.floor < max(1, self.first_seq):
            return f"{self.stream}: nothing has been acknowledged yet."
        if self.floor <= self.after:
            return (
                f"{self.stream}: nothing new since sequence {self.floor}; "
                "what came before is all accounted for."
            )
        if self.floor == self.after + 1:
            return f"{self.stream}: sequence {self.floor} is accounted for."
        return f"{self.stream}: sequences {self.after + 1} to {self.floor} are all accounted for."

    def _missing(self) -> str:
        lie = "sequence lies" if self.missing_count == 1 else "sequences lie"
        told = [
            f"{self.stream}: {self.missing_count} acknowledged {lie} nowhere: "
            f"{_named(self.missing)}."
        ]
        if self.keyed:
            told.append(
                f"Known by a key, without a row in event_inbox: {self.keyed}. Their day's "
                "partition was detached, or rows were deleted; attach it again."
            )
        if self.missing[-1][1] >= self.first_kept:
            told.append(
                f"The stream still holds those from {self.first_kept} on: "
                "`model-foundry intake replay --from-seq … --until-seq …` lands them."
            )
        told.append(
            "Those that it does not hold were removed (its limits, a purge, a deletion) before "
            "they were read: `model-foundry intake reconcile --accept FIRST..LAST --reason …` "
            "keeps that, and goes on."
        )
        return " ".join(told)


def _named(ranges: list[tuple[int, int]]) -> str:
    named = ", ".join(
        str(first) if first == last else f"{first}–{last}" for first, last in ranges[:_SHOWN_RANGES]
    )
    return named + (" …" if len(ranges) > _SHOWN_RANGES else "")


class _State(NamedTuple):
    life: Life
    floor: int
    first_kept: int


def reconcile(
    settings: Settings, connection: psycopg.Connection[Any], *, whole: bool = False
) -> Reconciled:
    """Compare the stream with PostgreSQL up to the ack floor, from where the last proof ended.

    `whole` starts at the first sequence of this life of the stream whose key has not been given
    up.

    Raises:
        FoundryError: NATS is out of reach.
    """
    state = run_interruptibly(_state(settings))
    if state is None:
        return Reconciled(settings.nats_stream, 0, 0, 0, 0, 0, 0, 0, 0, [], 0, [])
    life = state.life
    key: dict[str, Any] = {"stream": settings.nats_stream, "life_id": life.life_id}
    with connection.transaction():
        [(floor, wanted)] = connection.execute(
            load_sql("postgres/reconcile/wanted"), {**key, "floor": state.floor, "whole": whole}
        ).fetchall()
        places: Counter[str] = Counter()
        missing = _unfound(connection, key, wanted, places)
        remembered = {
            **key,
            "floor": floor,
            "missing": missing,
            "stretches": _stretches(connection, missing),
        }
        [(ranges,)] = connection.execute(
            load_sql("postgres/reconcile/remember"), remembered
        ).fetchall()
        [(keyed,)] = (
            connection.execute(load_sql("postgres/reconcile/keyed"), remembered).fetchall()
            if ranges
            else [(0,)]
        )
        accepted = connection.execute(load_sql("postgres/reconcile/accepted"), key).fetchall()
    return Reconciled(
        settings.nats_stream,
        life.first_seq,
        life.first_seq - 1 if whole else life.through_seq,
        int(floor),
        state.first_kept,
        places["inbox"],
        places["quarantine"],
        places["duplicate"],
        places["marker"],
        [(int(first), int(last)) for first, last in ranges],
        int(keyed),
        [Accepted(*row) for row in accepted],
    )


def accept(
    settings: Settings,
    connection: psycopg.Connection[Any],
    first_seq: int,
    last_seq: int,
    reason: str,
) -> list[Accepted]:
    """Take the missing sequences of a stretch for lost, for a reason that is kept; and commit.

    Raises:
        FoundryError: none of them is missing, or no reason is given.
    """
    if not reason.strip():
        raise FoundryError("say with --reason why these sequences may be missing: it is kept")
    if last_seq < first_seq:
        raise FoundryError(f"{first_seq}..{last_seq} ends before it begins")
    found = reconcile(settings, connection)
    state = run_interruptibly(_state(settings))
    rows = []
    if state is not None and found.missing:
        with connection.transaction():
            rows = connection.execute(
                load_sql("postgres/reconcile/accept"),
                {
                    "life_id": state.life.life_id,
                    "first_seq": first_seq,
                    "last_seq": last_seq,
                    "reason": reason.replace("\x00", "\ufffd"),
                },
            ).fetchall()
    if not rows:
        missing = _named(found.missing) or "none"
        raise FoundryError(
            f"no sequence of {first_seq}..{last_seq} is missing; missing are: {missing}"
        )
    return [Accepted(*row) for row in rows]


def _unfound(
    connection: psycopg.Connection[Any], key: dict[str, Any], wanted: str, places: Counter[str]
) -> str:
    """Those of the wanted sequences that have no row; `places` counts those that have."""
    if wanted == _NOTHING:
        return wanted
    batches = connection.execute(
        load_sql("postgres/reconcile/batches"), {**key, "wanted": wanted}
    ).fetchall()
    for some in _portions(batches):
        [(days,)] = connection.execute(
            "SELECT coalesce(array_agg(occurred_on), '{}') FROM intake_batch_day "
            "WHERE batch_id = ANY(%s)",
            (some,),
        ).fetchall()
        [(found, *counts)] = connection.execute(
            load_sql("postgres/reconcile/found"),
            {**key, "wanted": wanted, "batches": some, "days": sorted(set(days))},
        ).fetchall()
        for name, count in zip(("inbox", "quarantine", "duplicate", "marker"), counts, strict=True):
            places[name] += count
        wanted = _without(connection, wanted, found)
    if wanted == _NOTHING:
        return wanted
    [(dropped,)] = connection.execute(
        load_sql("postgres/reconcile/dropped"),
        {**key, "wanted": wanted, "stretches": _stretches(connection, wanted)},
    ).fetchall()
    return _without(connection, wanted, dropped)


def _stretches(connection: psycopg.Connection[Any], sequences: str) -> str:
    [(stretches,)] = connection.execute(
        load_sql("postgres/reconcile/stretches"), {"sequences": sequences}
    ).fetchall()
    return str(stretches)


def _without(connection: psycopg.Connection[Any], wanted: str, found: str) -> str:
    [(rest,)] = connection.execute(
        "SELECT (%s::int8multirange - %s::int8multirange)::text", (wanted, found)
    ).fetchall()
    return str(rest)


def _portions(batches: list[tuple[int, int, int]]) -> Iterator[list[int]]:
    some: list[int] = []
    messages = 0
    for batch_id, count, _ in batches:
        if some and (messages + count > _MESSAGES_AT_ONCE or len(some) >= _BATCHES_AT_ONCE):
            yield some
            some, messages = [], 0
        some.append(batch_id)
        messages += count
    if some:
        yield some


async def _state(settings: Settings) -> _State | None:
    """None: there is no stream, or no consumer."""
    client = await jetstream.connect(settings, name="model-foundry-reconcile")
    try:
        context = client.jetstream(timeout=settings.connect_timeout_s)
        name, durable = settings.nats_stream, settings.nats_durable
        stream = await asked(settings, lambda: context.stream_info(name))
        consumer = await asked(settings, lambda: context.consumer_info(name, durable))
        floor = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
        return _State(await current_life(client, settings), floor, stream.state.first_seq)
    except NotFoundError:
        return None
    finally:
        await client.close()
