"""Naive: fetch one message, insert it, commit, acknowledge."""

import asyncio
import json
from collections.abc import Callable

import nats
import psycopg

from benchmarks.intake import peers
from benchmarks.intake.arms import DURABLE, Task


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""
    return lambda: asyncio.run(_carry(task))


async def _carry(task: Task) -> None:
    client = await nats.connect(task.nats_url)
    subscription = await client.jetstream().pull_subscribe_bind(DURABLE, task.stream)
    with psycopg.connect(task.postgres_url) as connection:
        for _ in range(task.events or 0):
            [msg] = await subscription.fetch(1)
            connection.execute(peers.INSERT, peers.row(json.loads(msg.data), msg))
            connection.commit()
            await msg.ack()
    await client.drain()
