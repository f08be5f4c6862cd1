"""Three nodes, three replicas: the stream's leader dies while it is published to and drained."""

import asyncio
import concurrent.futures
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from model_foundry.devstack.nats import ClusterRoutes, NatsServer
from model_foundry.devstack.processes import free_port
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.reconcile import reconcile
from model_foundry.settings import Settings
from model_foundry_tests.faults.intake_line import Drain, events, wait_until
from model_foundry_tests.line import Raw, connection_to, rows, value

NODES: Final = ("a", "b", "c")
WINDOW: Final = 50
MOST_EVENTS: Final = 1_000_000


@pytest.fixture(scope="module")
def nodes(server_directory: Path) -> Iterator[dict[str, NatsServer]]:
    """A cluster on loopback; its nodes by name."""
    directory = Path(tempfile.mkdtemp(dir=server_directory))
    ports = tuple(free_port() for _ in NODES)
    cluster = {
        name: NatsServer(
            directory / name,
            log=directory / f"{name}.log",
            sync_always=True,
            cluster=ClusterRoutes(name, port, ports),
        )
        for name, port in zip(NODES, ports, strict=True)
    }
    try:
        with concurrent.futures.ThreadPoolExecutor(len(NODES)) as side_by_side:
            list(side_by_side.map(NatsServer.start, cluster.values()))
        yield cluster
    finally:
        for node in cluster.values():
            node.kill()


@pytest.fixture
def clustered(settings: Settings, nodes: dict[str, NatsServer]) -> Settings:
    """Settings with all nodes, three replicas, and a short wait for what a dead drain held."""
    return settings.model_copy(
        update={
            "nats_url": ",".join(node.url for node in nodes.values()),
            "stream_replicas": len(nodes),
            "stream_max_bytes": 1024**3,
            "connect_timeout_s": 2.0,
            "intake_ack_wait_s": 2.0,
            "preview_rows": 0,
        }
    )


class Publisher:
    """Publishes one event after the other, each until it is acknowledged, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.acknowledged = 0
        self._settings = settings
        self._enough = threading.Event()

    def stop(self) -> None:
        """End when what is under way is acknowledged."""
        self._enough.set()

    def run(self) -> None:
        """Publish until `stop`."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        client = await jetstream.connect(self._settings, name="test")
        try:
            context = client.jetstream(timeout=2)
            waiting = events(MOST_EVENTS)
            while not self._enough.is_set():
                window = [next(waiting) for _ in range(WINDOW)]
                await asyncio.gather(*(self._publish(context, raw) for raw in window))
                self.acknowledged += WINDOW
        finally:
            await client.close()

    async def _publish(self, context: JetStreamContext, raw: Raw) -> None:
        while True:
            try:
                await context.publish(raw.subject, raw.body, headers=dict(raw.headers or {}))
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return


async def ensure(settings: Settings) -> None:
    client = await jetstream.connect(settings)
    await configuration.ensure_consumer(client, settings)
    await client.close()


async def leader_of_the_stream(settings: Settings) -> str:
    client = await jetstream.connect(settings)
    try:
        info = await client.jetstream().stream_info(settings.nats_stream)
        assert info.cluster is not None
        assert info.cluster.leader is not None
        return info.cluster.leader
    finally:
        await client.close()


def drain_until(over: threading.Event, settings: Settings, came_to: Counter[str]) -> None:
    """Drains one after the other, until it is over and nothing waits."""
    while True:
        last = over.is_set()
        with Drain(settings) as drain:
            by_itself = drain.ended_well()
        came_to["drains"] += 1
        came_to["ended with an error"] += not by_itself
        if last and by_itself:
            return


def await_progress(settings: Settings, publisher: Publisher, published: int) -> None:
    """Until so many are published, and something more has landed than has now."""
    landed = value(settings, "SELECT count(*) FROM event_key")
    wait_until(lambda: publisher.acknowledged >= published, "it publishes")
    wait_until(
        lambda: value(settings, "SELECT count(*) FROM event_key") > landed, "it drains meanwhile"
    )


@pytest.mark.timeout(1_800)
def test_the_leader_dies_while_it_is_published_to_and_drained(
    clustered: Settings,
    nodes: dict[str, NatsServer],
    came_to: Counter[str],
    request: pytest.FixtureRequest,
) -> None:
    deaths = max(1, request.config.getoption("--moments") // 2)
    between = request.config.getoption("--fault-events") // 10
    dice = random.Random("leader")
    asyncio.run(ensure(clustered))
    publisher, over = Publisher(clustered), threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        publishing = threads.submit(publisher.run)
        draining = threads.submit(drain_until, over, clustered, came_to)
        try:
            for _ in range(deaths):
                published = publisher.acknowledged + dice.randrange(between // 2, between)
                await_progress(clustered, publisher, published)
                leader = nodes[asyncio.run(leader_of_the_stream(clustered))]
                leader.kill()
                time.sleep(dice.uniform(0, 2))
                leader.start()
                came_to["leaders killed"] += 1
        finally:
            publisher.stop()
            publishing.result()
            over.set()
            draining.result()
    landed = [row["event_id"] for row in rows(clustered, "SELECT event_id FROM event_inbox")]
    assert sorted(landed) == [f"{number:08}" for number in range(publisher.acknowledged)]
    with connection_to(clustered) as connection:
        proof = reconcile(clustered, connection, whole=True)
    assert not proof.missing, proof.explained()
    assert proof.inbox + proof.duplicate == proof.floor
    assert asyncio.run(configuration.pending_count(clustered)) == 0
    came_to["events"] += publisher.acknowledged
    came_to["messages redelivered"] += value(clustered, "SELECT sum(redelivered) FROM intake_batch")
