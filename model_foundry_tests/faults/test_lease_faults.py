"""Runs that share a slot: its cap holds, both get their part, and the dead let go."""

import asyncio
import time
from pathlib import Path

import pytest

from model_foundry import postgres
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.dispatch.leases import Lease
from model_foundry.errors import FoundryError
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK, job, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.faults.jobs_process import DEADLINE_S, asking, landed, until
from model_foundry_tests.line import rows

PARALLEL = 6


def places_held(settings: Settings, fake: FakeSlot) -> list[int]:
    """How many of a slot's places each session holds, its claims included."""
    lease = Lease(fake.slot().url({}), fake.slot().model)
    query = f"""
        SELECT count(*) AS n FROM pg_locks JOIN pg_database ON oid = database
        WHERE locktype = 'advisory' AND objsubid = 2 AND datname = current_database()
        AND classid::bigint IN ({lease.key}, {lease.claim_key}) GROUP BY pid
    """
    return sorted(int(row["n"]) for row in rows(settings, query))


def test_two_processes_share_a_slot_s_places(settings: Settings) -> None:
    with (
        FakeSlot(parallel=PARALLEL, delay_ms=50) as fake,
        asking(settings, fake, count=20_000, text="first") as first,
        asking(settings, fake, count=800, text="second") as second,
    ):
        until(lambda: min(landed(settings, "first"), landed(settings, "second")) >= 10)
        before = landed(settings, "first"), landed(settings, "second")
        until(lambda: landed(settings, "second") >= before[1] + 70)
        after = landed(settings, "first"), landed(settings, "second")
        assert (first.poll(), second.poll()) == (None, None)  # both had jobs all the time
        first.kill()
        _, errors = second.communicate(timeout=DEADLINE_S)
        assert second.returncode == 0, errors
        assert fake.stats()["peak"] == PARALLEL
    got = [after[number] - before[number] for number in (0, 1)]
    assert 0.6 <= got[0] / got[1] <= 1.6
    assert landed(settings, "second") == 800


def test_one_place_serves_two_runs(settings: Settings) -> None:
    async def both(fake: FakeSlot) -> None:
        limits = settings.model_copy(update=QUICK)
        started = time.monotonic()
        ends = await asyncio.gather(
            *(
                run_jobs(jobs(120, text), settings=limits, slots=[fake.slot()])
                for text in ("first", "second")
            )
        )
        assert [report.ok for report in ends] == [120, 120]
        assert time.monotonic() - started < DEADLINE_S
        # Neither waited for the other's end.
        assert min(report.wall_s for report in ends) > 0.6 * max(report.wall_s for report in ends)

    with FakeSlot(parallel=1, delay_ms=20) as fake:
        asyncio.run(both(fake))
        assert fake.stats()["peak"] == 1


def test_interactive_jobs_of_one_run_go_before_batch_jobs_of_another(settings: Settings) -> None:
    with (
        FakeSlot(parallel=2, delay_ms=100) as fake,
        asking(settings, fake, count=200, text="batch") as batch,
    ):
        until(lambda: landed(settings, "batch") >= 10)
        limits = settings.model_copy(update=QUICK)
        asked = list(jobs(6, "now", priority="interactive"))
        report = asyncio.run(run_jobs(asked, settings=limits, slots=[fake.slot()]))
        assert batch.poll() is None
        assert report.ok == 6
        assert report.wall_s < 2.5  # both places, for three turns
        assert fake.stats()["peak"] == 2


def test_the_places_of_a_killed_process_are_free_at_once(settings: Settings) -> None:
    with (
        FakeSlot(parallel=PARALLEL, delay_ms=30) as fake,
        asking(settings, fake, count=2_000, text="killed") as process,
    ):
        until(lambda: landed(settings, "killed") >= 40)
        assert places_held(settings, fake) == [PARALLEL]
        process.kill()
        killed = time.monotonic()
        process.communicate()
        until(lambda: places_held(settings, fake) == [])
        assert time.monotonic() - killed < 2
        limits = settings.model_copy(update=QUICK)
        report = asyncio.run(run_jobs([job("heir")], settings=limits, slots=[fake.slot()]))
        assert report.ok == 1
        assert report.wall_s < 2


def test_a_run_that_has_no_work_for_its_places_gives_them_back(settings: Settings) -> None:
    limits = settings.model_copy(update=QUICK)

    async def run(fake: FakeSlot) -> None:
        asked = [*jobs(5), job("!fault=hang!", deadline_s=4)]
        running = asyncio.create_task(run_jobs(asked, settings=limits, slots=[fake.slot()]))
        await asyncio.to_thread(until, lambda: landed(settings) == 5)
        await asyncio.to_thread(until, lambda: places_held(settings, fake) == [1])
        assert (await running).error_kinds == {"deadline": 1}

    with FakeSlot(parallel=PARALLEL) as fake:
        asyncio.run(run(fake))
    assert places_held(settings, fake) == []


def test_after_a_restart_of_postgres_the_cap_still_holds(home: Path) -> None:
    with PostgresServer(home / "postgres", log=home / "logs" / "postgres.log") as server:
        settings = quick(home, postgres_url=server.url)
        with postgres.connect(settings) as connection:
            postgres.migrate(connection)

        async def both(fake: FakeSlot) -> list[int]:
            running = [
                asyncio.create_task(
                    run_jobs(jobs(200, text), settings=settings, slots=[fake.slot()])
                )
                for text in ("first", "second")
            ]
            await asyncio.to_thread(until, lambda: landed(settings) >= 60)
            await asyncio.to_thread(server.kill)
            # What is in flight ends, and nothing new is asked.
            await asyncio.to_thread(until, lambda: fake.stats()["busy"] == 0)
            asked = fake.stats()["requests"]
            await asyncio.sleep(0.3)
            assert fake.stats()["requests"] == asked
            await asyncio.to_thread(server.start)
            return [(await one).ok for one in running]

        with FakeSlot(parallel=4, delay_ms=50) as fake:
            assert asyncio.run(both(fake)) == [200, 200]
            assert fake.stats()["peak"] == 4
            assert fake.stats()["requests"] == 400


def test_without_postgres_a_run_ends_after_a_while(home: Path) -> None:
    with PostgresServer(home / "postgres", log=home / "logs" / "postgres.log") as server:
        settings = quick(home, postgres_url=server.url, inference_land_retry_s=1)
        with postgres.connect(settings) as connection:
            postgres.migrate(connection)

        async def run(fake: FakeSlot) -> None:
            running = asyncio.create_task(
                run_jobs([job("!fault=hang!")], settings=settings, slots=[fake.slot()])
            )
            await asyncio.to_thread(until, lambda: fake.stats()["busy"] == 1)
            await asyncio.to_thread(server.kill)
            async with asyncio.timeout(4):  # the attempt alone would take longer
                await running

        with FakeSlot() as fake, pytest.raises(FoundryError, match="places of the slots") as told:
            asyncio.run(run(fake))
        assert "LAND_RETRY_S" in str(told.value)


def test_jobs_of_three_runs_are_asked_by_one_though_one_is_killed(settings: Settings) -> None:
    count = 500
    with (
        FakeSlot(parallel=PARALLEL, delay_ms=20) as fake,
        asking(settings, fake, count=count) as killed,
    ):
        until(lambda: landed(settings) >= 20)
        with (
            asking(settings, fake, count=count) as second,
            asking(settings, fake, count=count) as third,
        ):
            until(lambda: landed(settings) >= 150)
            assert killed.poll() is None
            killed.kill()
            killed.communicate()
            for process in (second, third):
                _, errors = process.communicate(timeout=2 * DEADLINE_S)
                assert process.returncode == 0, errors
        asked = fake.stats()["asked"].values()
    assert landed(settings) == count
    assert len(asked) == count
    # What the dead run had asked and not landed.
    twice = sum(times - 1 for times in asked)
    assert twice <= PARALLEL + settings.inference_land_batch
    assert rows(settings, "SELECT * FROM job_claim") == []
