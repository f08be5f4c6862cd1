"""A drain that is struck: nothing lost, nothing twice, and it goes on or says what to do."""

import asyncio
import concurrent.futures
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.intake.replay import Stretch, replay
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.intake_line import Drain, IntakeLine, wait_until
from model_foundry_tests.faults.proxy import Proxy


@pytest.fixture(scope="module")
def servers(server_directory: Path, request: pytest.FixtureRequest) -> Iterator[IntakeLine]:
    """Servers to be killed, and the events that every drill drains anew."""
    directory = Path(tempfile.mkdtemp(dir=server_directory))
    nats = NatsServer(directory / "nats", log=directory / "nats.log", sync_always=True)
    postgres = PostgresServer(directory / "postgres", log=directory / "postgres.log")
    try:
        nats.start()
        postgres.start()
        line = IntakeLine(directory, nats, postgres)
        line.publish(request.config.getoption("--fault-events"))
        yield line
    finally:
        nats.kill()
        postgres.kill()


@pytest.fixture
def line(servers: IntakeLine) -> IntakeLine:
    """The same events, and an inbox that has none of them."""
    servers.start_anew()
    return servers


@pytest.fixture
def proxies(line: IntakeLine) -> Iterator[tuple[Proxy, Proxy]]:
    """Between a drain and NATS, and between it and PostgreSQL."""
    with Proxy(line.nats.port) as to_nats, Proxy(line.postgres.port) as to_postgres:
        yield to_nats, to_postgres


def through(line: IntakeLine, proxies: tuple[Proxy, Proxy]) -> dict[str, Any]:
    """The settings of a drain that reaches its servers through proxies."""
    to_nats, to_postgres = proxies
    url = line.settings.require_postgres_url()
    return {
        "nats_url": f"nats://127.0.0.1:{to_nats.port}",
        "postgres_url": url.replace(f":{line.postgres.port}/", f":{to_postgres.port}/"),
    }


def goes_on(line: IntakeLine, drain: Drain, came_to: Counter[str]) -> None:
    """Let it end, run it again if an error ended it, and check what came of it."""
    by_itself = drain.ended_well()
    if not by_itself:
        line.finish()
    line.check()
    came_to["moments"] += 1
    came_to["went on by themselves"] += by_itself
    came_to["ended with an error"] += not by_itself
    came_to["messages redelivered"] += line.redelivered()


def test_the_drain_is_killed(line: IntakeLine, moment: Moment, came_to: Counter[str]) -> None:
    with line.draining(moment) as drain:
        drain.kill()
    line.finish()
    line.check()
    came_to["moments"] += 1
    came_to["messages redelivered"] += line.redelivered()


def test_nats_is_killed_and_restarted(
    line: IntakeLine, moment: Moment, came_to: Counter[str]
) -> None:
    with line.draining(moment) as drain:
        line.nats.kill()
        time.sleep(moment.lasts_s - 1)
        line.nats.start()
        goes_on(line, drain, came_to)


def test_postgres_is_killed_and_restarted(
    line: IntakeLine, moment: Moment, came_to: Counter[str]
) -> None:
    with line.draining(moment) as drain:
        line.postgres.kill()
        time.sleep(moment.lasts_s - 1)
        line.postgres.start()
        goes_on(line, drain, came_to)


def test_both_connections_are_cut_for_seconds(
    line: IntakeLine, proxies: tuple[Proxy, Proxy], moment: Moment, came_to: Counter[str]
) -> None:
    """Reset and refused at even moments, silent at odd ones."""
    with line.draining(moment, **through(line, proxies)) as drain:
        for proxy in proxies:
            (proxy.cut if moment.even else proxy.freeze)()
        time.sleep(moment.lasts_s)
        for proxy in proxies:
            (proxy.mend if moment.even else proxy.thaw)()
        goes_on(line, drain, came_to)
        assert drain.process.returncode == 0, "it outlasts seconds by itself"


def test_acks_are_lost_after_the_commit(
    line: IntakeLine, proxies: tuple[Proxy, Proxy], moment: Moment, came_to: Counter[str]
) -> None:
    """The drain dies then at even moments; at odd ones its connection does, and it goes on."""
    to_nats, _ = proxies
    with line.draining(moment, **through(line, proxies)) as drain:
        to_nats.loses_acks = True
        wait_until(lambda: to_nats.lost_acks > 0, "a batch commits and its acks are lost")
        if moment.even:
            drain.kill()
            line.finish()
            line.check()
            assert line.redelivered() >= to_nats.lost_acks > 0
            came_to["moments"] += 1
            came_to["messages redelivered"] += line.redelivered()
        else:
            to_nats.cut()
            to_nats.loses_acks = False
            to_nats.mend()
            goes_on(line, drain, came_to)
    came_to["acks lost"] += to_nats.lost_acks


def test_a_replay_that_is_cut_off_leaves_no_gap(
    line: IntakeLine, proxies: tuple[Proxy, Proxy], moment: Moment, came_to: Counter[str]
) -> None:
    to_nats, _ = proxies
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        struck = line.changed(**through(line, proxies))
        replaying = thread.submit(asyncio.run, replay(struck, Stretch()))
        line.reach(moment, replaying.running)
        to_nats.cut()
        to_nats.mend()
        result = replaying.result()
    line.check_rows()
    assert result.landed.counts["landed"] == line.published
    came_to["moments"] += 1
