"""familiar's events on NATS: ids, the two envelope forms, and acknowledged publishing.

Belongs here: who publishes in which form and under which names.
Does not: what a payload says (`payloads`).
"""

import asyncio
import contextlib
import secrets
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from model_foundry.devstack.familiar.live import Live
from model_foundry.devstack.familiar.payloads import rfc3339
from model_foundry.errors import FoundryError
from model_foundry.events.subjects import OLD_NAMES
from model_foundry.intake import jetstream
from model_foundry.intake.address import address_of
from model_foundry.settings import Settings
from model_foundry.telemetry import Sender

WINDOW: Final = 256

_OLD_NAME_OF: Final = {current: old for old, current in OLD_NAMES.items()}


class Producer(NamedTuple):
    """A program that publishes. An older one knows only the old names of the subjects."""

    source: str
    older: bool = False
    cloudevents: bool = False

    def subject(self, current: str) -> str:
        """The name under which this producer publishes a subject."""
        return _OLD_NAME_OF[current] if self.older else current


FAMILIAR: Final = Producer("familiar")
OLDER_FAMILIAR: Final = Producer("familiar", older=True)
SEARCH_SERVICE: Final = Producer("obsidian-search", older=True)
GATEWAY: Final = Producer("agent-gateway", cloudevents=True)


class Envelope(NamedTuple):
    """One event, ready to be published. `subject` is the name that its producer uses."""

    producer: Producer
    subject: str
    own_id: str
    correlation_id: str
    causation_id: str | None
    occurred_at: datetime
    payload: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """The id by which others refer to it: a CloudEvent's own one is unique per source only."""
        return f"{self.producer.source}#{self.own_id}" if self.producer.cloudevents else self.own_id

    def body(self) -> bytes:
        """The message: homelab JSON, or a structured CloudEvent."""
        if self.producer.cloudevents:
            fields = {
                "specversion": "1.0",
                "id": self.own_id,
                "source": self.producer.source,
                "type": self.subject,
                "time": rfc3339(self.occurred_at),
                "datacontenttype": "application/json",
                "correlationid": self.correlation_id,
                "causationid": self.causation_id,
                "data": self.payload,
            }
        else:
            fields = {
                "event_id": self.own_id,
                "subject": self.subject,
                "correlation_id": self.correlation_id,
                "causation_id": self.causation_id,
                "source": self.producer.source,
                "occurred_at": rfc3339(self.occurred_at),
                "payload": self.payload,
            }
        return msgspec.json.encode({name: v for name, v in fields.items() if v is not None})


def uuid7() -> str:
    """A UUIDv7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


class Publisher:
    """Publishes without waiting for each acknowledgement; `flush` waits for all of them."""

    def __init__(self, stream: JetStreamContext, server: str) -> None:
        self.acknowledged: Counter[str] = Counter()
        self._stream = stream
        self._server = server
        self._pending: list[asyncio.Task[None]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator["Publisher"]:
        """A publisher on the NATS of the settings.

        Raises:
            FoundryError: NATS cannot be reached.
        """
        client = await jetstream.connect(settings, name="familiar")
        where = address_of(settings).where
        publisher = cls(client.jetstream(timeout=settings.connect_timeout_s), where)
        try:
            yield publisher
        finally:
            await asyncio.gather(*publisher._pending, return_exceptions=True)
            await client.close()

    async def publish(self, envelope: Envelope) -> None:
        """Send an event.

        Raises:
            FoundryError: JetStream did not take this one or an earlier one.
        """
        for task in self._pending:
            if task.done():
                task.result()
        self._pending = [task for task in self._pending if not task.done()]
        if len(self._pending) >= WINDOW:
            await self.flush()
        self._pending.append(asyncio.create_task(self._publish(envelope)))

    async def flush(self) -> None:
        """Wait until JetStream has every event.

        Raises:
            FoundryError: it did not take one; names server and subject.
        """
        await asyncio.gather(*self._pending)
        self._pending.clear()

    async def _publish(self, envelope: Envelope) -> None:
        headers = {"Nats-Msg-Id": envelope.event_id}
        try:
            await self._stream.publish(envelope.subject, envelope.body(), headers=headers)
        except (NatsError, TimeoutError) as error:
            raise FoundryError(
                f"NATS at {self._server} did not take an event on {envelope.subject}: "
                f"{str(error) or type(error).__name__}. "
                "Is there a stream that listens to this subject, and is it not full?"
            ) from error
        self.acknowledged[envelope.subject] += 1


class Journal:
    """The events of one session; a `sender` gets them as live telemetry besides."""

    def __init__(self, publisher: Publisher, sender: Sender | None = None) -> None:
        self.correlation_id = uuid7()
        self._publisher = publisher
        self._live = None if sender is None else Live(sender, self.correlation_id)

    async def record(
        self,
        subject: str,
        payload: Mapping[str, Any],
        *,
        cause: str | None,
        producer: Producer = FAMILIAR,
    ) -> str:
        """Publish what has just happened.

        Args:
            subject: by its current name.
            payload: what happened.
            cause: id of the event that brought it about.
            producer: who says it.

        Returns:
            The id of the event.
        """
        envelope = Envelope(
            producer=producer,
            subject=producer.subject(subject),
            own_id=uuid7(),
            correlation_id=self.correlation_id,
            causation_id=cause,
            occurred_at=datetime.now(UTC),
            payload=payload,
        )
        await self._publisher.publish(envelope)
        if self._live is not None:
            self._live.tell(subject, payload, envelope.occurred_at)
        return envelope.event_id
