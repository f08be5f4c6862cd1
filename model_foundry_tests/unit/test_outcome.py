"""What an answer is worth by its own request, and how an unfit one is sent back."""

import socket
from typing import Any

import pytest

from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Request
from model_foundry.slot.outcome import judged, repair_turn, repaired
from model_foundry.slot.schemas import check_schema, mismatch
from model_foundry.slot.timings import Timings

MESSAGES = [{"role": "user", "content": "How good is it?"}]
SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
    },
}
NOW = {"type": "function", "function": {"name": "now"}}


def asking(**fields: Any) -> Request:
    return Request(messages=MESSAGES, **fields)


def asking_score(schema: Any = SCORE) -> Request:
    named = {"name": "judge", "schema": schema}
    return asking(response_format={"type": "json_schema", "json_schema": named})


def answer(
    text: str = "", *calls: tuple[str, str], finish_reason: str = "stop", **figures: Any
) -> Completion:
    return Completion(
        text=text,
        reasoning=None,
        tool_calls=[{"function": {"name": n, "arguments": a}} for n, a in calls] or None,
        finish_reason=finish_reason,
        response_model="m",
        timings=Timings(**{"timing_source": "server", "total_ms": 10.0, **figures}),
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"score": 3}', None),
        (' {"score": 3}\n', None),
        ("three", "invalid_json"),
        ('```json\n{"score": 3}\n```', "invalid_json"),
        ('{"score": NaN}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('{"score": 6}', "schema_mismatch"),
        ('{"score": "3"}', "schema_mismatch"),
        ('{"score": 3, "more": 1}', "schema_mismatch"),
        ("[]", "schema_mismatch"),
    ],
)
def test_json_is_measured_by_its_schema(text: str, kind: str | None) -> None:
    verdict = judged(answer(text), asking_score())
    assert verdict.error_kind == kind
    assert verdict.status == ("rejected" if kind else "ok")
    assert verdict.repairable == (kind is not None)


def test_a_mismatch_says_where_and_is_short() -> None:
    assert judged(answer('{"score": 9}'), asking_score()).error == (
        "$.score: 9 is greater than the maximum of 5"
    )
    long = judged(answer('{"score": "' + "x" * 10_000 + '"}'), asking_score())
    assert len(str(long.error)) <= 500


def test_without_a_schema_json_is_enough() -> None:
    request = asking(response_format={"type": "json_object"})
    assert judged(answer("{}"), request).status == "ok"
    assert judged(answer("no"), request).error_kind == "invalid_json"


@pytest.mark.parametrize(
    ("calls", "kind"),
    [
        ([("search", '{"query": "x"}')], None),
        ([("now", "")], None),
        ([("search", '{"query": "x"}'), ("now", "{}")], None),
        ([("delete", "{}")], "unknown_tool"),
        ([("search", '{"query": "x"}'), ("delete", "{}")], "unknown_tool"),
        ([("search", "{query: x}")], "invalid_arguments"),
        ([("search", "{}")], "invalid_arguments"),
        ([("now", "[]")], "invalid_arguments"),
    ],
)
def test_calls_are_measured_by_the_tools(calls: list[tuple[str, str]], kind: str | None) -> None:
    verdict = judged(answer("", *calls), asking(tools=[SEARCH, NOW]))
    assert verdict.error_kind == kind


def test_a_call_that_was_not_asked_for_or_did_not_come_is_rejected() -> None:
    chosen = {"type": "function", "function": {"name": "now"}}
    for choice in ("required", chosen):
        request = asking(tools=[SEARCH, NOW], tool_choice=choice)
        assert judged(answer("It is noon."), request).error_kind == "no_tool_call"
    other = judged(
        answer("", ("search", '{"query": "x"}')), asking(tools=[NOW, SEARCH], tool_choice=chosen)
    )
    assert other.error_kind == "unknown_tool"
    assert judged(answer("It is noon."), asking(tools=[NOW])).status == "ok"
    assert judged(answer("", ("now", "{}")), asking()).error_kind == "unknown_tool"


def test_what_was_cut_off_is_not_sent_back() -> None:
    verdict = judged(answer('{"score', finish_reason="length"), asking_score())
    assert (verdict.error_kind, verdict.repairable) == ("finish_reason", False)


def test_a_repair_turn_is_the_conversation_and_what_is_wrong() -> None:
    request = asking_score()
    turn = repair_turn(request, answer("three"), "the answer is not JSON")
    assert turn.messages is not None
    assert turn.messages[0] == MESSAGES[0]
    assert turn.messages[1] == {"role": "assistant", "content": "three"}
    assert "the answer is not JSON" in turn.messages[2]["content"]
    assert turn.response_format == request.response_format
    call = repair_turn(asking(tools=[SEARCH, NOW]), answer("", ("delete", "{}")), "no such tool")
    assert call.messages is not None
    assert "delete" in call.messages[1]["content"]
    assert "search, now" in call.messages[2]["content"]


def test_a_repaired_answer_has_the_figures_of_both() -> None:
    figures: dict[str, Any] = {
        "input_tokens": 30,
        "cached_tokens": 10,
        "output_tokens": 10,
        "ttft_ms": 5.0,
    }
    first = answer("no", pp_tokens_per_s=100.0, tg_tokens_per_s=10.0, **figures)
    last = answer(
        "yes", pp_tokens_per_s=400.0, tg_tokens_per_s=40.0, **(figures | {"ttft_ms": 7.0})
    )
    both = repaired(first, last)
    assert both.text == "yes"
    assert (both.timings.input_tokens, both.timings.output_tokens) == (60, 20)
    assert (both.timings.cached_tokens, both.timings.total_ms) == (20, 20.0)
    assert both.timings.ttft_ms == 7.0
    assert both.timings.pp_tokens_per_s == pytest.approx(40 / (20 / 100 + 20 / 400))
    assert both.timings.tg_tokens_per_s == pytest.approx(20 / (10 / 10 + 10 / 40))


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ([], "object"),
        ({"type": "strnig"}, r"\$\.type"),
        ({"properties": {"a": {"minimum": "x"}}}, r"\$\.properties\.a\.minimum"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}}}, "127.0.0.1"),
    ],
)
def test_a_schema_that_is_wrong_says_where(schema: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        check_schema(schema)


def test_a_schema_may_refer_to_its_own_parts_and_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    tree = {
        "$defs": {"node": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        "$ref": "#/$defs/node",
    }
    check_schema(tree)
    assert mismatch([[], [[]]], tree) is None
    assert mismatch([[], [1]], tree) is not None
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert mismatch(deep, tree) == "it is nested too deeply"
    foreign = {"$ref": "http://127.0.0.1:9/a.json"}
    assert judged(answer("{}"), asking_score(foreign)).error_kind == "schema_mismatch"
