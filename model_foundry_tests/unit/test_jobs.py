"""A job's key: what changes it, what does not, and what PostgreSQL must be able to hold."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job

MESSAGES = [{"role": "user", "content": "Hello"}]


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
