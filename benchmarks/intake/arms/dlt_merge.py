"""dlt: Arrow tables of 1,000 messages, merged on event_id, acknowledged once a load is complete.

Of what dlt offers here (rows or Arrow, INSERT or CSV, delete-insert or upsert) the fastest.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

import dlt
import nats
import orjson
import pyarrow as pa
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from benchmarks.intake import peers
from benchmarks.intake.arms import DURABLE, Task

_LOAD: Final = 50_000
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final = (
    *(pa.string(),) * 6,
    *(_MOMENT, _MOMENT, pa.date32(), pa.string(), pa.int64(), pa.string()),
)
_SCHEMA: Final = pa.schema(list(zip(peers.COLUMNS, _TYPES, strict=True)))


def prepare(task: Task) -> Callable[[], object]:
    """An empty load elsewhere: dlt imports most of itself when it first runs."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    _load(task, "warm_up", iter([_SCHEMA.empty_table()]))
    return lambda: _carry(task)


def _carry(task: Task) -> None:
    with asyncio.Runner() as runner:
        client = runner.run(nats.connect(task.nats_url))
        jetstream = client.jetstream()
        subscription = runner.run(jetstream.pull_subscribe_bind(DURABLE, task.stream))
        missing = task.events or 0
        while missing:
            messages = _Messages(runner, subscription, min(_LOAD, missing))
            _load(task, "landed", messages.tables())
            runner.run(messages.acknowledge())
            missing -= len(messages.taken)
        runner.run(client.drain())


class _Messages:
    """So many messages, as Arrow tables; dlt runs the generator in its own time."""

    def __init__(
        self, runner: asyncio.Runner, subscription: JetStreamContext.PullSubscription, count: int
    ) -> None:
        self._runner = runner
        self._subscription = subscription
        self._count = count
        self.taken: list[Msg] = []

    def tables(self) -> Iterator[pa.Table]:
        while missing := self._count - len(self.taken):
            messages = self._runner.run(self._subscription.fetch(min(peers.BATCH, missing)))
            self.taken += messages
            columns = zip(*map(_row, messages), strict=True)
            arrays = [pa.array(*column) for column in zip(columns, _TYPES, strict=True)]
            yield pa.Table.from_arrays(arrays, schema=_SCHEMA)

    async def acknowledge(self) -> None:
        for msg in self.taken:
            await msg.ack()


def _load(task: Task, dataset: str, tables: Iterator[pa.Table]) -> None:
    resource = dlt.resource(
        tables,
        name="event",
        primary_key="event_id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns={"payload": {"data_type": "json"}},
    )
    dlt.pipeline(
        f"{task.stream}_{dataset}",
        pipelines_dir=str(task.directory / "dlt"),
        destination=dlt.destinations.postgres(task.postgres_url),
        dataset_name=dataset,
    ).run(resource, loader_file_format="csv")


def _row(msg: Msg) -> tuple[Any, ...]:
    envelope = orjson.loads(msg.data)
    *facts, payload = peers.row(envelope, msg)
    return (*facts, orjson.dumps(payload.obj).decode())
