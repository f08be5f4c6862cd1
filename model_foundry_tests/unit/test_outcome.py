"""What an answer is worth by its own request, and how an unfit one is sent back."""

import json
import time
from datetime import date
from typing import Any

import msgspec
import pytest

from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import as_accepted, judged, repair_turn, repaired
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


def test_calls_without_end_hold_nothing_up() -> None:
    slow = {"properties": {"a": {"items": {"anyOf": [{"const": n} for n in range(2_000)]}}}}
    tool = {"type": "function", "function": {"name": "slow", "parameters": slow}}
    calls = [("slow", json.dumps({"a": [1_999] * 400}))] * 500
    started = time.process_time()
    verdict = judged(answer("", *calls), asking(tools=[tool]))
    assert time.process_time() - started < 2
    assert verdict.status == "ok"
    assert "not checked" in str(verdict.error)


def test_what_is_said_of_an_answer_is_short_whatever_it_holds() -> None:
    odd = judged(answer("", ("x" * 1_000_000, "{}")), asking(tools=[NOW]))
    assert (odd.error_kind, len(str(odd.error)) <= 1_000) == ("unknown_tool", True)


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
    assert (verdict.error_kind, verdict.repairable) == ("length", False)
    filtered = judged(answer("I ", finish_reason="content_filter"), asking())
    assert (filtered.error_kind, filtered.repairable) == ("content_filter", False)


@pytest.mark.parametrize("word", ["stop", "eos", "pause_turn", "", None])
def test_a_word_that_is_new_is_an_end(word: Any) -> None:
    assert judged(answer("Yes.", finish_reason=word), asking()).status == "ok"
    assert judged(answer(" ", finish_reason=word), asking()).error_kind == "empty"


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
    ("schema", "said"),
    [
        ({"$schema": 5}, "no text"),
        ({"$dynamicRef": "#nowhere"}, "#nowhere"),
        ({"$ref": "http://127.0.0.1:9/a.json"}, "127.0.0.1"),
        ({"type": "strnig"}, "strnig"),
        ([], "object"),
        (7, "object"),
    ],
)
def test_an_answer_to_a_schema_that_is_wrong_is_not_sent_back(schema: Any, said: str) -> None:
    verdict = judged(answer("{}"), asking_score(schema))
    assert (verdict.status, verdict.error_kind) == ("rejected", "invalid_schema")
    assert not verdict.repairable
    assert said in str(verdict.error)
    tool = {"type": "function", "function": {"name": "f", "parameters": schema or 1}}
    assert judged(answer("", ("f", "{}")), asking(tools=[tool])).error_kind == "invalid_schema"


def test_what_could_not_be_checked_is_said_of_an_answer_that_is_ok() -> None:
    verdict = judged(answer('"ab"'), asking_score({"pattern": "^(?=a)"}))
    assert (verdict.status, verdict.error_kind) == ("ok", None)
    assert verdict.error == "the pattern '^(?=a)' is not checked"


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "now"}},
        {"type": "function", "function": "now"},
        {"type": "function", "name": "now"},
    ],
)
def test_a_tool_may_be_named_in_several_ways(choice: Any) -> None:
    request = asking(tools=[SEARCH, NOW], tool_choice=choice)
    assert judged(answer("It is noon."), request).error_kind == "no_tool_call"
    assert judged(answer("", ("now", "{}")), request).status == "ok"
    assert judged(answer("", ("search", '{"query": "x"}')), request).error_kind == "unknown_tool"


@pytest.mark.parametrize("choice", [{}, {"type": "function"}, {"function": 5}, {"function": None}])
def test_a_choice_that_names_no_tool_demands_none(choice: Any) -> None:
    assert judged(answer("It is noon."), asking(tools=[NOW], tool_choice=choice)).status == "ok"


FENCED = '```json\n{"score": 3}\n```'


@pytest.mark.parametrize(
    ("text", "reasoning", "taken"),
    [
        (FENCED, "Hm.", '{"score": 3}'),
        ("```\n[1]\n```", None, "[1]"),
        ("~~~ JSON\n[1]\n~~~\n", None, "[1]"),
        ("Here it is:\n\n  ```json\n  [1]\n  ```\nWell?", None, "  [1]"),
        ("```json\n[1]", None, "[1]"),
        ("```json [1]```", None, " [1]"),
        ('````\n"```"\n````', None, '"```"'),
        ('{"a": "```json\\n1\\n```"}', None, '{"a": "```json\\n1\\n```"}'),
        ("```\n1\n```\n```\n2\n```", None, "```\n1\n```\n```\n2\n```"),
        ("```\nno\n```", None, "```\nno\n```"),
        ("", '{"score": 3}', '{"score": 3}'),
        (" \n", FENCED, '{"score": 3}'),
        ("", "I think so.", ""),
        ("Yes.", '{"score": 3}', "Yes."),
    ],
)
def test_a_recipe_may_take_json_out_of_a_fence_or_of_the_reasoning(
    text: str, reasoning: str | None, taken: str
) -> None:
    given = msgspec.structs.replace(answer(text), reasoning=reasoning)
    request = asking(response_format={"type": "json_object"})

    def job(accept: Any, asked: Request) -> Job:
        return Job(
            recipe="r",
            kind="generation",
            role="worker",
            occurred_on=date(2026, 11, 20),
            request=asked,
            accept=accept,
        )

    read = as_accepted(given, job("unfence", request))
    assert read.text == taken
    moved = not text.strip() and text != taken
    assert read.reasoning == (None if moved else reasoning)
    assert as_accepted(given, job("strict", request)) == given
    assert as_accepted(given, job("unfence", asking())) == given
    assert job("strict", request).job_id == job("unfence", request).job_id
