"""Messages that the server gave up: what its advisories point to goes through the door as well.

We never have it give one up. Somebody who configured `max_deliver` does, and so does a `+TERM`: the
consumer then passes the message by, and only an advisory says so.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from nats.errors import Error as NatsError

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Message
from model_foundry.events.refusal import Reason
from model_foundry.intake import configuration
from model_foundry.intake.jetstream import Client
from model_foundry.intake.landing import NOTHING_LANDED, Landed, Lander, Refused
from model_foundry.intake.life import Life
from model_foundry.intake.pull import Delivery, Puller
from model_foundry.intake.stored import stored_message
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_log = logging.getLogger(__name__)

# Few, because each may point to a message as large as the server allows.
_AT_ONCE: Final = 20
_MAX_BYTES: Final = 1024**2


class _Advisory(msgspec.Struct):
    stream_seq: int
    timestamp: datetime
    type: str = ""
    deliveries: int = 0
    reason: str = ""


async def land_given_up(
    client: Client, settings: Settings, life: Life, *, run_id: str | None = None
) -> Landed:
    """Land every message that an advisory points to, if it is missing.

    One that cannot be accepted goes to quarantine for the usual reason; one that the stream does
    not hold any more, and that had not landed, as `delivery_given_up`.

    Raises:
        FoundryError: NATS or PostgreSQL is out of reach. The advisories wait for the next drain.
    """
    total = NOTHING_LANDED
    if await configuration.advisories_waiting(client, settings) == 0:
        return total
    name = configuration.advisory_stream(settings)
    with contextlib.closing(Lander(settings, run_id, life_id=life.life_id)) as lander:
        async with Puller(client, name, settings.nats_durable) as puller:
            while deliveries := (
                await puller.fetch(_AT_ONCE, max_bytes=_MAX_BYTES, wait_s=settings.intake_idle_s)
            ).deliveries:
                found, lost = await _followed(client, settings, life, deliveries)
                landed = await asyncio.to_thread(lander.land, found, lost)
                total = total.plus(landed, preview_rows=settings.preview_rows)
                # Unconfirmed, they come again, and what they point to is known then.
                with contextlib.suppress(NatsError, TimeoutError):
                    await puller.acknowledge(deliveries)
    return total


async def _followed(
    client: Client, settings: Settings, life: Life, deliveries: list[Delivery]
) -> tuple[list[Message], list[Refused]]:
    """What advisories point to: messages that the stream holds, and those that are gone."""
    created = life.created
    advisories = [advisory for delivery in deliveries if (advisory := _read(delivery))]
    current = [advisory for advisory in advisories if advisory.timestamp >= created]
    stored = await asyncio.gather(
        *(stored_message(client, settings, item.stream_seq) for item in current)
    )
    found = [message for message in stored if message is not None]
    held = {message.seq for message in found}
    gone = {
        item.stream_seq: item
        for item in advisories
        if item.timestamp < created or item.stream_seq not in held
    }
    return found, await asyncio.to_thread(_lost, settings, life, gone.values()) if gone else []


def _read(delivery: Delivery) -> _Advisory | None:
    try:
        return msgspec.json.decode(delivery.message.body, type=_Advisory)
    except msgspec.DecodeError as error:
        _log.warning("an advisory on %s cannot be read: %s", delivery.message.subject, error)
        return None


def _lost(settings: Settings, life: Life, gone: Iterable[_Advisory]) -> list[Refused]:
    """Of messages that are gone, those that had not landed in their stream's life."""
    try:
        with contextlib.closing(postgres.connect(settings)) as connection:
            return [
                _given_up(settings, advisory)
                for advisory in gone
                if not _is_placed(connection, settings, life, advisory)
            ]
    except psycopg.Error as error:
        raise FoundryError(
            f"PostgreSQL did not say what has landed: {' '.join(str(error).split())}. "
            "The advisories stay; run the drain again when PostgreSQL is well."
        ) from error


def _is_placed(
    connection: psycopg.Connection[Any], settings: Settings, life: Life, advisory: _Advisory
) -> bool:
    # A former life ended before this one began; what was given up in it had its own numbers.
    in_this_life = advisory.timestamp >= life.created
    place = {
        "stream": settings.nats_stream,
        "stream_seq": advisory.stream_seq,
        "life_id": life.life_id if in_this_life else None,
        "until": advisory.timestamp,
    }
    row = connection.execute(load_sql("postgres/intake/is_placed"), place).fetchone()
    return row == (True,)


def _given_up(settings: Settings, advisory: _Advisory) -> Refused:
    kind = advisory.type.rpartition(".")[2]
    why = f" ({advisory.reason})" if advisory.reason else ""
    message = Message("", b"", None, settings.nats_stream, advisory.stream_seq, advisory.timestamp)
    return Refused(
        message,
        Reason.DELIVERY_GIVEN_UP,
        f"{kind} after {advisory.deliveries} deliveries{why}; the stream holds it no more",
    )
