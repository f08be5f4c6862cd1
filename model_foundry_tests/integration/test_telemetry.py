"""Telemetry over real sockets: what arrives, and that an endpoint in trouble troubles nobody."""

import asyncio
import logging
import socket
import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.report import DispatchReport
from model_foundry.errors import FoundryError
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry.slot.outcome import Result
from model_foundry.telemetry import Sender, event, sender_of
from model_foundry_tests.asking import job, jobs, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.foundry import materialize, metadata_of
from model_foundry_tests.line import event as nats_event
from model_foundry_tests.line import publish
from model_foundry_tests.telemetry_endpoint import Endpoint
from model_foundry_tests.telling import telling

SOON: dict[str, Any] = {"telemetry_interval_s": 0.02, "telemetry_backoff_max_s": 0.05}


def log_event(number: int, padding: int = 0) -> dict[str, Any]:
    message = f"{number} {'x' * padding}"
    return event("log", correlation_id="s", service="model-foundry", message=message)


def free_url() -> str:
    """Where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/telemetry"


def telemetry_threads() -> int:
    return sum(thread.name == "model-foundry-telemetry" for thread in threading.enumerate())


async def asked(
    settings: Settings, fake: FakeSlot, *texts: str, **changes: Any
) -> tuple[DispatchReport, list[Result]]:
    landed: list[Result] = []

    async def land(results: Any) -> None:
        landed.extend(results)

    todo = [
        job(text, source_event_id=f"event-{number}", **changes) for number, text in enumerate(texts)
    ]
    slots = [fake.slot()]
    report = await dispatch(todo, slots=slots, environment={}, land=land, settings=settings)
    return report, landed


async def test_every_request_to_a_slot_is_an_event_with_its_figures(home: Path) -> None:
    with Endpoint() as endpoint, FakeSlot() as fake:
        settings = quick(home, telemetry_url=endpoint.url, **SOON)
        fault = "!fault=500,times=1!"
        report, landed = await asked(settings, fake, "Hello", f"Again {fault}")
        told = await asyncio.to_thread(endpoint.of, "llm", 3)
    assert report.ok == 2
    assert report.telemetry_dropped == 0
    by_job: dict[str, list[dict[str, Any]]] = {}
    for each in told:
        by_job.setdefault(each["job_id"], []).append(each)
    for result in landed:
        last = by_job[result.job.job_id][-1]
        assert result.completion is not None
        timings = result.completion.timings
        assert last["attempt"] == len(by_job[result.job.job_id]) == result.attempts
        assert (last["status"], last["slot"], last["backend"]) == ("ok", "fake", "llama.cpp")
        assert (last["prompt_tokens"], last["completion_tokens"]) == (
            timings.input_tokens,
            timings.output_tokens,
        )
        assert last["duration_ms"] == pytest.approx(timings.total_ms)
        assert last["correlation_id"] == "session-1"
    [failed] = [each for each in told if each["status"] != "ok"]
    assert (failed["status"], failed["error_kind"], failed["attempt"]) == (
        "error",
        "server_error",
        1,
    )
    assert "Hello" not in str(told)
    assert "Again" not in str(told)


async def test_texts_leave_only_when_switched_on(home: Path) -> None:
    with Endpoint() as endpoint, FakeSlot() as fake:
        settings = quick(home, telemetry_url=endpoint.url, telemetry_texts=True, **SOON)
        _, [result] = await asked(settings, fake, "What is a slot?")
        [told] = await asyncio.to_thread(endpoint.of, "llm", 1)
    assert result.completion is not None
    assert told["prompt"] == "What is a slot?"
    assert told["response"] == result.completion.text


async def test_a_job_that_nobody_could_ask_is_told_of(home: Path) -> None:
    with Endpoint() as endpoint, FakeSlot() as fake:
        settings = quick(home, telemetry_url=endpoint.url, **SOON)
        report, _ = await asked(settings, fake, "Translate", role="translator")
        [told] = await asyncio.to_thread(endpoint.of, "log", 1)
    assert report.failed == 1
    assert (told["level"], told["error_kind"], told["correlation_id"]) == (
        "error",
        "no_slot",
        "session-1",
    )


async def test_without_a_url_there_is_no_sender_and_no_thread(home: Path) -> None:
    settings = quick(home)
    before = telemetry_threads()
    with FakeSlot() as fake:
        report, _ = await asked(settings, fake, "Hello")
    assert sender_of(settings) is None
    assert report.telemetry_dropped is None
    assert telemetry_threads() == before


def test_a_url_that_is_none_is_a_mistake_that_is_told(home: Path) -> None:
    with pytest.raises(FoundryError, match="MODEL_FOUNDRY_TELEMETRY_URL"):
        sender_of(quick(home, telemetry_url="127.0.0.1:8687"))


@pytest.mark.parametrize("trouble", ["down", "500", "slow"])
async def test_a_dispatch_is_none_the_worse_for_an_endpoint_in_trouble(
    home: Path, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    buffer_bytes = 64 * 1024
    with Endpoint(status=500 if trouble == "500" else 204, delay_s=10.0) as endpoint:
        endpoint.delay_s = 10.0 if trouble == "slow" else 0.0
        url = free_url() if trouble == "down" else endpoint.url
        settings = quick(
            home,
            telemetry_url=url,
            telemetry_buffer_bytes=buffer_bytes,
            telemetry_batch_bytes=4 * 1024,
            telemetry_flush_s=0.1,
            **SOON,
        )
        landed: list[Result] = []

        async def land(results: Any) -> None:
            landed.extend(results)

        with FakeSlot(parallel=16) as fake:
            report = await dispatch(
                jobs(400), slots=[fake.slot()], environment={}, land=land, settings=settings
            )
        sender = sender_of(settings)
        assert sender is not None
        assert report.ok == len(landed) == 400
        assert report.telemetry_dropped is not None
        assert report.telemetry_dropped > 0
        counts = sender.counts
        assert counts.told == counts.sent + counts.dropped + counts.waiting == 400
        assert counts.waiting < (buffer_bytes + 8 * 1024) / 200  # an event has more than 200 bytes
        with caplog.at_level(logging.WARNING):
            await asyncio.to_thread(sender.close)
    assert sender.counts.sent == 0
    assert sender.counts.dropped == 400
    assert "400 of 400 telemetry events were dropped" in caplog.text


def test_the_newest_events_arrive_once_the_endpoint_is_well_and_the_loss_is_told(
    home: Path,
) -> None:
    with Endpoint(status=503) as endpoint:
        settings = quick(
            home,
            telemetry_url=endpoint.url,
            telemetry_buffer_bytes=64 * 1024,
            telemetry_batch_bytes=1024,
            **SOON,
        )
        sender = Sender(settings)
        for number in range(2_000):
            sender.tell(log_event(number, padding=100))
        dropped = sender.counts.dropped
        assert dropped > 1_000
        endpoint.status = 204
        arrived = endpoint.of("log", 2_001 - dropped)
        sender.close()
    numbers = [int(each["message"].split()[0]) for each in arrived if each["correlation_id"] == "s"]
    assert numbers[-1] == 1_999
    assert numbers == sorted(set(numbers))
    [notice] = [each for each in arrived if each["level"] == "warn"]
    assert f"{dropped} telemetry events were dropped: {dropped} buffer full" in notice["message"]
    assert sender.counts == (2_000, 2_000 - dropped, dropped, 0)


def test_what_the_endpoint_may_have_taken_is_not_sent_twice(home: Path) -> None:
    with Endpoint(delay_s=5.0) as endpoint:
        settings = quick(home, telemetry_url=endpoint.url, telemetry_timeout_s=0.2, **SOON)
        sender = Sender(settings)
        sender.tell(log_event(1))
        deadline = threading.Event()
        for _ in range(200):
            if sender.counts.dropped:
                break
            deadline.wait(0.02)
        assert sender.counts == (1, 0, 1, 0)
        assert endpoint.posts == 1
        sender.close()


def test_what_is_refused_is_not_sent_again(home: Path) -> None:
    with Endpoint(status=400) as endpoint:
        sender = Sender(quick(home, telemetry_url=endpoint.url, **SOON))
        sender.tell(log_event(1))
        sender.close()
        assert endpoint.posts == 1
    assert sender.counts == (1, 0, 1, 0)


def test_what_waits_is_sent_at_the_end(home: Path) -> None:
    with Endpoint() as endpoint:
        settings = quick(home, telemetry_url=endpoint.url, telemetry_interval_s=60)
        sender = Sender(settings)
        for number in range(50):
            sender.tell(log_event(number))
        sender.close()
        assert len(endpoint.events) == 50
        sender.tell(log_event(51))
    assert sender.counts == (51, 50, 1, 0)


@pytest.mark.parametrize(
    ("start_method", "delay_s"), [("spawn", 120.0), ("forkserver", 0.0)], ids=["hangs", "well"]
)
def test_the_last_event_of_a_step_is_sent_before_its_process_ends_and_not_waited_for(
    home: Path, start_method: str, delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: dict[str, Any] = {"execution": {"config": {"start_method": {start_method: {}}}}}
    with Endpoint(delay_s=delay_s) as endpoint:
        monkeypatch.setenv("MODEL_FOUNDRY_TELEMETRY_URL", endpoint.url)
        for name in ("INTERVAL_S", "TIMEOUT_S"):
            monkeypatch.setenv(f"MODEL_FOUNDRY_TELEMETRY_{name}", "60")
        began = time.monotonic()
        with (
            dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}}) as instance,
            dg.execute_job(dg.reconstructable(telling), instance, run_config=config) as result,
        ):
            assert result.success
        assert time.monotonic() - began < 60
        assert endpoint.posts == 1
        arrived = [each["message"] for each in endpoint.events]
        assert arrived == ([] if delay_s else ["last words"])


def test_what_cannot_be_encoded_is_counted_and_nothing_else(home: Path) -> None:
    with Endpoint() as endpoint:
        sender = Sender(quick(home, telemetry_url=endpoint.url, **SOON))
        sender.tell(log_event(1) | {"message": "\ud800"})
        sender.tell(log_event(2))
        sender.close()
    assert [each["message"] for each in endpoint.events if each["level"] == "info"] == ["2 "]
    assert sender.counts == (2, 1, 1, 0)


def test_a_drain_tells_of_its_batches_under_the_run(settings: Settings) -> None:
    with Endpoint() as endpoint:
        told_to = settings.model_copy(update={"telemetry_url": endpoint.url, **SOON})
        publish(told_to, [nats_event(), nats_event(event_id="e2", occurred_at="never")])
        result = asyncio.run(drain(told_to, run_id="run-1"))
        [told] = endpoint.of("log", 1)
    assert result.landed.counts["landed"] == 1
    assert told["correlation_id"] == "run-1"
    assert told["level"] == "warn"
    assert told["message"] == "landed 1 of 2 messages, 1 quarantined"


def test_a_drain_loses_nothing_while_the_endpoint_is_away_and_the_run_shows_the_drops(
    settings: Settings,
) -> None:
    told_to = settings.model_copy(
        update={"telemetry_url": free_url(), "intake_batch_messages": 10, **SOON}
    )
    publish(told_to, [nats_event() for _ in range(100)])
    result = materialize(told_to, "pipeline_event_inbox_record")
    shown = metadata_of(result, "pipeline_event_inbox_record")
    assert shown["landed"] == 100
    assert shown["telemetry_dropped"] == 0
    sender = sender_of(told_to)
    assert sender is not None
    sender.close()
    assert sender.counts.told == sender.counts.dropped > 0
