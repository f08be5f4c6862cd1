"""The dispatcher against fake slots: full, never over the cap, and right through every fault."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job
from model_foundry.slot.outcome import Result
from model_foundry_tests.asking import calling, job, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot

DEADLINE_S = 20.0


class Landed(list[Result]):
    """What was landed, in order."""

    async def land(self, results: Sequence[Result]) -> None:
        self.extend(results)

    def statuses(self) -> Counter[str]:
        return Counter(result.status for result in self)

    def one(self) -> Result:
        (result,) = self
        return result


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return quick(tmp_path)


async def run(
    asked: Iterable[Job], slots: Sequence[Slot], settings: Settings, **options: Any
) -> tuple[DispatchReport, Landed]:
    """Dispatch, and check what holds for every dispatch."""
    asked = list(asked)
    landed = Landed()
    report = await dispatch(
        asked,
        slots=slots,
        environment={"FAKE_KEY": "sk-a-secret"},
        land=landed.land,
        settings=settings,
        **options,
    )
    ids = [result.job.job_id for result in landed]
    assert sorted(ids) == sorted(each.job_id for each in asked)
    assert report.asked == len(asked)
    assert landed.statuses() == Counter(
        {name: n for name in ("ok", "rejected", "failed") if (n := getattr(report, name))}
    )
    return report, landed


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(0.01)


async def test_every_place_works_and_none_beyond_the_cap(
    limits: Settings, record_property: Any
) -> None:
    with FakeSlot(parallel=8, delay_ms=200) as fake:
        report, landed = await run(jobs(80), [fake.slot()], limits)
        assert fake.stats()["peak"] == 8
    assert landed.statuses() == {"ok": 80}
    utilisation = 80 / 8 * 0.2 / report.wall_s
    record_property("utilisation", utilisation)
    assert utilisation > 0.7  # of two seconds, on a machine that does other things meanwhile


async def test_the_server_s_own_cap_holds_if_it_is_lower(limits: Settings) -> None:
    with FakeSlot(parallel=8, total_slots=3, delay_ms=20) as fake:
        await run(jobs(30), [fake.slot()], limits)
        assert fake.stats()["peak"] == 3


async def test_of_two_unequal_slots_each_takes_what_it_can(limits: Settings) -> None:
    with (
        FakeSlot(name="fast", parallel=4, delay_ms=50) as fast,
        FakeSlot(name="slow", parallel=2, delay_ms=500) as slow,
    ):
        # Together 84 a second: both are done within one turn of the slow one.
        report, _ = await run(jobs(126), [fast.slot(), slow.slot()], limits)
        assert (fast.stats()["peak"], slow.stats()["peak"]) == (4, 2)
        assert slow.stats()["requests"] <= 10
        assert fast.stats()["requests"] >= 116
    assert report.wall_s < 3
    assert {figures.slot: figures.answers for figures in report.slots}["slow"] >= 4


async def test_a_slot_takes_only_jobs_of_its_roles(limits: Settings) -> None:
    with FakeSlot(name="a") as first, FakeSlot(name="b") as second:
        slots = [first.slot(roles=["worker"]), second.slot(roles=["translator", "orchestrator"])]
        asked = [*jobs(5), *jobs(4, "x", role="translator"), *jobs(3, "y", role="orchestrator")]
        await run(asked, slots, limits)
        assert (first.stats()["requests"], second.stats()["requests"]) == (5, 7)


async def test_a_job_of_a_role_that_nobody_serves_fails_alone(limits: Settings) -> None:
    with FakeSlot() as fake:
        _, landed = await run([job(role="translator"), *jobs(3)], [fake.slot()], limits)
    assert landed.statuses() == {"ok": 3, "failed": 1}
    failed = next(result for result in landed if result.status == "failed")
    assert (failed.error_kind, failed.attempts, failed.slot) == ("no_slot", 0, None)
    assert "translator" in str(failed.error)


async def test_no_jobs_is_a_report_of_zeros(limits: Settings) -> None:
    with FakeSlot() as fake:
        report, _ = await run([], [fake.slot()], limits)
    assert (report.asked, report.ok, report.output_tokens) == (0, 0, 0)


async def test_the_report_adds_up_tokens_and_speeds(limits: Settings) -> None:
    with FakeSlot(delay_ms=20) as fake:
        report, landed = await run([*jobs(5), job("!fault=500,times=1!")], [fake.slot()], limits)
    (figures,) = report.slots
    assert (report.input_tokens, report.output_tokens) == (180, 66)
    assert report.tokens_per_s == 66 / report.wall_s
    assert (figures.requests, figures.answers, figures.errors) == (7, 6, {"server_error": 1})
    assert figures.pp_tokens_per_s == pytest.approx(400)
    assert figures.tg_tokens_per_s == pytest.approx(100)
    assert figures.p50_ms is not None
    assert 20 <= figures.p50_ms < 1000
    assert all(result.created_at <= result.completed_at for result in landed)


@pytest.mark.parametrize("fault", ["429", "500", "503", "504", "reset", "cut", "not-json", "html"])
async def test_a_passing_fault_is_tried_again(limits: Settings, fault: str) -> None:
    with FakeSlot() as fake:
        asked = [job(f"!fault={fault},times=2!"), *jobs(10)]
        _, landed = await run(asked, [fake.slot()], limits)
        assert fake.stats()["asked"][asked[0].job_id] == 3
    assert landed.statuses() == {"ok": 11}
    assert {result.job.job_id: result.attempts for result in landed}[asked[0].job_id] == 3


async def test_a_hang_costs_one_time_limit(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_idle_s=0.3)
    with FakeSlot() as fake:
        _, landed = await run([job("!fault=hang,times=1!")], [fake.slot()], limits)
    assert (landed.one().status, landed.one().attempts) == ("ok", 2)


@pytest.mark.parametrize(
    ("fault", "status", "kind", "attempts"),
    [
        ("500", "failed", "server_error", 4),
        ("error-object", "failed", "server_error", 4),
        ("not-json", "failed", "invalid_response", 4),
        ("cut", "failed", "connection", 4),
        ("400", "failed", "bad_request", 1),
        ("huge", "failed", "too_large", 1),
        ("length", "rejected", "length", 1),
        ("empty", "rejected", "empty", 1),
    ],
)
async def test_a_lasting_fault_ends_one_job_and_stops_no_other(
    limits: Settings, *, fault: str, status: str, kind: str, attempts: int
) -> None:
    with FakeSlot() as fake:
        asked = [*jobs(20), job(f"!fault={fault}!"), *jobs(20, "x")]
        _, landed = await run(asked, [fake.slot()], limits)
    (bad,) = (result for result in landed if result.status != "ok")
    assert (bad.status, bad.error_kind, bad.attempts) == (status, kind, attempts)
    assert bad.error
    assert (bad.completion is not None) == (status == "rejected")


async def test_a_tool_call_needs_no_text(limits: Settings) -> None:
    with FakeSlot() as fake:
        _, landed = await run([calling("!fault=tool-call!")], [fake.slot()], limits)
    assert landed.one().status == "ok"


async def test_retry_after_stops_the_slot_for_as_long_as_it_says(limits: Settings) -> None:
    with FakeSlot(parallel=1) as fake:
        asked = [job("!fault=429,times=1,retry_after=1!"), *jobs(3)]
        report, landed = await run(asked, [fake.slot()], limits)
    assert landed.statuses() == {"ok": 4}
    assert report.wall_s >= 1


async def test_a_retry_after_of_nothing_is_no_leave_to_ask_at_once(tmp_path: Path) -> None:
    places, rest_s = 4, 0.2
    waits = {"inference_backoff_s": rest_s, "inference_backoff_max_s": rest_s}
    limits = quick(tmp_path, inference_wait_s=0.3, **waits)
    with FakeSlot(parallel=places) as fake:
        asked = list(jobs(40, "!fault=429,retry_after=0!"))
        report, landed = await run(asked, [fake.slot()], limits)
        assert landed.statuses() == {"failed": 40}
        assert fake.stats()["requests"] <= places * (1 + report.wall_s / (0.75 * rest_s))


async def test_being_turned_away_spends_no_attempt_but_ends(tmp_path: Path) -> None:
    patient = quick(tmp_path, inference_max_attempts=2)
    with FakeSlot() as fake:
        _, landed = await run([job("!fault=429,times=6!"), *jobs(5)], [fake.slot()], patient)
        assert landed.statuses() == {"ok": 6}
        _, landed = await run(
            [job("!fault=429!")],
            [fake.slot()],
            quick(tmp_path, inference_wait_s=0.5),
        )
    assert (landed.one().status, landed.one().error_kind) == ("failed", "rate_limited")


async def test_others_go_on_while_a_job_waits_to_be_tried_again(tmp_path: Path) -> None:
    slow_to_retry = quick(tmp_path, inference_backoff_s=0.8, inference_backoff_max_s=0.8)
    with FakeSlot(parallel=2, delay_ms=10) as fake:
        asked = [job("!fault=500,times=1!"), *jobs(40)]
        _, landed = await run(asked, [fake.slot()], slow_to_retry)
    assert [result.job.job_id for result in landed][-1] == asked[0].job_id
    others = max(result.completed_at for result in landed[:-1])
    assert (landed[-1].completed_at - others).total_seconds() > 0.1


async def test_what_one_slot_fails_another_answers(limits: Settings) -> None:
    with FakeSlot(name="broken", parallel=4) as broken, FakeSlot(name="sound", parallel=4) as sound:
        broken.tell(fault="500")
        sound.tell(delay_ms=10)
        asked = list(jobs(60))
        report, landed = await run(asked, [broken.slot(), sound.slot()], limits)
        # Tried again on the other one, and not on the one that failed it.
        assert set(broken.stats()["asked"].values()) <= {1}
        assert 0 < broken.stats()["requests"] < 60
    assert landed.statuses() == {"ok": 60}
    assert {figures.slot: figures.answers for figures in report.slots} == {"broken": 0, "sound": 60}


async def test_a_slot_that_refuses_the_key_is_left_alone(limits: Settings) -> None:
    with FakeSlot(name="locked", parallel=2) as locked, FakeSlot(name="open", parallel=2) as other:
        locked.tell(fault="401")
        other.tell(delay_ms=5)
        slots = [locked.slot(api_key={"env": "FAKE_KEY"}), other.slot()]
        _, landed = await run(jobs(40), slots, limits)
        assert locked.stats()["requests"] <= 2
        assert landed.statuses() == {"ok": 40}
        _, landed = await run(jobs(40), slots[:1], limits)
        assert locked.stats()["requests"] <= 4
    assert landed.statuses() == {"failed": 40}
    assert {result.error_kind for result in landed} == {"no_slot"}
    assert "locked: unauthorized: HTTP 401" in str(landed[0].error)
    assert not any("sk-a-secret" in str(result.error) for result in landed)


async def test_a_slot_that_refuses_lets_the_jobs_of_all_its_roles_go(limits: Settings) -> None:
    with FakeSlot(name="locked", parallel=1) as locked, FakeSlot(name="open") as other:
        locked.tell(fault="401")
        slots = [locked.slot(roles=["orchestrator", "worker"]), other.slot(roles=["worker"])]
        asked = [*jobs(20), *jobs(2, "Only there", role="orchestrator")]
        async with asyncio.timeout(20):
            _, landed = await run(asked, slots, limits)
    assert landed.statuses() == {"ok": 20, "failed": 2}
    assert {result.error_kind for result in landed if result.status == "failed"} == {"no_slot"}


async def test_a_slot_that_dies_and_returns_is_used_again(limits: Settings) -> None:
    with FakeSlot(parallel=4, delay_ms=20) as fake:
        landed = Landed()
        asked = list(jobs(150))
        running = asyncio.create_task(
            dispatch(asked, slots=[fake.slot()], environment={}, land=landed.land, settings=limits)
        )
        await until(lambda: len(landed) > 20)
        fake.kill()
        before = len(landed)
        await asyncio.sleep(0.5)  # dead for as long as many attempts would take
        assert len(landed) <= before + 4
        fake.start()
        returned = time.monotonic()
        await until(lambda: len(landed) > before + 4)
        assert time.monotonic() - returned < 2
        await running
        assert landed.statuses() == {"ok": 150}
        # Only what was in flight was asked again.
        assert sum(result.attempts - 1 for result in landed) <= 4


async def test_a_slot_that_is_not_up_yet_is_waited_for(limits: Settings) -> None:
    with FakeSlot() as fake:
        slot = fake.slot()
        fake.kill()
        running = asyncio.create_task(run(jobs(5), [slot], limits))
        await asyncio.sleep(0.3)
        assert not running.done()
        fake.start()
        _, landed = await running
    assert landed.statuses() == {"ok": 5}
    assert {result.attempts for result in landed} == {1}


async def test_a_slot_that_says_it_is_loading_is_waited_for(limits: Settings) -> None:
    with FakeSlot() as fake:
        fake.tell(health=503)
        running = asyncio.create_task(run(jobs(5), [fake.slot()], limits))
        await asyncio.sleep(0.3)
        assert fake.stats()["requests"] == 0
        fake.tell(health=200)
        _, landed = await running
    assert landed.statuses() == {"ok": 5}


async def test_when_all_slots_stay_dead_the_jobs_fail_with_the_reason(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_slot_dead_s=0.4)
    with FakeSlot(name="gone") as fake:
        slot = fake.slot()
        fake.kill()
        report, landed = await run(jobs(2_000), [slot], limits)
    assert landed.statuses() == {"failed": 2_000}
    assert {result.error_kind for result in landed} == {"no_slot"}
    assert str(landed[0].error).startswith("no slot of role worker answers (gone: ")
    assert 0.4 <= report.wall_s < 10


async def test_a_slot_that_answers_nothing_is_dead_too(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_wait_s=0.3, inference_idle_s=0.3)
    with FakeSlot(parallel=2) as fake:
        fake.tell(fault="500")
        report, landed = await run(jobs(500), [fake.slot()], limits)
        assert fake.stats()["requests"] < 200
    assert landed.statuses() == {"failed": 500}
    assert report.wall_s < 10


async def test_interactive_jobs_go_before_batch_jobs(limits: Settings) -> None:
    with FakeSlot(parallel=1, delay_ms=5) as fake:
        asked = [*jobs(30), *jobs(5, "now", priority="interactive")]
        _, landed = await run(asked, [fake.slot()], limits)
    order = [result.job.priority for result in landed]
    assert order[:6].count("interactive") >= 5  # one batch job may have begun already


async def test_interactive_jobs_of_any_role_go_before_batch_jobs_of_another(
    limits: Settings,
) -> None:
    with FakeSlot(parallel=1, delay_ms=5) as fake:
        asked = [*jobs(30), *jobs(5, "now", role="orchestrator", priority="interactive")]
        _, landed = await run(asked, [fake.slot(roles=["worker", "orchestrator"])], limits)
    order = [result.job.priority for result in landed]
    assert order[:6].count("interactive") >= 5


async def test_queue_ahead_lets_more_wait_in_the_server_s_own_queue(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_progress_s=0.02)
    seen: list[Progress] = []
    with FakeSlot(parallel=4, delay_ms=20) as fake:
        await run(jobs(80), [fake.slot(queue_ahead=3)], limits, progress=seen.append)
        assert fake.stats()["peak"] == 7
    assert max(each.busy for each in seen) == 4  # those that wait there do not count as busy
    assert max(each.places for each in seen) == 4


async def test_queue_ahead_is_beyond_the_server_s_own_cap(limits: Settings) -> None:
    with FakeSlot(parallel=8, total_slots=3, delay_ms=20) as fake:
        await run(jobs(40), [fake.slot(queue_ahead=2)], limits)
        assert fake.stats()["peak"] == 5


async def test_a_job_beyond_its_deadline_fails_and_its_attempt_is_cancelled(
    limits: Settings,
) -> None:
    with FakeSlot(parallel=2, delay_ms=10) as fake:
        asked = [job("!fault=hang!", deadline_s=0.5), *jobs(40)]
        report, landed = await run(asked, [fake.slot()], limits)
    (late,) = (result for result in landed if result.status != "ok")
    assert (late.error_kind, late.attempts) == ("deadline", 1)
    assert "slot fake" in str(late.error)
    assert 0.5 <= report.wall_s < 5  # not the attempt's own time limit
    assert report.slots[0].errors == {}  # the slot is not to blame


async def test_a_deadline_counts_while_a_job_waits(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_deadline_s=0.4)
    with FakeSlot(parallel=1, delay_ms=150) as fake:
        asked = [*jobs(6), job("patient", deadline_s=60)]
        _, landed = await run(asked, [fake.slot()], limits)
        assert fake.stats()["requests"] <= 4
    ends = {result.job.job_id: result for result in landed}
    assert ends[asked[-1].job_id].status == "ok"
    assert ends[asked[0].job_id].status == "ok"
    never = ends[asked[5].job_id]
    assert (never.status, never.error_kind, never.attempts) == ("failed", "deadline", 0)


async def test_a_deadline_ends_the_wait_for_another_try(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_backoff_s=30, inference_backoff_max_s=30)
    with FakeSlot() as fake:
        asked = [job("!fault=500!", deadline_s=0.3), *jobs(5)]
        report, landed = await run(asked, [fake.slot()], limits)
    assert landed.statuses() == {"ok": 5, "failed": 1}
    assert report.error_kinds == {"deadline": 1}
    assert report.wall_s < 10


async def test_the_source_is_read_no_further_than_needed(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_queue_jobs=20, inference_land_batch=10)
    given = most_ahead = 0
    landed = Landed()

    def source() -> Iterator[Job]:
        nonlocal given, most_ahead
        for each in jobs(1_000):
            given += 1
            most_ahead = max(most_ahead, given - len(landed))
            yield each

    with FakeSlot(parallel=4) as fake:
        await dispatch(
            source(), slots=[fake.slot()], environment={}, land=landed.land, settings=limits
        )
    assert len(landed) == 1_000
    assert most_ahead <= 20 + 2 * 10 + 1


async def test_an_asynchronous_source_is_asked_as_it_comes(limits: Settings) -> None:
    landed = Landed()

    async def source() -> AsyncIterator[Job]:
        yield job("first")
        await until(lambda: len(landed) == 1)
        yield job("second")

    with FakeSlot() as fake:
        report = await dispatch(
            source(), slots=[fake.slot()], environment={}, land=landed.land, settings=limits
        )
    assert report.ok == 2


async def test_a_source_that_fails_loses_nothing_that_it_gave(limits: Settings) -> None:
    landed = Landed()

    def source() -> Iterator[Job]:
        yield from jobs(10)
        raise RuntimeError("the source broke")

    with FakeSlot(delay_ms=20) as fake, pytest.raises(RuntimeError, match="the source broke"):
        await dispatch(
            source(), slots=[fake.slot()], environment={}, land=landed.land, settings=limits
        )
    assert landed.statuses() == {"ok": 10}


async def test_results_that_cannot_be_kept_end_the_dispatch(limits: Settings) -> None:
    async def land(results: Sequence[Result]) -> None:
        raise RuntimeError("the disk is full")

    with FakeSlot(delay_ms=5) as fake:
        with pytest.raises(RuntimeError, match="the disk is full"):
            await dispatch(
                jobs(1_000), slots=[fake.slot()], environment={}, land=land, settings=limits
            )
        assert fake.stats()["requests"] < 1_000


async def test_what_has_finished_is_landed_when_the_dispatch_is_cancelled(tmp_path: Path) -> None:
    # Nothing lands by itself before the cancellation.
    limits = quick(tmp_path, inference_land_s=60, inference_land_batch=10_000)
    landed = Landed()
    seen: list[Progress] = []
    with FakeSlot(parallel=4, delay_ms=30) as fake:
        running = asyncio.create_task(
            dispatch(
                jobs(1_000),
                slots=[fake.slot()],
                environment={},
                land=landed.land,
                settings=limits.model_copy(update={"inference_progress_s": 0.01}),
                progress=seen.append,
            )
        )
        await until(lambda: seen and seen[-1].done >= 12)
        assert not landed
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert landed.statuses() == {"ok": len(landed)}
        assert 12 <= len(landed) < 1_000
        assert fake.stats()["requests"] <= len(landed) + 4


async def test_a_landing_that_is_cancelled_is_done_again(tmp_path: Path) -> None:
    landed = Landed()
    begun = asyncio.Event()

    async def land(results: Sequence[Result]) -> None:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        landed.extend(results)

    with FakeSlot() as fake:
        running = asyncio.create_task(
            dispatch(
                jobs(4), slots=[fake.slot()], environment={}, land=land, settings=quick(tmp_path)
            )
        )
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len({result.job.job_id for result in landed}) == len(landed) > 0


async def test_progress_tells_how_far_it_is(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_progress_s=0.02)
    seen: list[Progress] = []
    with FakeSlot(parallel=4, delay_ms=20) as fake:
        await run(jobs(60), [fake.slot()], limits, progress=seen.append)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    last = seen[-1]
    assert (last.done, last.total, last.total_is_final, last.ok) == (60, 60, True, 60)
    assert last.output_tokens == 660
    assert last.tokens_per_s > 0
    middle = next(each for each in seen if 10 < each.done < 60)
    assert (middle.busy, middle.places) == (4, 4)
    assert middle.eta_s is not None
