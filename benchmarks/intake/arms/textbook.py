"""Textbook: nats-py's fetch(1000), pydantic, executemany on conflict, each acknowledged."""

import asyncio
from collections.abc import Callable
from typing import Any

import nats
import psycopg
from pydantic import AwareDatetime, BaseModel

from benchmarks.intake import peers
from benchmarks.intake.arms import DURABLE, Task


class Envelope(BaseModel):
    """The homelab envelope."""

    event_id: str
    subject: str
    source: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    occurred_at: AwareDatetime
    payload: dict[str, Any]


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""
    return lambda: asyncio.run(_carry(task))


async def _carry(task: Task) -> None:
    client = await nats.connect(task.nats_url)
    subscription = await client.jetstream().pull_subscribe_bind(DURABLE, task.stream)
    missing = task.events or 0
    with psycopg.connect(task.postgres_url) as connection, connection.cursor() as cursor:
        while missing:
            messages = await subscription.fetch(min(peers.BATCH, missing))
            rows = [
                peers.row(dict(Envelope.model_validate_json(msg.data)), msg) for msg in messages
            ]
            cursor.executemany(peers.INSERT, rows)
            connection.commit()
            for msg in messages:
                await msg.ack()
            missing -= len(messages)
    await client.drain()
