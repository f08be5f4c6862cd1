"""An error is judged by slot and shape of request: not here is not nowhere, nor broken."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from model_foundry.dispatch.alike import ENOUGH_JOBS
from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.report import DispatchReport
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result
from model_foundry_tests.asking import job, jobs, quick
from model_foundry_tests.told_slot import Asked, Told, ToldSlot, until

SCHEMA = {"type": "json_object"}
WITHIN_S = 40.0


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return quick(tmp_path)


async def run(
    asked: Iterable[Job], slots: Sequence[Slot], settings: Settings
) -> tuple[DispatchReport, list[Result]]:
    landed: list[Result] = []

    async def land(results: Sequence[Result]) -> None:
        landed.extend(results)

    asked = list(asked)
    async with asyncio.timeout(WITHIN_S):
        report = await dispatch(asked, slots=slots, environment={}, land=land, settings=settings)
    assert sorted(each.job.job_id for each in landed) == sorted(each.job_id for each in asked)
    return report, landed


def ends(landed: Iterable[Result]) -> Counter[str]:
    return Counter(each.error_kind or each.status for each in landed)


def shaped(count: int, text: str = "Hello", **shape: Any) -> list[Job]:
    return [
        job(
            source_event_id=f"{text}-{number}",
            request=Request(messages=[{"role": "user", "content": text}], **shape),
        )
        for number in range(count)
    ]


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def always(*, after_s: float = 0.0) -> Callable[[Asked], Told]:
    return lambda _: Told(after_s=after_s)


async def test_what_one_slot_refuses_another_answers(limits: Settings) -> None:
    def no_schema(asked: Asked) -> Told:
        return Told(400 if "tools" in asked.body else 200)

    tools = [{"type": "function", "function": {"name": "f"}}]
    async with (
        ToldSlot(no_schema, name="choosy") as choosy,
        ToldSlot(always(after_s=0.02), name="able") as able,
    ):
        asked = [*shaped(60, tools=tools), *shaped(60, "Plain")]
        report, landed = await run(asked, [choosy.slot(), able.slot()], limits)
    assert report.failed == 0
    assert ends(landed).keys() == {"ok"}
    # It rests for what it refuses, and for nothing else.
    refused = [each for each in choosy.asked if "tools" in each.body]
    assert len(refused) < 30
    assert len(choosy.asked) - len(refused) >= 20
    assert max(choosy.times().values()) == 1


async def test_a_shape_that_a_slot_refused_is_tried_again_after_a_while(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_backoff_max_s=0.1)

    def at_first(asked: Asked) -> Told:
        return Told(422 if asked.number <= 6 else 200, after_s=0.01, says="{}")

    async with (
        ToldSlot(at_first, name="mended") as mended,
        ToldSlot(lambda _: Told(after_s=0.05, says="{}"), name="able") as able,
    ):
        asked = shaped(150, response_format=SCHEMA)
        report, _ = await run(asked, [mended.slot(), able.slot()], limits)
    answered = {each.slot: each.answers for each in report.slots}
    assert answered["mended"] > 20
    assert report.ok == 150


@pytest.mark.parametrize("status", [400, 422])
async def test_what_every_slot_refuses_fails_when_each_has_refused_it(
    limits: Settings, status: int
) -> None:
    async with AsyncExitStack() as stack:
        slots = [
            await stack.enter_async_context(
                ToldSlot(lambda asked: Told(status if asked.prompt == "Bad" else 200), name=f"s{n}")
            )
            for n in range(3)
        ]
        asked = [*shaped(5, "Bad"), *shaped(40, "Good")]
        _, landed = await run(asked, [each.slot() for each in slots], limits)
        assert ends(landed) == {"ok": 40, "bad_request": 5}
        bad = [each for each in landed if each.status == "failed"]
        assert {each.attempts for each in bad} == {3}
        for each in slots:
            assert all(each.times()[one.job.job_id] == 1 for one in bad)


async def test_a_prompt_too_long_for_the_small_slot_goes_to_the_large_one(
    limits: Settings,
) -> None:
    def small(asked: Asked) -> Told:
        fits = asked.tokens < 512
        return Told(200 if fits else 400, message="the request exceeds the available context size")

    long, short = "word " * 1_000, "word " * 20
    async with (
        ToldSlot(small, name="small", parallel=4) as little,
        ToldSlot(always(after_s=0.05), name="large", parallel=2) as large,
    ):
        asked = [*shaped(20, long), *shaped(20, short)]
        slots = [little.slot(context_tokens=512), large.slot(context_tokens=8192)]
        _, landed = await run(asked, slots, limits)
    assert ends(landed) == {"ok": 40}
    # Known before it is asked.
    assert [each for each in little.asked if each.prompt == long] == []
    assert len([each for each in little.asked if each.prompt == short]) >= 10


async def test_how_long_prompts_are_is_learnt_from_answers(limits: Settings) -> None:
    # A byte is a token there, as for scripts that the tokenizer does not know.
    def small(asked: Asked) -> Told:
        return Told(200 if len(asked.prompt) < 512 else 400, message="too long")

    class Bytewise(ToldSlot):
        async def _answer(self, *request: Any) -> tuple[int, dict[str, Any]]:
            status, answer = await super()._answer(*request)
            if "usage" in answer:
                answer["usage"]["prompt_tokens"] = len(self.asked[-1].prompt)
            return status, answer

    async with (
        ToldSlot(small, name="small") as little,
        Bytewise(always(after_s=0.01), name="large", parallel=1) as large,
    ):
        asked = shaped(60, "字" * 400)
        slots = [little.slot(context_tokens=512), large.slot(context_tokens=8192)]
        _, landed = await run(asked, slots, limits)
    assert ends(landed) == {"ok": 60}


async def test_a_slot_that_fails_at_once_eats_no_job_that_a_slow_one_can_answer(
    limits: Settings,
) -> None:
    async with (
        ToldSlot(lambda _: Told(500), name="broken") as broken,
        ToldSlot(always(after_s=0.6), name="slow", parallel=8) as slow,
    ):
        _, landed = await run(jobs(40), [broken.slot(), slow.slot()], limits)
    assert ends(landed) == {"ok": 40}


@pytest.mark.parametrize("status", [403, 404])
async def test_one_403_or_404_retires_nothing(limits: Settings, status: int) -> None:
    async with ToldSlot(lambda asked: Told(status if asked.number == 7 else 200)) as told:
        _, landed = await run(jobs(101), [told.slot()], limits)
    assert ends(landed) == {"ok": 101}


@pytest.mark.parametrize("status", [403, 404])
async def test_an_endpoint_that_is_not_there_says_nothing_of_the_other(
    limits: Settings, status: int
) -> None:
    def chats_only(asked: Asked) -> Told:
        return Told(200 if "messages" in asked.body else status, after_s=0.01)

    complete = [
        job(source_event_id=f"c-{n}", request=Request(endpoint="completion", prompt="x"))
        for n in range(30)
    ]
    async with ToldSlot(chats_only) as told:
        report, landed = await run([*complete, *jobs(60)], [told.slot()], limits)
    assert ends(landed)["ok"] == 60
    failed = [each for each in landed if each.status == "failed"]
    assert {each.job.request.endpoint for each in failed} == {"completion"}
    assert len([each for each in told.asked if "prompt" in each.body]) < 60
    assert report.ended is not None


async def test_an_endpoint_that_comes_back_is_used_again(tmp_path: Path) -> None:
    limits = quick(tmp_path, inference_backoff_max_s=0.1)

    def gone_meanwhile(asked: Asked) -> Told:
        return Told(404 if 10 < asked.number <= 16 else 200, after_s=0.005)

    async with ToldSlot(gone_meanwhile) as told:
        _, landed = await run(jobs(80), [told.slot()], limits)
    assert ends(landed) == {"ok": 80}


MOODS = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 520, 529]


@pytest.mark.parametrize("late_s", [0.0, 0.1])
@pytest.mark.parametrize("status", MOODS)
async def test_whatever_mood_one_slot_is_in_the_others_answer(
    limits: Settings, status: int, late_s: float
) -> None:
    def moody(asked: Asked) -> Told:
        in_a_mood = asked.number % 3 != 0
        return Told(status if in_a_mood else 200, after_s=late_s)

    async with (
        ToldSlot(moody, name="moody") as told,
        ToldSlot(always(after_s=0.01), name="fast", parallel=2) as fast,
        ToldSlot(always(after_s=0.1), name="slow", parallel=2) as slow,
    ):
        slots = [each.slot() for each in (told, fast, slow)]
        _, landed = await run(jobs(60), slots, limits)
    assert ends(landed) == {"ok": 60}


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_when_everything_fails_alike_no_more_is_asked(limits: Settings, status: int) -> None:
    async with ToldSlot(lambda _: Told(status)) as told:
        report, landed = await run(jobs(400), [told.slot()], limits)
    assert report.failed == 400
    assert report.ended is not None
    assert "as told" in report.ended
    assert ends(landed).keys() & {"not_asked", "no_slot"}
    assert len(told.times()) <= 2 * ENOUGH_JOBS
    assert sum(each.attempts == 0 for each in landed) >= 300


async def test_an_interactive_job_is_asked_whatever_became_of_others(limits: Settings) -> None:
    def only(asked: Asked) -> Told:
        return Told(200 if asked.prompt == "Now" else 400, after_s=0.01)

    async with ToldSlot(only) as told:
        mine = [job("Now", priority="interactive", source_event_id="last")]

        async def source() -> Any:
            for each in jobs(100):
                yield each
            async with asyncio.timeout(WITHIN_S):
                await until(lambda: len(told.asked) >= ENOUGH_JOBS)
            yield mine[0]

        landed: list[Result] = []

        async def land(results: Sequence[Result]) -> None:
            landed.extend(results)

        report = await dispatch(
            source(), slots=[told.slot()], environment={}, land=land, settings=limits
        )
    assert report.ended is not None
    assert report.ok == 1


async def test_what_some_answer_is_asked_to_the_end(limits: Settings) -> None:
    async with ToldSlot(lambda asked: Told(200 if asked.number == 5 else 400)) as told:
        report, landed = await run(jobs(60), [told.slot()], limits)
    assert ends(landed) == {"ok": 1, "bad_request": 59}
    assert report.ended is None


ROLES: list[Any] = [[], {}, 5, None, ["user"]]
ODD_REQUESTS: list[dict[str, Any]] = [
    *({"messages": [{"role": role, "content": "x"}]} for role in ROLES),
    {"messages": [{"content": "x"}, {"role": "user", "content": [[], {}, 5]}]},
    *({"max_tokens": number} for number in (10**400, -1, -(10**400), 0)),
    {"response_format": {"type": []}},
    {"tools": [{}, {"function": []}], "tool_choice": {"function": []}},
]


@pytest.mark.parametrize("takes", ["json_schema", "none"])
async def test_a_request_of_any_shape_is_no_end_of_the_others(limits: Settings, takes: str) -> None:
    chat = {"messages": [{"role": "user", "content": "Odd"}]}
    odd = [
        job(source_event_id=f"odd-{number}", request=Request(**chat | fields))
        for number, fields in enumerate(ODD_REQUESTS)
    ]
    async with (
        ToldSlot(lambda _: Told(), name="one") as one,
        ToldSlot(lambda _: Told(), name="two") as two,
    ):
        slots = [each.slot(response_format=takes) for each in (one, two)]
        _, landed = await run([*jobs(5), *odd, *jobs(5, "Later")], slots, limits)
    assert [each.status for each in landed if each.job not in odd] == ["ok"] * 10
    assert all(figures.error_kind != "timeout" for figures in landed)


@pytest.mark.parametrize("kind", ["batch", "interactive"])
async def test_what_is_refused_of_a_job_that_stands_alone_says_nothing_of_others(
    limits: Settings, kind: str
) -> None:
    bad = list(jobs(2 * ENOUGH_JOBS, "Bad", priority=kind, alone=True))
    good = list(jobs(20, "Good", priority=kind, alone=True))
    async with ToldSlot(lambda asked: Told(400 if asked.prompt == "Bad" else 200)) as told:
        report, landed = await run([*bad, *good], [told.slot()], limits)
    assert ends(landed) == {"ok": 20, "bad_request": len(bad)}
    assert report.ended is None


@pytest.mark.parametrize(
    "shape",
    [
        {"tool_choice": {"type": "function", "function": "x"}},
        {"response_format": _schema({"$schema": 5})},
        {"response_format": _schema({"multipleOf": 0.7, "type": "integer"}), "digits": 400},
        {"response_format": _schema({"$dynamicRef": "#nowhere"})},
    ],
    ids=str,
)
async def test_whatever_goes_wrong_with_one_job_is_its_own_end(
    limits: Settings, shape: dict[str, Any]
) -> None:
    digits = shape.get("digits", 0)
    odd = shaped(1, "Odd", **{name: each for name, each in shape.items() if name != "digits"})
    async with ToldSlot(lambda _: Told(says="9" * digits or "5")) as told:
        _, landed = await run([*jobs(20), *odd], [told.slot()], limits)
    (end,) = (each for each in landed if each.job is odd[0])
    assert end.status in {"failed", "rejected"}
    assert end.error
    assert [each.status for each in landed if each is not end] == ["ok"] * 20
