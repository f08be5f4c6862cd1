"""What tests do to the line from outside: publish to NATS, read PostgreSQL, make events."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from model_foundry import postgres
from model_foundry.intake import configuration, jetstream
from model_foundry.settings import Settings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Raw(NamedTuple):
    """A message as it goes over the wire."""

    subject: str
    body: bytes
    headers: Mapping[str, str] | None = None


def today() -> date:
    """Of UTC, now: a run of the tests may go past midnight."""
    return datetime.now(UTC).date()


def event(
    subject: str = "llm.tool_call",
    payload: Any = None,
    *,
    event_id: str | None = None,
    occurred_at: datetime | str | None = NOON,
    correlation_id: str | None = "session-1",
    published_on: str | None = None,
    **fields: Any,
) -> Raw:
    """A homelab event, published on its own subject unless told otherwise."""
    moment = occurred_at.isoformat() if isinstance(occurred_at, datetime) else occurred_at
    envelope = {
        "event_id": event_id or str(uuid.uuid4()),
        "subject": subject,
        "correlation_id": correlation_id,
        "source": "test",
        "occurred_at": moment,
        "payload": {"tool_name": "search"} if payload is None else payload,
        **fields,
    }
    body = json.dumps(envelope, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Raw(published_on or subject, body)


def publish(settings: Settings, messages: Iterable[Raw]) -> None:
    """Publish, and wait for JetStream's acknowledgement of each."""
    asyncio.run(_publish(settings, list(messages)))


async def _publish(settings: Settings, messages: list[Raw]) -> None:
    client = await jetstream.connect(settings, name="test")
    try:
        await configuration.ensure_stream(client, settings)
        context = client.jetstream(timeout=10)
        for start in range(0, len(messages), 500):
            await asyncio.gather(
                *(
                    context.publish(
                        message.subject,
                        message.body,
                        headers=dict(message.headers) if message.headers else None,
                    )
                    for message in messages[start : start + 500]
                )
            )
    finally:
        await client.close()


def rows(settings: Settings, query: str, *parameters: Any) -> list[dict[str, Any]]:
    """What a query gives, as dicts."""
    with (
        contextlib.closing(postgres.connect(settings)) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        return cursor.execute(query, parameters or None).fetchall()


def value(settings: Settings, query: str, *parameters: Any) -> Any:
    """The one value that a query gives."""
    [row] = rows(settings, query, *parameters)
    [only] = row.values()
    return only


def execute(settings: Settings, statement: str, *parameters: Any) -> None:
    """Run a statement and commit."""
    with contextlib.closing(postgres.connect(settings)) as connection:
        connection.execute(statement, parameters or None)
        connection.commit()


def connection_to(settings: Settings) -> psycopg.Connection[Any]:
    """A connection of the test's own."""
    return postgres.connect(settings)
