"""What waits hides nothing: an interactive job is asked next, whoever else waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import Result
from model_foundry_tests.asking import job, jobs, quick
from model_foundry_tests.told_slot import Told, ToldSlot, until

ANSWER_S = 0.2
SLACK_S = 0.2
WITHIN_S = 60.0


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return quick(tmp_path)


class Landed(list[Result]):
    async def land(self, results: Sequence[Result]) -> None:
        self.extend(results)


async def batch_of(count: int) -> AsyncIterator[Job]:
    for each in jobs(count, "Own"):
        yield each
    for each in jobs(count, "Other", role="translator"):
        yield each


async def asked_after(count: int, limits: Settings) -> float:
    """Seconds until an interactive job is asked that comes after so many of each of two roles."""
    came = 0.0
    landed = Landed()
    async with (
        ToldSlot(lambda _: Told(after_s=ANSWER_S), name="a", parallel=2) as one,
        ToldSlot(lambda _: Told(after_s=ANSWER_S), name="b", parallel=2) as two,
    ):

        async def source() -> AsyncIterator[Job]:
            nonlocal came
            async for each in batch_of(count):
                yield each
            await until(lambda: len(one.asked) >= 6)
            came = time.monotonic()
            yield job("Now", priority="interactive")
            await asyncio.Event().wait()

        slots = [one.slot(), two.slot(roles=["translator"])]
        running = asyncio.create_task(
            dispatch(
                source(), slots=slots, environment={}, land=landed.land, settings=limits, live=True
            )
        )
        async with asyncio.timeout(WITHIN_S):
            await until(lambda: "Now" in one.at or running.done())
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return one.at["Now"] - came


async def test_an_interactive_job_is_asked_within_one_answer_s_time(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_queue_jobs=20, inference_land_batch=5)
    assert await asked_after(250, limits) < ANSWER_S + SLACK_S


async def test_of_a_list_interactive_jobs_are_taken_first(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_queue_jobs=10, inference_land_batch=5)
    asked = [*jobs(200), *jobs(3, "Now", priority="interactive")]
    landed = Landed()
    async with ToldSlot(lambda _: Told(after_s=0.005), parallel=1) as told:
        await dispatch(
            asked, slots=[told.slot()], environment={}, land=landed.land, settings=limits
        )
    assert [each.prompt for each in told.asked[:3]] == ["Now"] * 3


async def test_many_waiting_jobs_of_one_role_hide_none_of_another(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_queue_jobs=20, inference_land_batch=5)
    given = 0

    def source() -> Iterator[Job]:
        nonlocal given
        for each in [*jobs(140), *jobs(5, "Other", role="translator"), *jobs(600, "Rest")]:
            given += 1
            yield each

    landed = Landed()
    async with (
        ToldSlot(lambda _: Told(after_s=30), name="slow", parallel=1) as slow,
        ToldSlot(lambda _: Told(), name="idle", parallel=1) as idle,
    ):
        slots = [slow.slot(), idle.slot(roles=["translator"])]
        running = asyncio.create_task(
            dispatch(source(), slots=slots, environment={}, land=landed.land, settings=limits)
        )
        async with asyncio.timeout(WITHIN_S):
            await until(lambda: len(landed) == 5 or running.done())
        assert {each.job.role for each in landed} == {"translator"}
        assert given <= 20 * (20 + 2 * 5) + 1  # memory stays bounded
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
