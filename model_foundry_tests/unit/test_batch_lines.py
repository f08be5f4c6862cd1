"""What a line of a batch file asks, why it is refused, and the lines that it becomes."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.chat import ChatCompletion

from model_foundry.batch.answers import answer_line, error_line
from model_foundry.batch.line import NOT_SENT, PASSED_ON, LineError, asked
from model_foundry.batch.target import Targets
from model_foundry.fleet.file import Slot
from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job
from model_foundry_tests.batches import CHAT, completion, line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
DEEP: dict[str, Any] = {}
for _ in range(900):
    DEEP = {"a": DEEP}
MESSAGES = [{"role": "user", "content": "Hi"}]


def encoded(what: Any) -> bytes:
    return json.dumps(what).encode()


def refusal(content: bytes) -> LineError:
    with pytest.raises(LineError) as caught:
        asked(content)
    return caught.value


def test_a_chat_is_asked_with_all_that_its_body_says() -> None:
    body = {
        "model": "gemma",
        "temperature": 0,
        "top_p": 0.5,
        "max_completion_tokens": 9,
        "seed": 7,
        "stop": "\n",
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "presence_penalty": 0.5,
        "top_k": 5,
        "n": 1,
        "stream": False,
        "logprobs": None,
        "user": "someone",
        "metadata": {"a": "b"},
    }
    found = asked(encoded(line("a", "Hi", **body)))
    assert (found.custom_id, found.model) == ("a", "gemma")
    assert found.not_sent == ("metadata", "user")
    assert found.request == Request(
        messages=MESSAGES,
        temperature=0.0,
        top_p=0.5,
        max_tokens=9,
        seed=7,
        stop=["\n"],
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice="required",
        response_format={"type": "json_object"},
        extra={"presence_penalty": 0.5, "top_k": 5},
    )
    assert found.request.parameters()["presence_penalty"] == 0.5
    assert "extra" not in found.request.parameters()


def test_a_completion_is_asked() -> None:
    found = asked(encoded(completion("a", "Once", max_tokens=5, stop=["."], echo=False, best_of=1)))
    assert found.request == Request(endpoint="completion", prompt="Once", max_tokens=5, stop=["."])
    assert found.model is None


@pytest.mark.parametrize("name", sorted(PASSED_ON | NOT_SENT))
def test_every_field_that_is_known_is_passed_on_or_named(name: str) -> None:
    body: dict[str, Any] = {name: 1}
    found = asked(encoded(line("a", **body)))
    assert (found.request.parameters().get(name) == 1) is (name in PASSED_ON)
    assert found.not_sent == (() if name in PASSED_ON else (name,))


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"{", "invalid_json_line", "not JSON"),
        (b"[" * 100_000, "invalid_json_line", "not JSON"),
        (b"\xff\xfe", "invalid_json_line", "not JSON"),
        (b"[]", "invalid_json_line", "no JSON object"),
        (b"{}", "invalid_custom_id", "1 to 512"),
        (encoded(line("") | {"custom_id": 5}), "invalid_custom_id", "1 to 512"),
        (encoded(line("")), "invalid_custom_id", "1 to 512"),
        (encoded(line("x" * 513)), "invalid_custom_id", "1 to 512"),
        (encoded(line("a") | {"method": "GET"}), "invalid_method", "POST"),
        (encoded(line("a") | {"url": "/v1/embeddings"}), "invalid_url", CHAT),
        (encoded(line("a") | {"url": [CHAT]}), "invalid_url", CHAT),
        (encoded(line("a") | {"body": "x"}), "invalid_body", "object"),
        (encoded(line("a", model=5)), "invalid_body", "model must be a text"),
        (encoded(line("a", messages=[])), "invalid_body", "messages"),
        (encoded(line("a", messages=None)), "invalid_body", "messages"),
        (encoded(line("a", messages=[{"content": "x"}])), "invalid_body", "role"),
        (encoded(line("a", temperature="hot")), "invalid_body", "temperature"),
        (encoded(line("a", temperature=-1)), "invalid_body", "temperature"),
        (encoded(line("a", max_tokens=0)), "invalid_body", "max_tokens"),
        (encoded(line("a", max_tokens=True)), "invalid_body", "max_tokens"),
        (encoded(line("a", max_tokens=1, max_completion_tokens=2)), "invalid_body", "differ"),
        (encoded(line("a", seed=10**400)), "invalid_body", "seed"),
        (encoded(line("a", tools=[DEEP])), "invalid_body", "levels"),
        (encoded(line("a", n=2)), "unsupported_parameter", "n is not supported, but for 1"),
        (encoded(line("a", n=True)), "unsupported_parameter", "n is not"),
        (encoded(line("a", stream=True)), "unsupported_parameter", "stream is not"),
        (encoded(line("a", logprobs=True)), "unsupported_parameter", "logprobs is not"),
        (encoded(line("a", prompt="x")), "unsupported_parameter", "prompt is not"),
        (encoded(line("a", functions=[])), "unsupported_parameter", "functions is not"),
        (encoded(line("a", temprature=1)), "unsupported_parameter", "temprature is not"),
        (encoded(completion("a", "x", logprobs=0)), "unsupported_parameter", "logprobs is not"),
        (encoded(completion("a", "x", suffix="y")), "unsupported_parameter", "suffix is not"),
        (encoded(completion("a", "")), "invalid_body", "prompt"),
        (encoded(completion("a", "x", prompt=["a", "b"])), "invalid_body", "prompt"),
    ],
)  # fmt: skip
def test_a_line_that_is_refused_says_why(content: bytes, code: str, said: str) -> None:
    error = refusal(content)
    assert (error.code, said in str(error)) == (code, True), str(error)
    assert error.custom_id == (None if code in {"invalid_json_line", "invalid_custom_id"} else "a")


@given(st.binary() | JSON.map(encoded) | JSON.map(lambda body: encoded(line("a") | {"body": body})))
def test_whatever_a_line_holds_it_is_asked_or_refused(content: bytes) -> None:
    found, code = None, ""
    try:
        found = asked(content)
    except LineError as error:
        code = error.code
    assert code if found is None else job(request=found.request).job_id


def slot(name: str, model: str, *roles: str) -> Slot:
    return Slot.model_validate(
        {
            "name": name,
            "roles": roles,
            "runtime": "vllm",
            "endpoint": "http://127.0.0.1:1",
            "model": model,
            "licence": "MIT",
            "parallel": 1,
            "context_tokens": 4096,
        }
    )


SLOTS = [
    slot("naughty", "gemma", "orchestrator", "worker"),
    slot("grandpa", "kimi", "orchestrator"),
    slot("kindergarten", "gemma", "translator"),
]


@pytest.mark.parametrize(
    ("model", "role", "names"),
    [
        (None, "worker", ["naughty"]),
        ("worker", "worker", ["naughty"]),
        ("orchestrator", "orchestrator", ["naughty", "grandpa"]),
        ("gemma", "worker", ["naughty"]),
        ("kimi", "orchestrator", ["grandpa"]),
    ],
)
def test_a_line_asks_a_role_or_a_model(model: str | None, role: str, names: list[str]) -> None:
    target = Targets(SLOTS, "worker").of(model)
    assert (target.role, [each.name for each in target.slots]) == (role, names)


def test_a_model_that_nobody_serves_is_refused_unless_any_will_do() -> None:
    with pytest.raises(LineError, match=r"'gpt-4o'; known: gemma, kimi, orchestrator") as caught:
        Targets(SLOTS, "worker").of("gpt-4o")
    assert caught.value.code == "model_not_found"
    assert Targets(SLOTS, "worker", any_model=True).of("gpt-4o").name == "worker"


def row(**changes: Any) -> dict[str, Any]:
    return {
        "job_id": "9f" * 32,
        "status": "ok",
        "error_kind": None,
        "error": None,
        "request_model": "gemma",
        "response_model": None,
        "response_text": "Yes.",
        "reasoning_text": None,
        "tool_calls": None,
        "finish_reason": "stop",
        "input_tokens": 30,
        "output_tokens": 11,
        "cached_tokens": 10,
        "completed_at": datetime(2026, 11, 20, 9, 30, 0, 5, tzinfo=UTC),
        **changes,
    }


def test_an_answer_is_a_line_as_openai_writes_it() -> None:
    assert json.loads(answer_line("a", "chat", row())) == {
        "id": f"batch_req_{'9f' * 16}",
        "custom_id": "a",
        "response": {
            "status_code": 200,
            "request_id": "9f" * 32,
            "body": {
                "id": f"chatcmpl-{'9f' * 16}",
                "object": "chat.completion",
                "created": 1_795_167_000,
                "model": "gemma",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Yes.", "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": 30,
                    "completion_tokens": 11,
                    "total_tokens": 41,
                    "prompt_tokens_details": {"cached_tokens": 10},
                },
            },
        },
        "error": None,
    }


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "a new word", None])
@pytest.mark.parametrize("counted", [True, False])
def test_openai_s_reader_takes_every_answer(reason: str | None, *, counted: bool) -> None:
    tokens = {} if counted else {"input_tokens": None, "output_tokens": None}
    given = row(finish_reason=reason, reasoning_text="Hm.", **tokens)
    body = json.loads(answer_line("a", "chat", given))["response"]["body"]
    chat = ChatCompletion.model_validate(body)
    assert chat.choices[0].message.content == "Yes."
    assert chat.choices[0].finish_reason == (
        reason if reason in {"length", "content_filter"} else "stop"
    )
    assert (chat.usage is None) is not counted
    body = json.loads(answer_line("a", "completion", given))["response"]["body"]
    assert Completion.model_validate(body).choices[0].text == "Yes."


def test_tool_calls_come_with_ids_and_without_a_text() -> None:
    calls = [
        {"id": None, "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "call-7", "type": "function", "function": {"name": "g", "arguments": None}},
    ]
    given = row(tool_calls=calls, response_text="", finish_reason="eos")
    [choice] = ChatCompletion.model_validate(
        json.loads(answer_line("a", "chat", given))["response"]["body"]
    ).choices
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
    assert choice.message.tool_calls is not None
    assert [call.id for call in choice.message.tool_calls] == [f"call_{'9f' * 8}_0", "call-7"]


def test_an_error_is_a_line_too() -> None:
    assert msgspec.json.decode(error_line("9f" * 32, "a", "timeout", "too late")) == {
        "id": f"batch_req_{'9f' * 16}",
        "custom_id": "a",
        "response": None,
        "error": {"code": "timeout", "message": "too late"},
    }
