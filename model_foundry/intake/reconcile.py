"""The proof: each sequence that the consumer has acknowledged lies somewhere in PostgreSQL.

The stream numbers its messages without gaps. Every number at or below the consumer's ack floor must
be in the inbox, in quarantine, or known as a duplicate; those that are not are named.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg
from nats.js.api import ConsumerInfo, StreamInfo
from nats.js.errors import NotFoundError

from model_foundry.intake import jetstream
from model_foundry.intake.configuration import asked
from model_foundry.settings import Settings
from model_foundry.store.sql import load_sql

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_RANGES: Final = 20


class Reconciled(NamedTuple):
    """What a stretch of the stream, (after, floor], became; `missing`: (first, last) ranges."""

    stream: str
    after: int
    floor: int
    first_kept: int
    inbox: int
    quarantine: int
    duplicate: int
    missing: list[tuple[int, int]]

    @property
    def missing_count(self) -> int:
        """How many sequences lie nowhere."""
        return sum(last - first + 1 for first, last in self.missing)

    def explained(self) -> str:
        """The result in words, with what to do about what is missing."""
        if not self.missing:
            return (
                f"{self.stream}: sequences {self.after + 1} to {self.floor} are all accounted for."
            )
        named = ", ".join(
            str(first) if first == last else f"{first}–{last}"
            for first, last in self.missing[:_SHOWN_RANGES]
        )
        more = " …" if len(self.missing) > _SHOWN_RANGES else ""
        return (
            f"{self.stream}: {self.missing_count} acknowledged sequences lie nowhere: "
            f"{named}{more}. "
            f"The stream still holds those from {self.first_kept} on: "
            "`model-foundry intake replay --from-seq … --until-seq …` lands them. "
            "Those before it were removed from the stream (its limits, or a purge) before they "
            "were read."
        )


def reconcile(
    settings: Settings, connection: psycopg.Connection[Any], *, whole: bool = False
) -> Reconciled:
    """Compare the stream with PostgreSQL up to the ack floor, from where the last proof ended.

    `whole` starts at the first sequence whose key has not been given up. What is found complete is
    not looked at again.

    Raises:
        FoundryError: NATS is out of reach.
    """
    stream, consumer = asyncio.run(_state(settings))
    if stream is None or consumer is None or consumer.ack_floor is None:
        return Reconciled(settings.nats_stream, 0, 0, 0, 0, 0, 0, [])
    created = stream.created.astimezone(UTC) if stream.created else _EPOCH
    key: dict[str, Any] = {"stream": settings.nats_stream, "created": created}
    with connection.transaction():
        row = connection.execute(load_sql("postgres/reconcile/verified"), key).fetchone()
        [(after,)] = connection.execute(load_sql("postgres/reconcile/forgotten"), key).fetchall()
        if row is not None and not whole:
            after = int(row[0])
        stretch = {**key, "after": after, "floor": max(consumer.ack_floor.stream_seq, after)}
        [(inbox, quarantine, duplicate)] = connection.execute(
            load_sql("postgres/reconcile/counts"), stretch
        ).fetchall()
        missing = connection.execute(load_sql("postgres/reconcile/missing"), stretch).fetchall()
        if not missing:
            connection.execute(load_sql("postgres/reconcile/remember"), stretch)
    return Reconciled(
        settings.nats_stream,
        after,
        stretch["floor"],
        stream.state.first_seq,
        inbox,
        quarantine,
        duplicate,
        [(int(first), int(last)) for first, last in missing],
    )


async def _state(settings: Settings) -> tuple[StreamInfo | None, ConsumerInfo | None]:
    client = await jetstream.connect(settings, name="model-foundry-reconcile")
    try:
        context = client.jetstream(timeout=settings.connect_timeout_s)
        name, durable = settings.nats_stream, settings.nats_durable
        stream = await asked(settings, lambda: context.stream_info(name))
        return stream, await asked(settings, lambda: context.consumer_info(name, durable))
    except NotFoundError:
        return None, None
    finally:
        await client.close()
