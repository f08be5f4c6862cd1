"""Publishing NDJSON events to NATS, each acknowledged by JetStream."""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import PubAck

from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.settings import Settings

_WINDOW: Final = 500


class Published(NamedTuple):
    """How many lines JetStream acknowledged, and how many of them it already knew by their id."""

    published: int
    duplicates: int


class _Line(msgspec.Struct):
    subject: str | None = None
    event_id: str | None = None
    specversion: str | None = None
    type: str | None = None
    id: str | None = None
    source: str | None = None


def publish_lines(settings: Settings, lines: Iterable[bytes]) -> Published:
    """Publish each line on its own subject, `Nats-Msg-Id` from its id; empty lines are skipped.

    Raises:
        FoundryError: a line has no subject (it is named by number), or NATS does not take it.
            Lines before it are published.
    """
    return asyncio.run(_publish(settings, lines))


async def _publish(settings: Settings, lines: Iterable[bytes]) -> Published:
    client = await jetstream.connect(settings, name="model-foundry-publish")
    try:
        await configuration.ensure_stream(client, settings)
        stream = client.jetstream(timeout=settings.connect_timeout_s)
        window: list[asyncio.Task[PubAck]] = []
        total = Published(0, 0)
        for number, line in enumerate(lines, start=1):
            body = line.strip()
            if not body:
                continue
            subject, event_id = _address(body, number)
            headers = {"Nats-Msg-Id": event_id} if event_id else None
            window.append(asyncio.create_task(stream.publish(subject, body, headers=headers)))
            if len(window) >= _WINDOW:
                total = _sum(total, await _acknowledged(settings, window))
                window = []
        return _sum(total, await _acknowledged(settings, window))
    finally:
        await client.close()


async def _acknowledged(settings: Settings, window: list[asyncio.Task[PubAck]]) -> Published:
    try:
        acks = await asyncio.gather(*window)
    except (NatsError, TimeoutError) as error:
        raise FoundryError(
            f"NATS did not take an event: {str(error) or type(error).__name__}. "
            f"Does stream {settings.nats_stream} listen to its subject, and is it not full?"
        ) from None
    return Published(len(acks), sum(bool(ack.duplicate) for ack in acks))


def _sum(one: Published, other: Published) -> Published:
    return Published(one.published + other.published, one.duplicates + other.duplicates)


def _address(body: bytes, number: int) -> tuple[str, str | None]:
    try:
        line = msgspec.json.decode(body, type=_Line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FoundryError(f"line {number} is not a JSON event: {error}") from None
    subject = line.type if line.specversion else line.subject
    if not subject or any(c.isspace() or c in "*>" for c in subject):
        field = "type" if line.specversion else "subject"
        raise FoundryError(f"line {number}: `{field}` must name the subject to publish on")
    if line.specversion:
        return subject, f"{line.source or ''}#{line.id}" if line.id else None
    return subject, line.event_id
