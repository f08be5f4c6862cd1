"""What the peers have in common: the table that they fill, and the rows that they make."""

from datetime import datetime
from typing import Any, Final

from nats.aio.msg import Msg
from psycopg.types.json import Jsonb

_VALUES: Final = ", ".join(["%s"] * 12)
INSERT: Final = f"INSERT INTO peer_inbox VALUES ({_VALUES}) ON CONFLICT DO NOTHING"  # noqa: S608
BATCH: Final = 1_000
COLUMNS: Final = (
    "event_id",
    "subject",
    "published_subject",
    "source",
    "correlation_id",
    "causation_id",
    "occurred_at",
    "received_at",
    "occurred_on",
    "stream",
    "stream_seq",
    "payload",
)
"""In the order of the table and of `INSERT`."""


def row(envelope: dict[str, Any], msg: Msg) -> tuple[Any, ...]:
    """The row of a decoded envelope, whose `occurred_at` may still be text."""
    occurred_at = envelope["occurred_at"]
    if isinstance(occurred_at, str):
        occurred_at = datetime.fromisoformat(occurred_at)
    metadata = msg.metadata
    return (
        envelope["event_id"],
        envelope["subject"],
        msg.subject,
        envelope["source"],
        envelope["correlation_id"],
        envelope["causation_id"],
        occurred_at,
        metadata.timestamp,
        occurred_at.date(),
        metadata.stream,
        metadata.sequence.stream,
        Jsonb(envelope["payload"]),
    )
