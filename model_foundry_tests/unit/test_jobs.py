"""A job's key: what changes it, what does not, and what PostgreSQL must be able to hold."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job

MESSAGES = [{"role": "user", "content": "Hello"}]
OLD_KEYS = (
    "800e385f698ac7f5b375898b4aa592103000c2c98030853de982926d7b1d9a84",
    "c4c42f38ffd44e6fb9b1d150e2d45857ed82c0227d11d8bf344a76f46eecceea",
)


def test_the_key_is_the_same_in_every_process_and_version() -> None:
    # A change of this value asks every job of every user again.
    assert job().job_id == "d470e09ef45a0cd303acd26dc78de6544347bd0bb3375e59e871d16bae2f0e32"


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "other"},
        {"source_event_id": "event-2"},
        {"source_event_id": None},
        {"source_part": "message/2"},
        {"request": Request(messages=MESSAGES, temperature=0.1, max_tokens=32)},
        {"request": Request(messages=MESSAGES, temperature=0, max_tokens=33)},
        {"request": Request(messages=MESSAGES, temperature=0, max_tokens=32, thinking=False)},
        {"request": Request(messages=MESSAGES, temperature=0, max_tokens=32, seed=1)},
    ],
)
def test_what_determines_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    assert job(**change).job_id != job().job_id


def test_who_asks_and_in_which_spelling_does_not_change_the_key() -> None:
    same = Request(messages=({"content": "Hello", "role": "user"},), temperature=0.0, max_tokens=32)
    other = job(request=same, role="orchestrator", priority="interactive", correlation_id=None)
    assert other.job_id == job().job_id


def schema_job(properties: dict[str, Any], *, tool: bool) -> str:
    inner = {"type": "object", "properties": properties}
    schema = {"type": "object", "properties": {"all": {"type": "array", "items": inner}}}
    shape: dict[str, Any] = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    }
    if tool:
        shape = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    return job(request=Request(messages=MESSAGES, **shape)).job_id


@pytest.mark.parametrize("tool", [False, True])
def test_the_order_of_a_schema_s_properties_is_part_of_the_key(*, tool: bool) -> None:
    # The reasoning before the verdict is another question than the verdict before it.
    a, b = {"type": "string", "description": "x"}, {"type": "string"}
    ordered = schema_job({"reasoning": a, "verdict": b}, tool=tool)
    assert schema_job({"verdict": b, "reasoning": a}, tool=tool) != ordered
    respelled = {"description": "x", "type": "string"}
    assert schema_job({"reasoning": respelled, "verdict": b}, tool=tool) == ordered


def test_schemas_whose_properties_are_sorted_keep_the_key_that_they_had() -> None:
    # As earlier versions computed it: a change would ask these jobs again.
    properties = {"a": {"type": "string"}, "properties": {"type": "string", "description": "x"}}
    assert schema_job(properties, tool=False) == OLD_KEYS[0]
    assert schema_job(properties, tool=True) == OLD_KEYS[1]


def test_the_body_is_what_openai_calls_it_and_names_no_model() -> None:
    tool = {"type": "function", "function": {"name": "search"}}
    request = Request(messages=MESSAGES, tools=[tool], stop=("\n",), thinking=True)
    assert request.parameters() == {"messages": MESSAGES, "tools": [tool], "stop": ["\n"]}


@pytest.mark.parametrize("fields", [{}, {"messages": []}, {"endpoint": "completion"}])
def test_a_request_that_asks_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs"):
        Request(**fields)


@given(text=st.text(alphabet=st.characters(codec=None), min_size=1), key=st.text())
def test_whatever_the_text_the_request_can_be_stored(text: str, key: str) -> None:
    request = Request(messages=[{"role": "user", "content": text, key: [text]}])
    encoded = msgspec.json.encode(request)
    assert b"\\u0000" not in encoded
    assert len(str(request.parameters()["messages"][0]["content"])) == len(text)
