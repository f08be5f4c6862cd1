"""One attempt on one slot: what is sent, what is read, how each fault ends, and on llama.cpp."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from model_foundry.devstack.slots import SlotServer
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Job, Request
from model_foundry_tests.asking import job, quick
from model_foundry_tests.fake_slot import FakeSlot

KEY = "sk-a-secret"
FLAVOURS = ("llama.cpp", "vllm", "vllm-bare", "openai")


@pytest.fixture(scope="module")
def fakes() -> Iterator[dict[str, FakeSlot]]:
    slots = {flavour: FakeSlot(flavour=flavour) for flavour in FLAVOURS}
    try:
        for fake in slots.values():
            fake.start()
        yield slots
    finally:
        for fake in slots.values():
            fake.kill()


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return quick(tmp_path, inference_request_timeout_s=0.5)


async def ask(slot: Slot, asked: Job, limits: Settings) -> Completion:
    async with SlotClient(slot, {"FAKE_KEY": KEY}, limits) as client:
        return await client.ask(asked)


async def fail(slot: Slot, asked: Job, limits: Settings) -> SlotError:
    with pytest.raises(SlotError) as caught:
        await ask(slot, asked, limits)
    return caught.value


@pytest.mark.parametrize(
    ("flavour", "source", "ttft_ms", "queue_ms"),
    [("llama.cpp", "server", 50.0, None), ("vllm", "server", 50.0, 7.0)],
)
async def test_a_server_that_reports_timings_is_believed(
    fakes: Mapping[str, FakeSlot],
    limits: Settings,
    *,
    flavour: str,
    source: str,
    ttft_ms: float,
    queue_ms: float | None,
) -> None:
    completion = await ask(fakes[flavour].slot(), job("Hi"), limits)
    assert completion.text == "Answer to: Hi"
    assert completion.finish_reason == "stop"
    assert completion.response_model == "fake-model-v1"
    timings = completion.timings
    assert (timings.timing_source, timings.ttft_ms, timings.queue_ms) == (source, ttft_ms, queue_ms)
    assert (timings.input_tokens, timings.output_tokens, timings.cached_tokens) == (30, 11, 10)
    assert (timings.pp_tokens_per_s, timings.tg_tokens_per_s) == (400, 100)
    assert timings.total_ms > 0


async def test_a_server_without_timings_is_timed_by_us() -> None:
    limits = Settings()
    with FakeSlot(flavour="openai", delay_ms=200) as fake:
        completion = await ask(fake.slot(), job("one two three"), limits)
    assert completion.text == "Answer to: one two three"
    timings = completion.timings
    assert timings.timing_source == "client"
    assert timings.ttft_ms is not None
    assert 95 <= timings.ttft_ms <= timings.total_ms - 95  # half of the delay before, half after
    assert (timings.input_tokens, timings.output_tokens) == (30, 11)
    assert timings.tg_tokens_per_s is not None


async def test_vllm_without_per_request_metrics_is_streamed_from_its_second_answer_on(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    async with SlotClient(fakes["vllm-bare"].slot(), {}, limits) as client:
        first, second = await client.ask(job("Hi")), await client.ask(job("Hi"))
    assert (first.text, second.text) == ("Answer to: Hi", "Answer to: Hi")
    assert first.timings.ttft_ms is None
    assert second.timings.ttft_ms is not None
    assert {first.timings.timing_source, second.timings.timing_source} == {"client"}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_reasoning_and_tool_calls_arrive_whole(
    fakes: Mapping[str, FakeSlot], limits: Settings, flavour: str
) -> None:
    slot = fakes[flavour].slot()
    assert (await ask(slot, job("!fault=reasoning!"), limits)).reasoning == "Because."
    called = await ask(slot, job("!fault=tool-call!"), limits)
    assert called.finish_reason == "tool_calls"
    assert called.tool_calls is not None
    assert called.tool_calls[0]["function"] == {"name": "search", "arguments": '{"query": "x"}'}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_text_that_postgres_cannot_hold_is_repaired(
    fakes: Mapping[str, FakeSlot], limits: Settings, flavour: str
) -> None:
    completion = await ask(fakes[flavour].slot(), job("!fault=unstorable!"), limits)
    assert completion.text == "a\ufffdb\ufffdc"


async def test_the_request_says_who_asks_and_what(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    fake = fakes["llama.cpp"]
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    request = Request(
        messages=[{"role": "user", "content": "日本語"}],
        temperature=0,
        response_format=schema,
        thinking=False,
    )
    asked = job(request=request, correlation_id="räksmörgås\r\nX-Evil: 1")
    await ask(fake.slot(api_key={"env": "FAKE_KEY"}), asked, limits)
    sent = fake.stats()
    assert sent["path"] == "/v1/chat/completions"
    assert sent["body"] == {
        "model": "fake-model",
        "messages": [{"role": "user", "content": "日本語"}],
        "temperature": 0.0,
        "response_format": schema,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert sent["headers"]["authorization"] == f"Bearer {KEY}"
    assert sent["headers"]["x-request-id"] == asked.job_id
    assert sent["headers"]["x-correlation-id"] == "r%C3%A4ksm%C3%B6rg%C3%A5s%0D%0AX-Evil: 1"


TOOLS = [
    {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "b", "strict": False}},
]


@pytest.mark.parametrize(
    ("flavour", "strict"), [("llama.cpp", None), ("vllm", True), ("openai", None)]
)
async def test_vllm_is_told_to_hold_tool_calls_to_their_schema(
    fakes: Mapping[str, FakeSlot], limits: Settings, flavour: str, strict: bool | None
) -> None:
    asked = job(request=Request(messages=[{"role": "user", "content": "Hi"}], tools=TOOLS))
    await ask(fakes[flavour].slot(), asked, limits)
    sent = fakes[flavour].stats()["body"]["tools"]
    assert [tool["function"].get("strict") for tool in sent] == [strict, False]


@pytest.mark.parametrize("flavour", ["llama.cpp", "vllm", "openai"])
async def test_a_tool_that_must_be_called_is_llama_cpp_s_only_one(
    fakes: Mapping[str, FakeSlot], limits: Settings, flavour: str
) -> None:
    choice = {"type": "function", "function": {"name": "b"}}
    messages = [{"role": "user", "content": "Hi"}]
    asked = job(request=Request(messages=messages, tools=TOOLS, tool_choice=choice))
    await ask(fakes[flavour].slot(), asked, limits)
    sent = fakes[flavour].stats()["body"]
    named = [tool["function"]["name"] for tool in sent["tools"]]
    if flavour == "llama.cpp":
        assert (named, sent["tool_choice"]) == (["b"], "required")
    else:
        assert (named, sent["tool_choice"]) == (["a", "b"], choice)


async def test_a_completion_goes_to_its_own_endpoint(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    request = Request(endpoint="completion", prompt="Once", stop=["\n"])
    completion = await ask(fakes["llama.cpp"].slot(), job(request=request), limits)
    assert completion.text == "Answer to: Once"
    assert fakes["llama.cpp"].stats()["path"] == "/v1/completions"


@pytest.mark.parametrize("flavour", ["llama.cpp", "openai"])
@pytest.mark.parametrize(
    ("fault", "kind", "retryable"),
    [
        ("400", "bad_request", False),
        ("422", "bad_request", False),
        ("401", "unauthorized", False),
        ("403", "forbidden", False),
        ("404", "not_found", False),
        ("413", "bad_request", False),
        ("429", "rate_limited", True),
        ("500", "server_error", True),
        ("502", "unavailable", True),
        ("503", "unavailable", True),
        ("504", "timeout", True),
        ("302", "invalid_response", True),
        ("hang", "timeout", True),
        ("trickle", "timeout", True),
        ("reset", "connection", True),
        ("cut", "connection", True),
        ("gzip", "invalid_response", True),
        ("huge", "too_large", False),
        ("huge-error", "too_large", False),
    ],
)
async def test_each_fault_has_its_kind(
    fakes: Mapping[str, FakeSlot],
    limits: Settings,
    *,
    flavour: str,
    fault: str,
    kind: str,
    retryable: bool,
) -> None:
    slot = fakes[flavour].slot(api_key={"env": "FAKE_KEY"})
    error = await fail(slot, job(f"!fault={fault}!"), limits)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert 0 < len(str(error)) <= 1000
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("flavour", "fault", "kind"),
    [
        ("llama.cpp", "not-json", "invalid_response"),
        ("llama.cpp", "html", "invalid_response"),
        ("llama.cpp", "no-choices", "invalid_response"),
        ("llama.cpp", "error-object", "server_error"),
        ("openai", "cut-quietly", "connection"),
        ("openai", "error-event", "rate_limited"),
        ("openai", "not-json-event", "invalid_response"),
    ],
)
async def test_a_success_that_is_none_is_found_out(
    fakes: Mapping[str, FakeSlot], limits: Settings, flavour: str, fault: str, kind: str
) -> None:
    error = await fail(fakes[flavour].slot(), job(f"!fault={fault}!"), limits)
    assert error.kind == kind


async def test_an_answer_of_100_mb_is_cut_off_as_it_comes(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    fake = fakes["llama.cpp"]
    before = fake.stats()["bytes_sent"]
    error = await fail(fake.slot(), job("!fault=huge!"), limits)
    assert error.kind == "too_large"
    # The limit is 8 MiB; the rest is what the two ends' socket buffers hold.
    assert fake.stats()["bytes_sent"] - before < 30 * 1024 * 1024


async def test_retry_after_is_read_as_seconds_and_as_a_date(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    slot = fakes["llama.cpp"].slot()
    error = await fail(slot, job("!fault=429,retry_after=17!"), limits)
    assert error.retry_after_s == 17
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await fail(slot, job(f"!fault=503,retry_after={moment}!"), limits)
    assert error.retry_after_s is not None
    assert 55 < error.retry_after_s <= 60
    error = await fail(slot, job("!fault=429,retry_after=soon!"), limits)
    assert error.retry_after_s is None


async def test_the_time_limit_is_on_the_whole_answer(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    started = time.monotonic()
    await fail(fakes["llama.cpp"].slot(), job("!fault=trickle!"), limits)
    assert time.monotonic() - started < 3


async def test_the_capacity_is_what_both_the_fleet_and_the_server_allow(limits: Settings) -> None:
    with FakeSlot(total_slots=3) as fake:
        for parallel, expected in ((8, 3), (2, 2)):
            async with SlotClient(fake.slot(parallel=parallel), {}, limits) as client:
                assert await client.capacity() == expected
        for runtime in ("vllm", "openai"):
            slot = fake.slot(runtime=runtime, parallel=8)
            async with SlotClient(slot, {}, limits) as client:
                assert await client.capacity() == 8
        fake.tell(health=503)
        async with SlotClient(fake.slot(), {}, limits) as client:
            with pytest.raises(SlotError) as caught:
                await client.capacity()
            assert caught.value.kind == "unavailable"
            fake.kill()
            with pytest.raises(SlotError) as caught:
                await client.capacity()
            assert caught.value.kind == "connection"


def real(servers: Mapping[str, SlotServer], name: str) -> Slot:
    server = servers[name]
    return server.slot.model_copy(update={"endpoint": server.url})


async def test_llama_cpp_answers_a_chat_with_its_own_timings(
    slot_servers: Mapping[str, SlotServer],
) -> None:
    async with SlotClient(real(slot_servers, "naughty"), {}, Settings()) as client:
        assert await client.capacity() == client.slot.parallel
        completion = await client.ask(job("Name a colour."))
    timings = completion.timings
    assert completion.text
    assert completion.finish_reason in ("stop", "length")
    assert timings.timing_source == "server"
    assert timings.input_tokens is not None
    assert timings.output_tokens is not None
    assert 0 < timings.output_tokens <= 32
    assert timings.ttft_ms is not None
    assert 0 < timings.ttft_ms < timings.total_ms
    assert timings.tg_tokens_per_s is not None
    assert timings.tg_tokens_per_s > 1


async def test_llama_cpp_completes_a_raw_prompt_up_to_the_stop(
    slot_servers: Mapping[str, SlotServer],
) -> None:
    request = Request(
        endpoint="completion", prompt="1, 2, 3, 4, ", temperature=0, max_tokens=30, stop=["7"]
    )
    async with SlotClient(real(slot_servers, "naughty"), {}, Settings()) as client:
        completion = await client.ask(job(request=request))
    assert completion.finish_reason == "stop"
    assert "5" in completion.text
    assert "7" not in completion.text


async def test_llama_cpp_keeps_to_a_json_schema(slot_servers: Mapping[str, SlotServer]) -> None:
    properties: dict[str, Any] = {"score": {"type": "integer", "minimum": 1, "maximum": 5}}
    schema = {"type": "object", "properties": properties, "required": ["score"]}
    request = Request(
        messages=[{"role": "user", "content": "Score this joke from 1 to 5: Knock knock."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "score", "schema": schema, "strict": True},
        },
        temperature=0,
        max_tokens=60,
    )
    async with SlotClient(real(slot_servers, "naughty"), {}, Settings()) as client:
        completion = await client.ask(job(request=request))
    assert msgspec.json.decode(completion.text)["score"] in range(1, 6)


async def test_llama_cpp_refuses_a_prompt_longer_than_its_context(
    slot_servers: Mapping[str, SlotServer],
) -> None:
    error = await fail(real(slot_servers, "naughty"), job("word " * 6000), Settings())
    assert error.kind == "bad_request"
    assert "context" in str(error)
