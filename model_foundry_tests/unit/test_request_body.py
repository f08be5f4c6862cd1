"""The body that a slot is sent: what its fleet file declares, and what its refusals teach."""

import json
from typing import Any, get_args

import msgspec
import pytest

from model_foundry.fleet.dialect import Parameter
from model_foundry.slot.body import Habits, body_of
from model_foundry.slot.jobs import Request
from model_foundry.slot.refusals import said_in
from model_foundry_tests.asking import declared

SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
ASKED = Request(
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    temperature=0,
    max_tokens=32,
)
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def body(request: Request = ASKED, **changes: Any) -> dict[str, Any]:
    slot = declared(**changes)
    return body_of(slot, Habits.declared(slot), request)


def test_a_request_is_sent_as_it_is() -> None:
    assert body() == {
        "model": "m",
        "messages": ASKED.messages,
        "temperature": 0.0,
        "max_tokens": 32,
        **STREAMED,
    }


def test_every_parameter_of_a_request_can_be_left_out_or_renamed() -> None:
    asked = {"endpoint", "messages", "prompt", "thinking", "extra"}
    fields = set(Request.__struct_fields__) - asked
    assert set(get_args(Parameter)) == fields | {"chat_template_kwargs", "reasoning_effort"}


def test_a_slot_leaves_out_renames_and_adds_what_its_file_declares() -> None:
    sent = body(
        omit=["temperature"],
        rename={"max_tokens": "max_completion_tokens"},
        extra_body={"top_k": 40, "provider": {"sort": "price"}, "temperature": 1},
        stream_options=False,
    )
    assert sent == {
        "model": "m",
        "messages": ASKED.messages,
        "max_completion_tokens": 32,
        "top_k": 40,
        "provider": {"sort": "price"},
        "temperature": 1,
        "stream": True,
    }


def test_what_is_asked_goes_before_what_is_added() -> None:
    extra = {"temperature": 1, "chat_template_kwargs": {"enable_thinking": True, "x": 1}}
    request = Request(messages=ASKED.messages, temperature=0.5, thinking=False)
    sent = body(request, runtime="vllm", extra_body=extra)
    assert sent["temperature"] == 0.5
    assert sent["chat_template_kwargs"] == {"enable_thinking": False, "x": 1}


@pytest.mark.parametrize(
    ("runtime", "thinking", "name", "value"),
    [
        ("llama.cpp", False, "chat_template_kwargs", {"enable_thinking": False}),
        ("vllm", True, "chat_template_kwargs", {"enable_thinking": True}),
        ("openai", False, "reasoning_effort", "none"),
        ("openai", True, "reasoning_effort", None),
    ],
)
def test_thinking_is_asked_for_as_the_runtime_knows_it(
    runtime: str, thinking: bool, name: str, value: object
) -> None:
    request = Request(messages=ASKED.messages, thinking=thinking)
    assert body(request, runtime=runtime).get(name) == value
    assert name not in body(request, runtime=runtime, omit=[name])


@pytest.mark.parametrize(
    ("takes", "sent_format"), [("json_object", {"type": "json_object"}), ("none", None)]
)
def test_a_schema_that_the_server_cannot_hold_stands_in_the_prompt(
    takes: str, sent_format: object
) -> None:
    request = Request(messages=ASKED.messages, response_format=FORMAT)
    sent = body(request, response_format=takes)
    assert sent.get("response_format") == sent_format
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    told = sent["messages"][1]["content"]
    assert told.startswith("Hi\n\n")
    # In its own order: models answer in the order of the properties.
    assert told.endswith(json.dumps(SCHEMA, separators=(",", ":")))
    assert request.messages is not None
    assert request.messages[1]["content"] == "Hi"


def test_a_schema_goes_behind_parts_and_behind_a_last_answer() -> None:
    parts: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    sent = body(Request(messages=parts, response_format=FORMAT), response_format="none")
    assert [part["type"] for part in sent["messages"][0]["content"]] == ["text", "text"]
    odd: list[dict[str, Any]] = [{"role": "assistant", "content": "I am."}, {"content": None}]
    sent = body(Request(messages=odd, response_format=FORMAT), response_format="none")
    assert (len(sent["messages"]), sent["messages"][-1]["role"]) == (3, "user")


@pytest.mark.parametrize(
    "shape", [{"type": "json_schema"}, {"type": "json_schema", "json_schema": 5}, {}, {"type": 7}]
)
def test_a_shape_that_is_none_is_no_end(shape: dict[str, Any]) -> None:
    for takes in ("json_schema", "json_object", "none"):
        sent = body(Request(messages=ASKED.messages, response_format=shape), response_format=takes)
        assert sent["messages"]


def test_an_object_is_asked_for_in_words_where_nothing_else_does() -> None:
    request = Request(messages=ASKED.messages, response_format={"type": "json_object"})
    assert body(request, response_format="json_object")["messages"] == ASKED.messages
    assert "JSON object" in body(request, response_format="none")["messages"][1]["content"]
    text = Request(messages=ASKED.messages, response_format={"type": "text"})
    assert "response_format" not in body(text, response_format="none")


REFUSED: tuple[tuple[object, set[str], dict[str, Any]], ...] = (
    (
        {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]},
        {"stream_options"},
        {},
    ),
    ({"error": "Unrecognized request argument supplied: stream_options"}, {"stream_options"}, {}),
    (
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
        {"max_tokens"},
        {"max_completion_tokens": 32},
    ),
    (
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0 with this model.",
                "param": "temperature",
            }
        },
        {"temperature"},
        {},
    ),
    ([{"error": {"message": 'Unknown name "seed": Cannot find field.'}}], {"seed"}, {}),
)


@pytest.mark.parametrize(("said", "gone", "instead"), REFUSED)
@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_parameter_is_learnt(
    said: object, gone: set[str], instead: dict[str, Any], status: int
) -> None:
    habits = Habits.declared(declared())
    asked = msgspec.structs.replace(ASKED, seed=7)
    sent = body_of(declared(), habits, asked)
    learnt = habits.after(status, said_in(json.dumps(said).encode()), sent)
    assert learnt is not None
    again = body_of(declared(), learnt, asked)
    assert again == {name: sent[name] for name in sent if name not in gone} | instead
    # It is not refused for ever: the same words teach nothing more.
    assert learnt.after(status, said_in(json.dumps(said).encode()), again) is None


@pytest.mark.parametrize("name", ["temperature", "top_p", "max_tokens"])
def test_what_the_file_adds_to_each_request_is_not_learnt_again_and_again(name: str) -> None:
    slot = declared(extra_body={name: 1})
    said = said_in(f"{name} is not supported: use max_completion_tokens".encode())
    habits: Habits | None = Habits.declared(slot)
    for _ in range(3):
        assert habits is not None
        habits = habits.after(400, said, body_of(slot, habits, ASKED))
        if habits is None:
            break
    assert habits is None


@pytest.mark.parametrize("shape", [[], {}, 5, None, ["json_schema"]])
@pytest.mark.parametrize("takes", ["json_schema", "json_object", "none"])
def test_a_response_format_of_any_type_makes_a_body(takes: str, shape: object) -> None:
    request = Request(messages=ASKED.messages, response_format={"type": shape})
    assert body(request, response_format=takes)["messages"] == ASKED.messages


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "temperature must be between 0 and 2"),
        (400, "messages: Field required"),
        (500, "stream_options is not supported"),
        (401, "temperature is not supported"),
        (400, "top_p is not supported"),
        (400, "seed is not supported"),
    ],
)
def test_other_refusals_teach_nothing(status: int, said: str) -> None:
    habits = Habits.declared(declared())
    sent = body_of(declared(), habits, ASKED)
    assert habits.after(status, said_in(said.encode()), sent) is None


def test_what_two_attempts_learnt_is_kept_of_both() -> None:
    habits = Habits.declared(declared())
    one = habits._replace(stream_options=False)
    other = habits._replace(omit=frozenset({"temperature"}), rename={"max_tokens": "x"})
    assert one.beside(other) == Habits(False, frozenset({"temperature"}), {"max_tokens": "x"})
