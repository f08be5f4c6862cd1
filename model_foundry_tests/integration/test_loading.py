"""Slots that load a model, or failed long ago: waited for as long as they may, and not for ever."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import Result
from model_foundry_tests.asking import dispatched, job, jobs, quick
from model_foundry_tests.told_slot import Asked, Told, ToldSlot

LOAD_S = 0.6
WITHIN_S = 20.0
SAYS = "Loading model"


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    """Everything but loading ends long before a model is there."""
    return quick(
        tmp_path, inference_slot_dead_s=0.2, inference_wait_s=0.1, inference_max_attempts=2
    )


class Loader(ToldSlot):
    """Loads for a while; whether its looks say so, or only its answers do."""

    def __init__(self, load_s: float, *, by_look: bool, name: str = "loader") -> None:
        super().__init__(self._told, name=name)
        self._by_look = by_look
        self.ready_at = time.monotonic() + load_s

    @property
    def loads(self) -> bool:
        return time.monotonic() < self.ready_at

    def _told(self, _: Asked) -> Told:
        return Told(503, message=SAYS) if self.loads else Told()

    async def _answer(self, path: str, *rest: Any) -> tuple[int, dict[str, Any]]:
        if self._by_look and self.loads and not path.endswith("/completions"):
            return 503, {"error": {"message": SAYS, "code": 503}}
        return await super()._answer(path, *rest)


def ends(landed: Iterable[Result]) -> Counter[str]:
    return Counter(each.error_kind or each.status for each in landed)


@pytest.mark.parametrize("by_look", [True, False])
async def test_a_model_that_loads_for_longer_than_anything_else_may_take_is_waited_for(
    limits: Settings, by_look: bool
) -> None:
    async with Loader(LOAD_S, by_look=by_look) as told:
        report, landed = await dispatched(jobs(10), [told.slot()], limits)
        assert not told.loads
        if by_look:
            assert len(told.asked) == 10
    assert ends(landed) == {"ok": 10}
    assert report.wall_s > LOAD_S / 2


@pytest.mark.parametrize("by_look", [True, False])
async def test_a_model_that_is_never_there_ends_its_jobs_with_the_reason(
    limits: Settings, by_look: bool
) -> None:
    async with Loader(WITHIN_S, by_look=by_look) as told:
        report, landed = await dispatched(jobs(50), [told.slot(load_s=0.4)], limits)
    assert ends(landed) == {"no_slot": 50}
    assert SAYS in str(landed[-1].error)
    assert 0.4 <= report.wall_s < 5


@pytest.mark.parametrize("by_look", [True, False])
async def test_nobody_waits_for_a_model_beside_one_that_is_there(
    limits: Settings, by_look: bool
) -> None:
    async with (
        Loader(WITHIN_S, by_look=by_look) as loads,
        ToldSlot(lambda _: Told(after_s=0.01), name="ready") as ready,
    ):
        _, landed = await dispatched(jobs(60), [loads.slot(), ready.slot()], limits)
        assert loads.loads
    assert ends(landed) == {"ok": 60}
    assert {each.slot.name for each in landed if each.slot} == {"ready"}


async def test_a_model_that_is_swapped_out_and_in_again_loses_no_job(limits: Settings) -> None:
    async with Loader(0, by_look=False) as told:

        def swap(asked: Asked) -> Told:
            if asked.number == 10:
                told.ready_at = time.monotonic() + LOAD_S
            return told._told(asked)

        told._decide = swap
        _, landed = await dispatched(jobs(40), [told.slot()], limits)
    assert ends(landed) == {"ok": 40}


async def test_a_request_that_hangs_while_a_model_is_swapped_in_has_the_declared_time(
    limits: Settings,
) -> None:
    def swaps(asked: Asked) -> Told:
        return Told(after_s=LOAD_S if asked.number <= 4 else 0)

    async with ToldSlot(swaps) as told:
        slot = told.slot(
            idle_s=0.1, load_s=5, expected={"pp_tokens_per_s": 1e6, "tg_tokens_per_s": 1e6}
        )
        _, landed = await dispatched(jobs(20), [slot], limits)
    assert ends(landed) == {"ok": 20}
    assert {each.attempts for each in landed} == {1}


def once_bad(status: int, message: str) -> Callable[[Asked], Told]:
    return lambda asked: Told(status if asked.prompt == "Bad" else 200, message=message)


@pytest.mark.parametrize(("status", "message"), [(500, "it broke"), (503, SAYS)])
async def test_what_befell_a_slot_long_ago_ends_no_job_unasked(
    tmp_path: Path, status: int, message: str
) -> None:
    limits = quick(tmp_path, inference_wait_s=0.1, inference_idle_s=0.1, inference_max_attempts=1)

    async def source() -> AsyncIterator[Job]:
        yield job("Bad", deadline_s=0.1)
        await asyncio.sleep(LOAD_S)  # nobody asks anything for longer than a slot may be in trouble
        yield job("Good")

    async with ToldSlot(once_bad(status, message)) as told:
        _, landed = await dispatched(source(), [told.slot(load_s=0.2)], limits)
    assert [each.status for each in landed] == ["failed", "ok"]


async def test_a_slot_that_has_loaded_waits_for_its_first_job_as_long_as_it_takes(
    limits: Settings,
) -> None:
    async with Loader(0.1, by_look=True) as told:

        async def source() -> AsyncIterator[Job]:
            await asyncio.sleep(LOAD_S)
            yield job("Good")

        _, landed = await dispatched(source(), [told.slot(load_s=0.3)], limits)
    assert ends(landed) == {"ok": 1}
