"""Whatever a slot sends is an answer or a SlotError: no other exception, and soon."""

import itertools
import json
import sys
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model_foundry.slot.answers import Completion, Reading
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Endpoint
from model_foundry_tests.any_answer import ANY_BYTES, ANY_DOCUMENT


def read(pieces: list[bytes], endpoint: Endpoint) -> Completion | SlotError:
    reading = Reading(endpoint, tools=True)
    try:
        for number, piece in enumerate(pieces):
            reading.feed(piece, float(number))
        return reading.completion(float(len(pieces)))
    except SlotError as error:
        return error


def outcome(pieces: list[bytes], endpoint: Endpoint = "chat") -> Completion | SlotError:
    """Of a response in these pieces; an answer can be kept."""
    completion = read(pieces, endpoint)
    if isinstance(completion, SlotError):
        assert len(str(completion)) < 10_000  # and no more than a line, once a key is taken out
        return completion
    kept = msgspec.json.encode(completion)  # raises for what is no Unicode
    assert b"\\u0000" not in kept.replace(b"\\\\", b"")
    assert completion.finish_reason
    for call in completion.tool_calls or ():
        assert call["id"]
        assert {type(part) for part in (call["type"], *call["function"].values())} == {str}
    return completion


def pieces_of(body: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[begin:end] for begin, end in itertools.pairwise(at)]


CUTS = st.lists(st.integers(0, 2**20), max_size=5)
ODD_TEXT = "a\0\ud800"
ODD_CALL = {"id": ODD_TEXT, "type": ODD_TEXT, "name": ODD_TEXT, "arguments": {ODD_TEXT: ODD_TEXT}}
ENDPOINTS: st.SearchStrategy[Endpoint] = st.sampled_from(["chat", "completion"])


def test_any_bytes_are_an_answer_or_a_slot_error(request: pytest.FixtureRequest) -> None:
    @profile(max_examples=request.config.getoption("--quirk-examples"))
    @given(body=ANY_BYTES, cuts=CUTS, endpoint=ENDPOINTS)
    def holds(body: bytes, cuts: list[int], endpoint: Endpoint) -> None:
        first = outcome([body], endpoint)
        again = outcome(pieces_of(body, cuts), endpoint)
        assert type(first) is type(again)
        if isinstance(first, Completion) and isinstance(again, Completion):
            assert (first.text, first.tool_calls) == (again.text, again.tool_calls)

    holds()


def test_any_json_is_an_answer_or_a_slot_error(request: pytest.FixtureRequest) -> None:
    """As the whole body, and as an event among others."""

    @profile(max_examples=request.config.getoption("--quirk-examples"))
    @given(document=ANY_DOCUMENT, endpoint=ENDPOINTS)
    @example(document={"error": {"code": "²²²"}}, endpoint="chat")
    @example(document={"choices": [{"message": {"content": ODD_TEXT}}]}, endpoint="chat")
    @example(document={"choices": [{"message": {"reasoning": ODD_TEXT}}]}, endpoint="completion")
    @example(document={"choices": [{"text": "a", "finish_reason": ODD_TEXT}]}, endpoint="chat")
    @example(document={"choices": [{"text": "a"}], "model": ODD_TEXT}, endpoint="completion")
    @example(document={"choices": [{"message": {"tool_calls": [ODD_CALL]}}]}, endpoint="chat")
    def holds(document: Any, endpoint: Endpoint) -> None:
        body = json.dumps(document).encode()
        outcome([body], endpoint)
        event = b"data: " + body + b"\n\n"
        good = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
        outcome([good, event, event, good, b"data: [DONE]\n\n"], endpoint)

    holds()


@pytest.mark.parametrize(
    "around",
    [
        '{"error":%s}',
        '{"choices":[{"message":{"content":%s}}]}',
        '{"choices":[{"message":{"reasoning":%s}}]}',
        '{"choices":[{"message":{"tool_calls":[{"name":"f","arguments":%s}]}}]}',
        '{"choices":[%s]}',
    ],
)
def test_json_may_be_nested_to_any_depth(around: str) -> None:
    """What can just be decoded need not be shown, or encoded, with what is left of the stack."""
    limit = sys.getrecursionlimit()
    for depth in (10, *range(limit - 200, limit), 10 * limit):
        outcome([(around % ('{"a":' * depth + "1" + "}" * depth)).encode()])


EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
CALL = (
    b'data: {"choices":[{"delta":{"tool_calls":'
    b'[{"index":0,"function":{"name":"f","arguments":"%s"}}]}}]}\n\n'
)
MESSAGE = b'data: {"choices":[{"message":{"content":"a"}}]}\n\n'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(EVENT * 200_000, id="events"),
        pytest.param(MESSAGE * 60_000, id="messages"),
        pytest.param(b"\n" * 600_000, id="empty lines"),
        pytest.param(b"\r" * 600_000, id="carriage returns"),
        pytest.param(b"data: {\n" * 200_000, id="lines of one event"),
        pytest.param(b"{\n" * 200_000, id="lines of one document"),
        pytest.param(b"{}data:" * 100_000, id="documents in one line"),
        pytest.param(b"[" * 100_000, id="lists in lists, open"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="lists in lists"),
        pytest.param(b'{"choices":[{"message":{"content":' + b'[{"content":' * 100_000, id="parts"),
        pytest.param(b'{"error":' * 100_000, id="errors in errors"),
        pytest.param(CALL % b"}" * 20_000, id="closing arguments"),
        pytest.param(CALL % b"{" * 20_000, id="opening arguments"),
        pytest.param(CALL % b"{}" * 20_000, id="calls of one number"),
        *(
            pytest.param(
                json.dumps({"choices": [{"message": {"content": mark * 200_000}}]}).encode(),
                id=mark,
            )
            for mark in ("<think>", "</think>", "<think></think>", "<|channel|>", "<|channel|>a ")
        ),
    ],
)
def test_the_time_is_in_proportion_to_the_bytes(body: bytes) -> None:
    started = time.process_time()
    outcome([body[at : at + 65_536] for at in range(0, len(body), 65_536)])
    assert time.process_time() - started < 1 + 1e-6 * len(body)
