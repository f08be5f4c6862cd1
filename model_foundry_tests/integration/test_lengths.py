"""How long a prompt is, where that decides: counted by a server, and nobody waits for a count."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from model_foundry.dispatch.alike import ENOUGH_JOBS
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job
from model_foundry_tests.asking import dispatched, job, jobs, quick
from model_foundry_tests.told_slot import Asked, Told, ToldSlot, until

SMALL, LARGE = 512, 8192
# By their bytes the first fits the small slot and the second does not; its tokenizer knows better.
SEEMS_SHORT, SEEMS_LONG = "x" * 1_400, "y" * 2_400
TOKENS = {"x": 1_500, "y": 100}
WITHIN_S = 30.0


class Counting(ToldSlot):
    """Has a tokenizer, which takes its time (None: for ever)."""

    counted = 0
    count_s: float | None = 0.0

    async def _answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        if path == "/apply-template":
            return 200, {"prompt": json.loads(body)["messages"][-1]["content"]}
        if path == "/tokenize":
            self.counted += 1
            await (asyncio.Event().wait() if self.count_s is None else asyncio.sleep(self.count_s))
            tokens = TOKENS.get(json.loads(body)["content"][0], 10)
            return 200, {"tokens": [0] * tokens}
        return await super()._answer(path, headers, body)


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return quick(tmp_path, inference_look_s=0.3)


def fits(asked: Asked) -> Told:
    too_long = asked.prompt[0] == "x"
    return Told(400 if too_long else 200, message="exceeds the available context size")


async def test_the_server_s_tokenizer_says_where_a_prompt_goes(limits: Settings) -> None:
    async with (
        Counting(fits, name="small", parallel=4) as small,
        ToldSlot(lambda _: Told(after_s=0.05), name="large", parallel=2) as large,
    ):
        asked = [*jobs(20, SEEMS_SHORT), *jobs(20, SEEMS_LONG), *jobs(20)]
        slots = [small.slot(context_tokens=SMALL), large.slot(context_tokens=LARGE)]
        report, _ = await dispatched(asked, slots, limits)
        assert report.ok == 60
        prompts = {each.prompt[0] for each in small.asked}
    assert prompts == {"y", "H"}
    assert small.counted == 40  # of the others it was no question


@pytest.mark.parametrize("priority", ["batch", "interactive"])
async def test_a_tokenizer_that_does_not_answer_holds_nothing_up(
    limits: Settings, priority: str
) -> None:
    async with (
        Counting(fits, name="small", parallel=4) as small,
        ToldSlot(lambda _: Told(), name="large", parallel=2) as large,
    ):
        small.count_s = None

        async def source() -> AsyncIterator[Job]:
            yield job()
            await until(lambda: bool(small.asked or large.asked))
            for each in jobs(30, SEEMS_LONG, priority=priority):
                yield each

        slots = [small.slot(context_tokens=SMALL), large.slot(context_tokens=LARGE)]
        report, _ = await dispatched(source(), slots, limits)
    assert report.ok == 31
    assert report.wall_s < 3  # ten times as long, one after the other


async def test_an_interactive_job_waits_for_no_count_of_batch_jobs(limits: Settings) -> None:
    async with (
        Counting(fits, name="small", parallel=4) as small,
        ToldSlot(lambda _: Told(), name="large", parallel=2) as large,
    ):
        small.count_s = 0.1

        async def source() -> AsyncIterator[Job]:
            yield job()
            await until(lambda: bool(small.asked or large.asked))
            for each in jobs(20, SEEMS_LONG):
                yield each
            yield job(f"{SEEMS_LONG}now", priority="interactive")

        slots = [small.slot(context_tokens=SMALL), large.slot(context_tokens=LARGE)]
        report, landed = await dispatched(source(), slots, limits)
    assert report.ok == 22
    order = [each.job.priority for each in landed]
    assert order.index("interactive") < 10


async def test_jobs_that_are_being_counted_are_not_asked_when_all_fail_alike(
    limits: Settings,
) -> None:
    def refuses(_: Asked) -> Told:
        return Told(400)

    async with (
        Counting(refuses, name="small", parallel=1) as small,
        ToldSlot(refuses, name="large", parallel=1) as large,
    ):
        small.count_s = 0.01
        slots = [small.slot(context_tokens=SMALL), large.slot(context_tokens=LARGE)]
        started = time.monotonic()
        report, _ = await dispatched(list(jobs(150, SEEMS_SHORT)), slots, limits)
        assert time.monotonic() - started < WITHIN_S / 2
        asked = {each.job_id for each in [*small.asked, *large.asked]}
    assert report.failed == 150
    assert len(asked) <= 2 * ENOUGH_JOBS
