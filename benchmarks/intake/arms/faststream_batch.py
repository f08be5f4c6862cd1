"""FastStream: a JetStream batch pull, executemany on conflict, acknowledged by FastStream.

Of what it offers here the fastest: it decodes to dicts (models cost more), hands out 5,000 at a
time, runs a plain function in a thread, and everything on uvloop, as `faststream run` does.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import psycopg
import uvloop
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg

from benchmarks.intake import peers
from benchmarks.intake.arms import DURABLE, Task

_BATCH: Final = 5_000


def prepare(task: Task) -> Callable[[], object]:
    """Nothing to prepare."""

    async def carry() -> None:
        loop = asyncio.get_running_loop()
        broker = NatsBroker(task.nats_url)
        connection = psycopg.connect(task.postgres_url)
        missing = task.events or 0
        # It waits for a batch to be full, and a batch whose time is up may cost a redelivery.
        batch = min(_BATCH, missing)
        done = asyncio.Event()

        @broker.subscriber(
            task.subject,
            durable=DURABLE,
            stream=JStream(task.stream, declare=False),
            pull_sub=PullSub(batch_size=batch, batch=True),
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        def land(envelopes: list[dict[str, Any]], message: NatsMessage) -> None:
            nonlocal missing
            messages = cast(list[Msg], message.raw_message)  # of a batch it is one
            rows = list(map(peers.row, envelopes, messages))
            with connection.cursor() as cursor:
                cursor.executemany(peers.INSERT, rows)
            connection.commit()
            missing -= len(rows)
            if missing <= 0:
                loop.call_soon_threadsafe(done.set)

        await broker.start()
        await done.wait()
        await broker.stop()  # waits for the acknowledgements
        connection.close()

    return lambda: uvloop.run(carry())
