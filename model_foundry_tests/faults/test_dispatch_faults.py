"""Runs that are stopped or killed, and a database that goes away, while jobs are being asked."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from model_foundry import postgres
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.jobs_process import DEADLINE_S, asking, landed, until

COUNT = 300
DRILL_COUNT = 500
PARALLEL = 4


@pytest.mark.parametrize(
    ("how", "raised"), [(signal.SIGTERM, "Interrupted"), (signal.SIGINT, "KeyboardInterrupt")]
)
def test_a_run_that_is_stopped_lands_what_has_finished(
    settings: Settings, how: signal.Signals, raised: str
) -> None:
    # By itself it would land nothing before its end.
    at_its_end = {"inference_land_s": 60, "inference_land_batch": 10_000}
    with (
        FakeSlot(parallel=PARALLEL, delay_ms=20) as fake,
        asking(settings, fake, count=COUNT, changes=at_its_end) as process,
    ):
        until(lambda: fake.stats()["requests"] >= 50)
        assert landed(settings) == 0
        process.send_signal(how)
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert raised in errors.splitlines()[-1]
        requests = fake.stats()["requests"]
    assert requests < COUNT
    assert requests - PARALLEL <= landed(settings) <= requests


def test_after_a_sigkill_only_what_did_not_land_is_asked_again(
    settings: Settings, moment: Moment, came_to: Counter[str]
) -> None:
    settings = settings.model_copy(update=QUICK)
    with (
        FakeSlot(parallel=PARALLEL, delay_ms=10) as fake,
        asking(settings, fake, count=DRILL_COUNT) as process,
    ):
        until(lambda: fake.stats()["requests"] >= max(1, moment.share * DRILL_COUNT))
        time.sleep(moment.delay_s)
        process.kill()
        process.communicate()
        until(lambda: fake.stats()["busy"] == 0)
        kept, asked = landed(settings), fake.stats()["requests"]
        report = asyncio.run(run_jobs(jobs(DRILL_COUNT), settings=settings, slots=[fake.slot()]))
        without = DRILL_COUNT - kept
        assert (report.cached, report.asked, report.ok) == (kept, without, without)
        assert fake.stats()["requests"] == asked + without
    # At most what was in flight, and what had finished within inference_land_s.
    assert asked - kept <= PARALLEL + settings.inference_land_batch
    assert landed(settings) == DRILL_COUNT
    came_to["kills"] += 1
    came_to["jobs that had landed"] += kept
    came_to["jobs asked twice"] += asked - kept


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
