"""From jobs to rows of `inference_result`, on a real PostgreSQL: what lands, and what is asked."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from model_foundry.devstack.slots import SlotServer
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.results.landed import answered, land, run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result, Status
from model_foundry.slot.timings import Timings
from model_foundry.store import postgres
from model_foundry_tests.asking import DAY, QUICK, job, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import rows

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
    async with await postgres.connect_async(limits) as connection:
        ids = [each.job.job_id for each in (done, rejected, failed)]
        assert await answered(connection, [*ids, "unknown"]) == set(ids[:2])


async def test_a_batch_lands_whole_or_not_at_all(limits: Settings) -> None:
    impossible = result(job("b"))
    broken = Result(**{**_fields(impossible), "attempts": -1})
    with pytest.raises(CheckViolation):
        await keep(limits, result(job("a")), broken, result(job("c")))
    assert rows(limits, "SELECT * FROM inference_result") == []


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
