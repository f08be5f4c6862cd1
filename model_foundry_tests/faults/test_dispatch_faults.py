"""Runs that are stopped or killed, and a database that goes away, while jobs are being asked."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from model_foundry.devstack.postgres import PostgresServer
from model_foundry.inference.results import run_jobs
from model_foundry.settings import Settings
from model_foundry.store import postgres
from model_foundry_tests.asking import QUICK, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import rows

DEADLINE_S = 30.0
COUNT = 300
PARALLEL = 4


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def landed(settings: Settings) -> int:
    (row,) = rows(settings, "SELECT count(*) AS n FROM inference_result WHERE status = 'ok'")
    return int(row["n"])


def start(settings: Settings, fake: FakeSlot, **changes: object) -> subprocess.Popen[str]:
    """A process that asks COUNT jobs of the fake slot."""
    values = {"home": settings.home, "postgres_url": settings.require_postgres_url()}
    values |= QUICK | changes
    environment = {f"MODEL_FOUNDRY_{name.upper()}": str(value) for name, value in values.items()}
    slot = fake.slot().model_dump_json()
    return subprocess.Popen(
        [sys.executable, "-m", "model_foundry_tests.job_process", str(COUNT), slot],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("how", "raised"), [(signal.SIGTERM, "Interrupted"), (signal.SIGINT, "KeyboardInterrupt")]
)
def test_a_run_that_is_stopped_lands_what_has_finished(
    settings: Settings, how: signal.Signals, raised: str
) -> None:
    with FakeSlot(parallel=PARALLEL, delay_ms=20) as fake:
        # By itself it would land nothing before its end.
        process = start(settings, fake, inference_land_s=60, inference_land_batch=10_000)
        until(lambda: fake.stats()["requests"] >= 50)
        assert landed(settings) == 0
        process.send_signal(how)
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert raised in errors.splitlines()[-1]
        requests = fake.stats()["requests"]
    assert requests < COUNT
    assert requests - PARALLEL <= landed(settings) <= requests


def test_after_a_sigkill_only_what_did_not_land_is_asked_again(settings: Settings) -> None:
    settings = settings.model_copy(update=QUICK)
    with FakeSlot(parallel=PARALLEL, delay_ms=10) as fake:
        process = start(settings, fake)
        until(lambda: landed(settings) >= 60)
        process.kill()
        process.communicate()
        until(lambda: fake.stats()["busy"] == 0)
        kept, asked = landed(settings), fake.stats()["requests"]
        report = asyncio.run(run_jobs(jobs(COUNT), settings=settings, slots=[fake.slot()]))
        assert (report.cached, report.asked, report.ok) == (kept, COUNT - kept, COUNT - kept)
        assert fake.stats()["requests"] == asked + COUNT - kept
    # At most what was in flight, and what had finished within inference_land_s.
    assert asked - kept <= PARALLEL + settings.inference_land_batch
    assert landed(settings) == COUNT


def test_results_wait_for_a_database_that_restarts(home: Path) -> None:
    with PostgresServer(home / "postgres", log=home / "logs" / "postgres.log") as server:
        settings = quick(home, postgres_url=server.url)
        with postgres.connect(settings) as connection:
            postgres.migrate(connection)

        async def run(fake: FakeSlot) -> int:
            running = asyncio.create_task(
                run_jobs(jobs(COUNT), settings=settings, slots=[fake.slot()])
            )
            await asyncio.to_thread(until, lambda: landed(settings) >= 40)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            return (await running).ok

        with FakeSlot(parallel=PARALLEL, delay_ms=20) as fake:
            assert asyncio.run(run(fake)) == COUNT
            assert fake.stats()["requests"] == COUNT
        assert landed(settings) == COUNT
