"""What goes wrong on a real vLLM, and how much is asked of it at once."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Request
from model_foundry_tests.asking import QUICK, job, jobs
from model_foundry_tests.line import rows
from model_foundry_tests.vllm.server import FLEET, KEY_VARIABLE, VllmServer, figure

WAIT_S = 20.0
LONG = Request(
    messages=[{"role": "user", "content": "Write a story of a thousand words about the sea."}],
    temperature=0,
    max_tokens=1500,
)
FORM = "Here is my thought process: {} Here is my response: {}"


@pytest.fixture
def limits(side_by_side: Settings) -> Settings:
    """Both slots, and short waits."""
    return side_by_side.model_copy(update={**QUICK, "inference_idle_s": 60.0})


def changed(settings: Settings, **changes: Any) -> Settings:
    """The fleet with vLLM's slot declared otherwise."""
    fleet = yaml.safe_load(FLEET.read_text(encoding="utf-8"))
    fleet["slots"][0].update(changes)
    path = settings.home / "fleet.yaml"
    path.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    return settings.model_copy(update={"fleet": path})


def short(count: int, **changes: Any) -> Iterator[Job]:
    """Jobs that end by themselves or by their limit."""
    request = Request(messages=[{"role": "user", "content": "Say hello."}], max_tokens=48)
    return jobs(count, request=request, **changes)


def answers(settings: Settings) -> list[dict[str, Any]]:
    return rows(settings, "SELECT * FROM inference_result ORDER BY source_event_id")


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def running(vllm: VllmServer) -> float:
    return figure(vllm.url, "vllm:num_requests_running")


def held_by(vllm: VllmServer) -> float:
    return figure(vllm.url, "vllm:num_requests_running", "vllm:num_requests_waiting")


async def test_thoughts_are_kept_apart(limits: Settings) -> None:
    solved = [
        ("What is 2 + 2?", "Two and two make four.", "4"),
        ("Is ice cold?", "Ice is frozen water, so it is cold.", "Yes"),
        ("What is the capital of France?", "The capital of France is Paris.", "Paris"),
    ]
    messages = [
        message
        for question, thought, answer in solved
        for message in (
            {"role": "user", "content": question},
            {"role": "assistant", "content": FORM.format(thought, answer)},
        )
    ]
    asked = {"role": "user", "content": "What colour is the sky?"}
    request = Request(messages=[*messages, asked], temperature=0, max_tokens=100, thinking=True)
    await run_jobs([job(request=request, role="orchestrator")], settings=limits)
    [row] = answers(limits)
    assert (row["slot"], row["status"]) == ("naughty", "ok")
    assert row["reasoning_text"].strip()
    assert "thought process" not in row["response_text"] + row["reasoning_text"]


async def test_a_prompt_that_is_too_long_fails_alone(limits: Settings) -> None:
    text = "word " * 5000
    request = Request(messages=[{"role": "user", "content": text}], max_tokens=8)
    report = await run_jobs(
        [
            job(request=request, role="orchestrator", source_event_id="long-1"),
            *(job(request=request, source_event_id=f"long-{number}") for number in range(2, 6)),
            *short(12),
        ],
        settings=limits,
    )
    assert (report.failed, report.error_kinds.get("too_long")) == (5, 5)
    assert report.ok + report.rejected == 12
    found = {row["source_event_id"]: row for row in answers(limits)}
    assert "HTTP 400" in found["long-1"]["error"]
    assert "maximum context length is 2048 tokens" in found["long-1"]["error"]
    assert {found[f"long-{number}"]["attempts"] for number in range(1, 6)} == {1}


async def test_what_is_cut_off_is_rejected_by_either(limits: Settings) -> None:
    request = Request(messages=LONG.messages, temperature=1, max_tokens=6)
    report = await run_jobs(jobs(16, request=request), settings=limits)
    assert (report.rejected, report.ok, report.failed) == (16, 0, 0)
    found = answers(limits)
    assert {row["slot"] for row in found} == {"naughty", "kindergarten"}
    for row in found:
        assert (row["finish_reason"], row["error_kind"]) == ("length", "length")
        assert row["output_tokens"] == 6


async def test_past_a_full_queue_jobs_come_again(limits: Settings, vllm: VllmServer) -> None:
    # The server takes 6, running and waiting; the fleet says 3 and 9 ahead.
    over = changed(limits, queue_ahead=9).model_copy(update={"profile": "vllm"})
    turned_away = figure(vllm.url, "vllm:admission_rejections_total")
    report = await run_jobs(short(30), settings=over)
    assert report.ok + report.rejected == 30
    [slot] = report.slots
    assert slot.errors["unavailable"] > 0
    turned_away = figure(vllm.url, "vllm:admission_rejections_total") - turned_away
    assert slot.errors == {"unavailable": turned_away}
    assert len(answers(over)) == 30
    assert max(row["attempts"] for row in answers(over)) > 1


async def test_the_fleet_s_parallel_governs(limits: Settings, vllm: VllmServer) -> None:
    # The server would run 3, and take 3 more.
    two = changed(limits, parallel=2).model_copy(update={"profile": "vllm"})
    at_once: list[float] = []
    run = asyncio.create_task(run_jobs(short(16), settings=two))
    while not run.done():
        at_once.append(await asyncio.to_thread(held_by, vllm))
    report = await run
    assert report.ok + report.rejected == 16
    assert max(at_once) == 2
    assert max(row["queue_ms"] for row in answers(two)) < 100


async def test_a_cancelled_run_frees_its_places(limits: Settings, vllm: VllmServer) -> None:
    run = asyncio.create_task(run_jobs(jobs(3, request=LONG, role="orchestrator"), settings=limits))
    await until(lambda: running(vllm) == 3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: running(vllm) == 0)
    assert answers(limits) == []


async def test_a_missed_deadline_frees_the_place(limits: Settings, vllm: VllmServer) -> None:
    late = job(request=LONG, role="orchestrator", deadline_s=2.0)
    run = asyncio.create_task(run_jobs([late], settings=limits))
    await until(lambda: running(vllm) == 1)
    await run
    await until(lambda: running(vllm) == 0)
    [row] = answers(limits)
    assert (row["status"], row["error_kind"]) == ("failed", "deadline")


async def test_a_wrong_key_leaves_the_work_to_the_other(
    limits: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sk-of-somebody-else")
    report = await run_jobs(
        [*short(6), job("Hello", role="orchestrator", source_event_id="o")], settings=limits
    )
    found = answers(limits)
    [lost] = [row for row in found if row["source_event_id"] == "o"]
    assert (lost["status"], lost["error_kind"]) == ("failed", "no_slot")
    assert "naughty: unauthorized: HTTP 401: Unauthorized" in lost["error"]
    assert {row["slot"] for row in found if row is not lost} == {"kindergarten"}
    assert (report.failed, report.ok + report.rejected) == (1, 6)
    assert "sk-of" not in str(found)


async def test_a_vllm_that_dies_and_returns_is_used_again(
    limits: Settings, vllm: VllmServer
) -> None:
    asked = [*short(12), *short(6, text="Again", role="orchestrator")]
    patient = limits.model_copy(update={"inference_slot_dead_s": 240.0})
    run = asyncio.create_task(run_jobs(asked, settings=patient))
    await until(lambda: running(vllm) == 3)
    vllm.kill()
    back = threading.Thread(target=vllm.start)
    back.start()
    try:
        report = await run
    finally:
        back.join()
    assert report.ok + report.rejected == 18
    found = answers(patient)
    assert len(found) == 18
    assert {row["slot"] for row in found if row["role"] == "orchestrator"} == {"naughty"}
    assert "kindergarten" in {row["slot"] for row in found}


def check(settings: Settings) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(
        app,
        ["fleet", "check", "--json"],
        env={"MODEL_FOUNDRY_HOME": str(settings.home), "MODEL_FOUNDRY_FLEET": str(settings.fleet)},
    )
    return done.exit_code, json.loads(done.stdout)


def test_fleet_check_sees_both(
    side_by_side: Settings, vllm: VllmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, shown = check(side_by_side)
    assert (code, shown["ok"]) == (0, True)
    found = [(slot["slot"], slot["state"], slot["total_slots"]) for slot in shown["slots"]]
    # vLLM does not say how many requests it works on at once.
    assert found == [("naughty", "up", None), ("kindergarten", "up", 2), ("translator", "up", 2)]

    code, shown = check(changed(side_by_side, model="gemma-4-31b-it"))
    assert code == 1
    assert shown["slots"][0]["differences"] == [
        "model: fleet gemma-4-31b-it, server smollm2-135m-instruct"
    ]
    code, shown = check(changed(side_by_side, context_tokens=4096))
    assert code == 1
    assert shown["slots"][0]["differences"] == ["context_tokens: fleet 4096, server 2048"]

    monkeypatch.setenv(KEY_VARIABLE, "sk-of-somebody-else")
    code, shown = check(side_by_side)
    assert code == 1
    assert shown["slots"][0]["differences"] == ["it answers: HTTP 401: Unauthorized"]
    monkeypatch.setenv("MODEL_FOUNDRY_SLOT_NAUGHTY_URL", "http://127.0.0.1:1")
    code, shown = check(side_by_side)
    assert (code, shown["slots"][0]["state"], shown["slots"][1]["state"]) == (0, "down", "up")
