"""The events that familiar publishes: envelopes, ids, and the acknowledged publish."""

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from nats.aio.client import Client
from nats.errors import Error as NatsError

from model_foundry.errors import FoundryError
from model_foundry.events import subjects

SOURCE: Final = "familiar"
Form = Literal["homelab", "cloudevents"]
_OLD_NAMES: Final = {new: old for old, new in subjects.OLD_NAMES.items()}


def uuid7() -> str:
    """A UUID version 7: milliseconds of the epoch, then 74 random bits (RFC 9562)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def envelope(
    subject: str,
    payload: dict[str, Any],
    *,
    event_id: str,
    correlation_id: str,
    causation_id: str | None,
    occurred_at: datetime,
    form: Form,
) -> dict[str, Any]:
    """An event in one of the two JSON forms that docs/events.md describes."""
    moment = occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "cloudevents":
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "agent-gateway",
            "type": subject,
            "time": moment,
            "datacontenttype": "application/json",
            "correlationid": correlation_id,
            "causationid": causation_id,
            "data": payload,
        }
    else:
        event = {
            "event_id": event_id,
            "subject": subject,
            "correlation_id": correlation_id,
            "causation_id": causation_id,
            "source": SOURCE,
            "occurred_at": moment,
            "payload": payload,
        }
    return {name: value for name, value in event.items() if value is not None}


class Publisher:
    """Publishes one session's events, each acknowledged by JetStream, and counts them."""

    def __init__(self, client: Client, correlation_id: str) -> None:
        self._jetstream = client.jetstream(timeout=10)
        self.correlation_id = correlation_id
        self.published: Counter[str] = Counter()

    async def publish(
        self,
        subject: str,
        payload: dict[str, Any],
        *,
        caused_by: str | None = None,
        old_name: bool = False,
        form: Form = "homelab",
    ) -> str:
        """Publish one event and return its id, as a later event's `caused_by`.

        Raises:
            FoundryError: JetStream did not take it.
        """
        event_id = uuid7()
        named = _OLD_NAMES[subject] if old_name else subject
        event = envelope(
            named,
            payload,
            event_id=event_id,
            correlation_id=self.correlation_id,
            causation_id=caused_by,
            occurred_at=datetime.now(UTC),
            form=form,
        )
        body = json.dumps(event, ensure_ascii=False).encode()
        try:
            await self._jetstream.publish(named, body, headers={"Nats-Msg-Id": event_id})
        except (NatsError, TimeoutError) as error:
            raise FoundryError(
                f"NATS did not take an event on {named}: {str(error) or type(error).__name__}. "
                "Is there a stream that listens to it? A drain makes one."
            ) from None
        self.published[subject] += 1
        return event_id if form == "homelab" else f"agent-gateway#{event_id}"
