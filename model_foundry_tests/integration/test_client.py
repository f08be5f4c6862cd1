"""One attempt on one slot: what is sent, what is read, how each fault ends, and on llama.cpp."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
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
from model_foundry_tests.asking import declared, job, quick
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
    return quick(tmp_path, inference_idle_s=0.5)


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


async def test_vllm_without_per_request_metrics_is_timed_from_its_first_answer_on(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    completion = await ask(fakes["vllm-bare"].slot(), job("Hi"), limits)
    assert completion.text == "Answer to: Hi"
    assert completion.timings.ttft_ms is not None
    assert completion.timings.timing_source == "client"


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
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sent["headers"]["authorization"] == f"Bearer {KEY}"
    assert sent["headers"]["x-job-id"] == asked.job_id
    assert sent["headers"]["x-request-id"].startswith(f"{asked.job_id}-")
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


async def test_every_attempt_has_an_id_of_its_own(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    fake, asked = fakes["vllm"], job("Hi")
    ids = set()
    for _ in range(3):
        await ask(fake.slot(), asked, limits)
        ids.add(fake.stats()["headers"]["x-request-id"])
    assert len(ids) == 3


@pytest.mark.parametrize("flavour", ["llama.cpp", "openai"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "bad_request"),
        ("422", "bad_request"),
        ("401", "unauthorized"),
        ("403", "forbidden"),
        ("404", "not_found"),
        ("413", "bad_request"),
        ("429", "rate_limited"),
        ("500", "server_error"),
        ("502", "unavailable"),
        ("503", "unavailable"),
        ("504", "timeout"),
        ("302", "invalid_response"),
        ("hang", "timeout"),
        ("trickle", "timeout"),
        ("comments", "timeout"),
        ("reset", "connection"),
        ("cut", "connection"),
        ("huge", "too_large"),
        ("huge-error", "server_error"),
        ("bomb", "too_large"),
    ],
)
async def test_each_fault_has_its_kind(
    fakes: Mapping[str, FakeSlot], limits: Settings, *, flavour: str, fault: str, kind: str
) -> None:
    large = fault in {"huge", "huge-error", "bomb"}
    slot = fakes[flavour].slot(api_key={"env": "FAKE_KEY"}, idle_s=30 if large else 0.5)
    error = await fail(slot, job(f"!fault={fault}!"), limits)
    assert error.kind == kind
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


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_an_answer_is_read_however_it_is_compressed(
    fakes: Mapping[str, FakeSlot], limits: Settings, encoding: str
) -> None:
    asked = job(f"Hi !fault={encoding}!")
    assert (await ask(fakes["openai"].slot(), asked, limits)).text.startswith("Answer to: Hi")


async def test_an_answer_takes_as_long_as_it_takes_while_it_comes(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    fake = fakes["openai"]
    slot = fake.slot(expected={"pp_tokens_per_s": 1e6, "tg_tokens_per_s": 10})
    completion = await ask(slot, job("!fault=slowly!"), limits)
    assert completion.text == "word " * 12
    assert completion.timings.total_ms > 1_000
    hasty = slot.model_copy(update={"idle_s": 0.02})
    error = await fail(hasty, job("!fault=slowly!"), limits)
    assert error.kind == "timeout"
    assert str(error) == "nothing came for 0.02 s"


# The end without that of its connection: silence, what keeps it alive, what is not HTTP.
@pytest.mark.parametrize("fault", ["open-end", "heartbeats", "no-chunk"])
async def test_an_answer_whose_end_came_is_not_lost_with_its_connection(
    fakes: Mapping[str, FakeSlot], fault: str
) -> None:
    slow = {"pp_tokens_per_s": 1, "tg_tokens_per_s": 1}  # it may take hours
    slot = fakes["openai"].slot(expected=slow)
    started = time.monotonic()
    completion = await ask(slot, job(f"Hi !fault={fault}!"), Settings())
    assert completion.text.startswith("Answer to: Hi")
    assert time.monotonic() - started < 10
    assert completion.timings.total_ms < 900  # of the answer, not of what followed it


async def test_a_whole_document_is_an_answer_though_more_was_announced(
    fakes: Mapping[str, FakeSlot], limits: Settings
) -> None:
    completion = await ask(fakes["openai"].slot(), job("Hi !fault=longer!"), limits)
    assert completion.text.startswith("Answer to: Hi")


async def test_the_first_byte_has_time_for_the_prompt(fakes: Mapping[str, FakeSlot]) -> None:
    fake, limits = fakes["openai"], Settings(inference_idle_s=0.3)
    reads_slowly = fake.slot(expected={"pp_tokens_per_s": 20, "tg_tokens_per_s": 1e6})
    completion = await ask(reads_slowly, job("!fault=late! as told"), limits)
    assert completion.text.endswith("as told")
    assert completion.timings.total_ms > 900
    reads_fast = fake.slot(expected={"pp_tokens_per_s": 1e6, "tg_tokens_per_s": 20})
    error = await fail(reads_fast, job("!fault=late!"), limits)
    assert (error.kind, str(error)) == ("timeout", "no answer began within 0.301 s")


TOLD = {
    "stream_options": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]},
    "max_tokens": {"error": "'max_tokens' is not supported: use 'max_completion_tokens' instead"},
    "temperature": {"error": {"message": "'temperature' does not support 0 with this model."}},
}


async def test_a_parameter_that_is_refused_is_left_out_from_then_on(
    limits: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeSlot(flavour="openai") as fake:
        fake.tell(refuse=TOLD)
        async with SlotClient(fake.slot(), {}, limits) as client:
            assert (await client.ask(job("Hi"))).text == "Answer to: Hi"
            assert fake.stats()["requests"] == 4
            assert (await client.ask(job("Ho"))).text == "Answer to: Ho"
        stats = fake.stats()
    assert stats["requests"] == 5
    assert stats["body"]["max_completion_tokens"] == 32
    assert stats["body"].keys().isdisjoint(TOLD)
    [said] = caplog.messages
    assert "temperature" in said
    assert "max_completion_tokens" in said


async def test_a_refusal_of_what_was_left_out_is_the_answer(limits: Settings) -> None:
    with FakeSlot(flavour="openai") as fake:
        fake.tell(refuse={"messages": TOLD["stream_options"]})
        error = await fail(fake.slot(), job("Hi"), limits)
        assert fake.stats()["requests"] == 2
    assert error.kind == "bad_request"
    assert str(error) == "HTTP 400: body.stream_options: Extra inputs"


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/v1beta/openai", "/v1beta/openai/chat/completions"),
        ("/api/v1", "/api/v1/chat/completions"),
    ],
)
async def test_an_endpoint_has_its_prefix_with_or_without_the_version(
    fakes: Mapping[str, FakeSlot], limits: Settings, suffix: str, path: str
) -> None:
    fake = fakes["openai"]
    await ask(fake.slot(endpoint=fake.url + suffix), job("Hi"), limits)
    assert fake.stats()["path"] == path


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


@pytest.mark.parametrize("fault", ["trickle", "comments"])
async def test_blanks_and_comments_are_no_answer_for_ever(
    fakes: Mapping[str, FakeSlot], limits: Settings, fault: str
) -> None:
    started = time.monotonic()
    error = await fail(fakes["openai"].slot(), job(f"!fault={fault}!"), limits)
    assert time.monotonic() - started < 3
    assert str(error).startswith("no whole answer within")


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


LOADING = [503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}]


@pytest.mark.parametrize("flavour", ["llama.cpp", "vllm", "openai"])
@pytest.mark.parametrize("answer", [404, 405, 401, 500, [200, "<html>"], [200, "null"], None])
async def test_a_server_that_answers_anything_is_there(
    limits: Settings, flavour: str, answer: object
) -> None:
    quick_look = limits.model_copy(update={"inference_look_s": 0.9})
    paths = dict.fromkeys(("/v1/models", "/health", "/props"), answer)
    with FakeSlot(flavour=flavour, total_slots=3) as fake:
        fake.tell(paths={**paths, "/": 404})
        slot = fake.slot(parallel=5)
        async with SlotClient(slot, {}, quick_look) as client:
            if answer is None and flavour != "openai":  # no look was answered
                with pytest.raises(SlotError) as caught:
                    await client.capacity()
                assert caught.value.kind == "timeout"
            else:
                assert await client.capacity() == 5
        fake.tell(paths={"/v1/models": answer, "/": 404})
        async with SlotClient(slot, {}, quick_look) as client:
            assert await client.capacity() == (3 if flavour == "llama.cpp" else 5)


@pytest.mark.parametrize("flavour", ["llama.cpp", "vllm", "openai"])
async def test_a_server_that_loads_says_so(limits: Settings, flavour: str) -> None:
    with FakeSlot(flavour=flavour) as fake:
        fake.tell(paths={"/health": LOADING, "/v1/models": LOADING})
        async with SlotClient(fake.slot(), {}, limits) as client:
            with pytest.raises(SlotError) as caught:
                await client.capacity()
    assert caught.value.kind == "loading"
    assert str(caught.value) == "HTTP 503: Loading model"


async def test_a_model_that_is_swapped_in_has_its_declared_time(
    fakes: Mapping[str, FakeSlot],
) -> None:
    limits = Settings(inference_idle_s=0.3)
    completion = await ask(fakes["openai"].slot(load_s=30), job("!fault=late!"), limits)
    assert completion.text.startswith("Answer to:")


async def test_what_a_server_does_not_say_is_not_known(limits: Settings) -> None:
    with FakeSlot(flavour="openai") as fake:
        fake.tell(paths={"/v1/models": 404})
        async with SlotClient(fake.slot(), {}, limits) as client:
            assert await client.served() == ((), None, None)
        fake.tell(paths={"/v1/models": 401})
        async with SlotClient(fake.slot(), {}, limits) as client:
            with pytest.raises(SlotError) as caught:
                await client.served()
            assert caught.value.kind == "unauthorized"


async def test_tokens_are_counted_where_there_is_a_tokenizer(limits: Settings) -> None:
    request = Request(messages=[{"role": "user", "content": "Hi"}])
    with FakeSlot(flavour="vllm") as fake:
        for told, expected in (([200, {"count": 7}], 7), ([200, "{}"], None), (404, None)):
            fake.tell(paths={"/tokenize": told})
            async with SlotClient(fake.slot(), {}, limits) as client:
                assert await client.count_tokens(request) == expected
        async with SlotClient(fake.slot(runtime="openai"), {}, limits) as client:
            assert await client.count_tokens(request) is None
        async with SlotClient(fake.slot(), {}, limits) as client:
            assert await client.count_tokens(request) is None  # there is none, and it is not asked
            fake.tell(paths={"/tokenize": [200, {"count": 7}]})
            assert await client.count_tokens(request) is None
        quick_look = limits.model_copy(update={"inference_look_s": 0.1})
        fake.tell(paths={"/tokenize": None})
        async with SlotClient(fake.slot(), {}, quick_look) as client:
            assert await client.count_tokens(request) is None
            fake.tell(paths={"/tokenize": [200, {"count": 7}]})
            assert await client.count_tokens(request) is None  # it was too slow once


async def test_a_connection_that_there_is_not_is_told_in_our_words(limits: Settings) -> None:
    for endpoint, said in (
        ("http://127.0.0.1:1", "no connection: Connection refused"),
        ("http://no-such-host.invalid", "the host's name is not found"),
    ):
        async with SlotClient(declared(endpoint=endpoint), {}, limits) as client:
            for asked in (client.capacity, partial(client.ask, job("Hi"))):
                with pytest.raises(SlotError) as caught:
                    await asked()
                assert (caught.value.kind, str(caught.value)) == ("connection", said)


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


async def test_llama_cpp_closes_behind_a_stream_and_loses_no_request(
    slot_servers: Mapping[str, SlotServer],
) -> None:
    request = Request(messages=[{"role": "user", "content": "Hi"}], max_tokens=1)
    async with SlotClient(real(slot_servers, "naughty"), {}, Settings()) as client:
        for _ in range(20):
            assert (await client.ask(job(request=request))).timings.output_tokens == 1
            await client.capacity()


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
    assert error.kind == "too_long"
    assert "context" in str(error)


async def test_llama_cpp_counts_a_prompt_s_tokens_as_it_will_read_them(
    slot_servers: Mapping[str, SlotServer],
) -> None:
    chat = Request(messages=[{"role": "user", "content": "Name a colour, 日本語."}], max_tokens=1)
    raw = Request(endpoint="completion", prompt="1, 2, 3, <|im_start|>", max_tokens=1)
    async with SlotClient(real(slot_servers, "naughty"), {}, Settings()) as client:
        for request in (chat, raw):
            counted = await client.count_tokens(request)
            completion = await client.ask(job(request=request))
            assert counted == completion.timings.input_tokens
            assert counted is not None
            assert counted > 5
