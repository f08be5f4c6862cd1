"""From jobs to rows of `inference_result`, on a real PostgreSQL: what lands, and what is asked."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg.errors import UndefinedColumn

from model_foundry import postgres
from model_foundry.devstack.slots import SlotServer
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.results.landed import land, run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result, Status
from model_foundry.slot.timings import Timings
from model_foundry_tests.asking import DAY, QUICK, job, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import execute, rows
from model_foundry_tests.line import value as db
from model_foundry_tests.told_slot import until

SLOT = Slot(
    name="naughty",
    roles=("worker",),
    runtime="vllm",
    endpoint="http://127.0.0.1:1",
    model="gemma",
    licence="Gemma",
    parallel=1,
    context_tokens=4096,
)


@pytest.fixture
def limits(settings: Settings) -> Settings:
    """Settings with servers and short waits."""
    return settings.model_copy(update=QUICK)


def result(asked: Job, status: Status = "ok", *, text: str = "Yes.") -> Result:
    answer = Completion(
        text=text,
        reasoning="Why not.",
        tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        finish_reason="stop",
        response_model="gemma-v1",
        timings=Timings(timing_source="server", total_ms=1.5, input_tokens=3, queue_ms=0.5),
    )
    moment = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    return Result(
        job=asked,
        status=status,
        slot=SLOT,
        completion=None if status == "failed" else answer,
        error_kind=None if status == "ok" else "timeout",
        error=None if status == "ok" else "too late",
        attempts=2,
        created_at=moment,
        completed_at=moment,
    )


async def keep(settings: Settings, *results: Result) -> None:
    async with await postgres.connect_async(settings) as connection:
        await land(connection, results)


async def test_a_row_holds_the_whole_job_and_its_figures(limits: Settings) -> None:
    asked = job("Hi", source_part="message/2")
    cost = {"parallel": 3, "price_per_hour": 0.5, "watts": 300}
    with FakeSlot(flavour="vllm") as fake:
        report = await run_jobs([asked], settings=limits, slots=[fake.slot(**cost)])
    assert (report.asked, report.cached, report.ok) == (1, 0, 1)
    (row,) = rows(limits, "SELECT * FROM inference_result")
    moments = [row.pop(name) for name in ("created_at", "completed_at", "landed_at")]
    assert moments == sorted(moments)
    assert row.pop("total_ms") > 0
    assert row == {
        "job_id": asked.job_id,
        "recipe": "test",
        "kind": "generation",
        "role": "worker",
        "slot": "fake",
        "status": "ok",
        "error_kind": None,
        "error": None,
        "attempts": 1,
        "occurred_on": DAY,
        "correlation_id": "session-1",
        "source_event_id": "event-1",
        "source_event_ids": ["event-1"],
        "source_part": "message/2",
        "source_row": None,
        "request": {
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.0,
            "max_tokens": 32,
        },
        "request_model": "fake-model",
        "response_model": "fake-model-v1",
        "provider_name": "vllm",
        "licence": "Apache-2.0",
        "slot_parallel": 3,
        "slot_price_per_hour": 0.5,
        "slot_watts": 300.0,
        "raw_answer": None,
        "longest_context_tokens": None,
        "sent_back_text": None,
        "response_text": "Answer to: Hi",
        "reasoning_text": None,
        "tool_calls": None,
        "finish_reason": "stop",
        "input_tokens": 30,
        "output_tokens": 11,
        "cached_tokens": 10,
        "queue_ms": 7.0,
        "ttft_ms": 50.0,
        "pp_tokens_per_s": 400.0,
        "tg_tokens_per_s": 100.0,
        "timing_source": "server",
    }


async def test_a_second_run_asks_only_what_has_no_answer(limits: Settings) -> None:
    asked = [*jobs(1_200), job("!fault=length!"), job("!fault=400!")]
    with FakeSlot() as fake:
        first = await run_jobs(asked, settings=limits, slots=[fake.slot()])
        assert (first.asked, first.cached, first.ok) == (1_202, 0, 1_200)
        assert (first.rejected, first.failed) == (1, 1)
        assert first.error_kinds == {"length": 1, "bad_request": 1}
        more = [*asked, *jobs(3, "new")]
        second = await run_jobs(more, settings=limits, slots=[fake.slot()])
        stats = fake.stats()
    assert (second.asked, second.cached, second.total) == (4, 1_201, 1_205)
    assert stats["requests"] == 1_202 + 4
    assert stats["asked"][asked[-1].job_id] == 2
    assert max(n for job_id, n in stats["asked"].items() if job_id != asked[-1].job_id) == 1
    statuses = rows(limits, "SELECT status, count(*) AS n FROM inference_result GROUP BY status")
    assert {row["status"]: row["n"] for row in statuses} == {
        "ok": 1_203,
        "rejected": 1,
        "failed": 1,
    }


async def test_a_job_that_comes_twice_is_asked_once(limits: Settings) -> None:
    with FakeSlot() as fake:
        report = await run_jobs([job(), job(), job("x")], settings=limits, slots=[fake.slot()])
        assert fake.stats()["requests"] == 2
    assert report.asked == 2


async def test_a_failed_job_is_asked_again_and_its_row_replaced(limits: Settings) -> None:
    asked = job("!fault=400,times=1!")
    with FakeSlot() as fake:
        await run_jobs([asked], settings=limits, slots=[fake.slot()])
        (row,) = rows(limits, "SELECT status, error_kind, error FROM inference_result")
        assert (row["status"], row["error_kind"]) == ("failed", "bad_request")
        assert "HTTP 400" in row["error"]
        await run_jobs([asked], settings=limits, slots=[fake.slot()])
    (row,) = rows(limits, "SELECT status, error_kind, error, response_text FROM inference_result")
    assert (row["status"], row["error_kind"], row["error"]) == ("ok", None, None)
    assert row["response_text"].startswith("Answer to")


async def test_landing_again_changes_nothing(limits: Settings) -> None:
    query = "SELECT job_id, xmin::text, status, response_text FROM inference_result ORDER BY job_id"
    done, rejected, failed = (
        result(job("a")),
        result(job("b"), "rejected"),
        result(job("c"), "failed"),
    )
    await keep(limits, done, rejected, failed)
    before = {row.pop("job_id"): row for row in rows(limits, query)}
    await keep(limits, result(job("a"), "failed"), result(job("b"), text="other"), done)
    after = {row.pop("job_id"): row for row in rows(limits, query)}
    assert before == after


async def test_a_row_that_postgres_refuses_lands_as_failed_and_the_others_as_they_are(
    limits: Settings,
) -> None:
    broken = Result(**{**_fields(result(job("b"))), "attempts": -1})
    asked = [job(f"n-{number}") for number in range(20)]
    await keep(limits, *map(result, asked[:13]), broken, *map(result, asked[13:]))
    landed = rows(limits, "SELECT job_id, status, error_kind, error FROM inference_result")
    assert {row["job_id"] for row in landed if row["status"] == "ok"} == {
        each.job_id for each in asked
    }
    (refused,) = (row for row in landed if row["status"] != "ok")
    assert (refused["job_id"], refused["status"]) == (broken.job.job_id, "failed")
    assert refused["error_kind"] == "check_violation"
    assert "attempts" in refused["error"]


async def test_a_fault_of_the_table_is_no_row_s(limits: Settings) -> None:
    execute(limits, "ALTER TABLE inference_result RENAME COLUMN slot_watts TO watts")
    with pytest.raises(UndefinedColumn):
        await keep(limits, result(job("a")), result(job("b")))
    assert rows(limits, "SELECT * FROM inference_result") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"source_row": {"at": "SELECT '10.1.2.3/8'::inet"}},
        {"source_row": {"at": "SELECT '10.1.0.0/16'::cidr"}},
        {"source_row": {"at": "SELECT 'NaN'::numeric"}},
        {"source_row": {"at": "SELECT 'NaN'::float8"}},
        {"source_row": {"at": "SELECT int8range(1, 5)"}},
        {"source_row": {"at": "SELECT '{[1,3), [7,9)}'::int8multirange"}},
        {"source_row": {"at": "SELECT '\\x00ff'::bytea"}},
        {"source_row": {"at": "SELECT gen_random_uuid()"}},
        {"source_row": {"at": "SELECT interval '1 day'"}},
        {"source_row": {"at": "SELECT ARRAY['a', NULL]"}},
        {"source_part": "SELECT NULL"},
        {"source_part": "SELECT 5"},
        {"correlation_id": "SELECT gen_random_uuid()"},
        {"correlation_id": "SELECT 7"},
        {"source_event_ids": ["SELECT gen_random_uuid()"]},
    ],
    ids=str,
)
async def test_whatever_a_source_row_holds_its_answer_lands(
    limits: Settings, changes: dict[str, Any]
) -> None:
    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: read(each) for name, each in value.items()}
        return [read(each) for each in value] if isinstance(value, list) else db(limits, value)

    odd = job("odd", **{name: read(value) for name, value in changes.items()})
    await keep(limits, result(job("a")), result(odd), result(job("b")))
    landed = rows(limits, "SELECT status, source_row FROM inference_result")
    assert [row["status"] for row in landed] == ["ok"] * 3
    if "source_row" in changes:
        (kept,) = (row["source_row"] for row in landed if row["source_row"] is not None)
        assert kept.keys() == {"at"}


def _fields(of: Result) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Result.__struct_fields__}


async def test_text_that_postgres_cannot_hold_lands(limits: Settings) -> None:
    asked = job("!fault=unstorable! \x00 \ud800", correlation_id="c" * 5_000)
    with FakeSlot() as fake:
        await run_jobs([asked], settings=limits, slots=[fake.slot()])
    (row,) = rows(limits, "SELECT request, response_text, status FROM inference_result")
    assert row["status"] == "ok"
    assert row["response_text"] == "a\ufffdb\ufffdc"
    assert row["request"]["messages"][0]["content"] == "!fault=unstorable! \ufffd \ufffd"


async def test_two_runs_of_the_same_jobs_give_one_row_each(limits: Settings) -> None:
    with FakeSlot(parallel=4, delay_ms=5) as fake:
        await asyncio.gather(
            run_jobs(jobs(100), settings=limits, slots=[fake.slot()]),
            run_jobs(reversed(list(jobs(100))), settings=limits, slots=[fake.slot()]),
        )
        assert fake.stats()["peak"] == 4
        assert fake.stats()["requests"] == 100
    (row,) = rows(limits, "SELECT count(*) AS n FROM inference_result WHERE status = 'ok'")
    assert row["n"] == 100


async def test_without_postgres_the_error_comes_before_any_question(tmp_path: Path) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/foundry"
    nowhere = quick(tmp_path, postgres_url=url)
    with FakeSlot() as fake:
        with pytest.raises(FoundryError, match=r"127\.0\.0\.1:1") as caught:
            await run_jobs(jobs(3), settings=nowhere, slots=[fake.slot()])
        assert "hunter2" not in str(caught.value)
        assert fake.stats()["requests"] == 0


async def test_the_profile_s_slots_are_asked_on_llama_cpp(
    settings: Settings, slot_servers: Mapping[str, SlotServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("naughty", "kindergarten", "translator"):
        url = slot_servers[name].url
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", url)
    translate = Request(
        endpoint="completion",
        prompt="Japanese: 猫\nEnglish: Cat.\n\nJapanese: 犬\nEnglish:",
        temperature=0,
        max_tokens=16,
        stop=["\n"],
    )
    asked = [
        *jobs(8, "Name a colour."),
        job(kind="translation", role="translator", request=translate),
    ]
    first = await run_jobs(asked, settings=settings)
    assert (first.asked, first.failed) == (9, 0)
    figures = {each.slot: each for each in first.slots}
    assert figures["naughty"].answers + figures["kindergarten"].answers == 8
    assert figures["translator"].answers == 1
    landed = rows(settings, "SELECT * FROM inference_result")
    assert len(landed) == 9
    for row in landed:
        assert row["timing_source"] == "server"
        assert row["output_tokens"] > 0
        assert row["tg_tokens_per_s"] > 0
        assert row["slot"] in figures
    (translated,) = (row for row in landed if row["kind"] == "translation")
    assert (translated["slot"], translated["licence"]) == ("translator", "Gemma")
    second = await run_jobs(asked, settings=settings)
    assert (second.asked, second.cached) == (0, 9)


async def test_what_is_too_long_for_every_slot_is_asked_again_when_one_is_longer(
    limits: Settings,
) -> None:
    refused = result(job("long"), "failed")
    fields = {**_fields(refused), "error_kind": "too_long", "longest_context_tokens": 4096}
    await keep(limits, Result(**fields), result(job("later"), "failed"))
    with FakeSlot() as fake:
        for context_tokens, asked in ((4096, 1), (2048, 0), (8192, 1)):
            todo = [job("long"), job("later")]
            slots = [fake.slot(context_tokens=context_tokens)]
            report = await run_jobs(todo, settings=limits, slots=slots)
            assert (report.asked, report.cached) == (asked, 2 - asked)
        assert fake.stats()["requests"] == 2


async def test_a_rejected_answer_is_kept_as_the_server_sent_it(limits: Settings) -> None:
    raw = 'data: {"choices": [\x00]}\n'
    statuses: dict[str, Status] = {"a": "rejected", "b": "ok"}
    for text, status in statuses.items():
        unfit = result(job(text), status)
        assert unfit.completion is not None
        completion = msgspec.structs.replace(unfit.completion, raw=raw)
        await keep(limits, Result(**{**_fields(unfit), "completion": completion}))
    kept = rows(limits, "SELECT status, raw_answer FROM inference_result ORDER BY status DESC")
    assert [(row["status"], row["raw_answer"]) for row in kept] == [
        ("rejected", raw.replace("\x00", "\ufffd")),
        ("ok", None),
    ]


async def test_a_claim_of_a_run_that_has_ended_holds_nothing_up(limits: Settings) -> None:
    asked = list(jobs(10))
    for each in asked:
        execute(limits, f"INSERT INTO job_claim VALUES ('{each.job_id}', 12345)")
    with FakeSlot() as fake:
        report = await run_jobs(asked, settings=limits, slots=[fake.slot()])
    assert report.ok == 10
    assert rows(limits, "SELECT * FROM job_claim") == []


async def test_a_run_that_is_cancelled_leaves_its_jobs_to_others(limits: Settings) -> None:
    with FakeSlot(parallel=2) as fake:
        first = asyncio.create_task(
            run_jobs([job("!fault=hang,times=1!")], settings=limits, slots=[fake.slot()])
        )
        async with asyncio.timeout(10):
            await until(lambda: fake.stats()["busy"] == 1)
        second = asyncio.create_task(
            run_jobs([job("!fault=hang,times=1!")], settings=limits, slots=[fake.slot()])
        )
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        async with asyncio.timeout(10):
            assert (await second).ok == 1
        assert fake.stats()["requests"] == 2


async def test_a_run_that_is_cancelled_at_any_moment_leaves_nothing_open(limits: Settings) -> None:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with FakeSlot(parallel=2, delay_ms=5) as fake:
        for moment in range(30):
            asked = jobs(20, f"m{moment}")
            running = asyncio.create_task(
                run_jobs(asked, settings=limits, slots=[fake.slot()]), name=f"moment {moment}"
            )
            await asyncio.sleep(moment**2 / 5_000)  # close together at first: it connects then
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            gc.collect()  # what was not closed says so now
        async with asyncio.timeout(10):
            await until(lambda: db(limits, sessions) == 1)
    assert rows(limits, "SELECT * FROM job_claim") == []


async def test_a_live_source_is_asked_as_it_comes(limits: Settings) -> None:
    with FakeSlot() as fake:

        async def source() -> AsyncIterator[Job]:
            yield job("first")
            async with asyncio.timeout(10):
                await until(lambda: fake.stats()["requests"] == 1)
            yield job("second")

        report = await run_jobs(source(), settings=limits, slots=[fake.slot()])
    assert report.ok == 2
