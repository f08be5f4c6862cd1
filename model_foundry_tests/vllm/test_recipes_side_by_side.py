"""The same recipes on vLLM and llama.cpp: both answer, and their own figures add up."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from model_foundry.fleet.file import settings_fleet
from model_foundry.intake.drain import drain
from model_foundry.paths import PACKAGE
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import event, publish, rows
from model_foundry_tests.recipes import DAY, attributes, run, write
from model_foundry_tests.vllm.server import VllmServer, figure

CHATS = 18
PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string", "maxLength": 40}},
    "required": ["query"],
    "additionalProperties": False,
}
TOPICS = ("NATS", "PostgreSQL", "DuckDB", "Dagster", "llama.cpp", "vLLM")
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the notes.",
        "parameters": PARAMETERS,
    },
}
SCORE = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 60},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["reason", "score"],
    "additionalProperties": False,
}
# Σ of what stands in the rows, and what each server counts of itself.
VLLM_COUNTS = {
    "input_tokens": "vllm:prompt_tokens_total",
    "cached_tokens": "vllm:prompt_tokens_cached_total",
    "output_tokens": "vllm:generation_tokens_total",
    "queue_s": "vllm:request_queue_time_seconds_sum",
    "decode_s": "vllm:request_decode_time_seconds_sum",
    "prefill_s": "vllm:request_prefill_time_seconds_sum",
    "ttft_with_queue_s": "vllm:time_to_first_token_seconds_sum",
}
LLAMA_CPP_COUNTS = {
    "read_tokens": "llamacpp:prompt_tokens_total",
    "output_tokens": "llamacpp:tokens_predicted_total",
    "read_s": "llamacpp:prompt_seconds_total",
    "decode_s": "llamacpp:tokens_predicted_seconds_total",
}


@pytest.fixture
def chats(side_by_side: Settings) -> Settings:
    """Chats of the day in `llm_chat`."""
    publish(
        side_by_side,
        [
            event(
                "llm.chat.persist",
                {
                    "role": "worker",
                    "messages": [
                        {"role": "user", "content": f"What is {TOPICS[number % 6]} ({number})?"}
                    ],
                    "response": {"content": "A piece of software.", "finish_reason": "stop"},
                },
                event_id=f"c{number:02}",
                correlation_id=f"session-{number}",
            )
            for number in range(CHATS)
        ],
    )
    asyncio.run(drain(side_by_side))
    materialize(side_by_side, "llm_chat", day=DAY)
    return side_by_side


def counts(url: str, names: dict[str, str]) -> dict[str, float]:
    return {key: figure(url, name) for key, name in names.items()}


def growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def by_slot(settings: Settings, recipe: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(settings, "SELECT * FROM inference_result WHERE recipe = %s", recipe):
        found.setdefault(row["slot"], []).append(row)
    return found


def total(answers: list[dict[str, Any]], name: str) -> float:
    return float(sum(row[name] for row in answers))


def test_both_answer_one_recipe_and_the_figures_are_their_own(
    chats: Settings, vllm: VllmServer, kindergarten: str
) -> None:
    before = counts(vllm.url, VLLM_COUNTS), counts(kindergarten, LLAMA_CPP_COUNTS)
    result = materialize(chats, "generation_follow_up", day=DAY)
    grown = growth(before[0], counts(vllm.url, VLLM_COUNTS))
    grown_llama = growth(before[1], counts(kindergarten, LLAMA_CPP_COUNTS))
    shown = metadata_of(result, "generation_follow_up", DAY)
    assert (shown["asked"], shown["failed"]) == (CHATS, 0)
    answers = by_slot(chats, "follow_up")
    assert set(answers) == {"naughty", "kindergarten"}
    for row in (row for each in answers.values() for row in each):
        assert row["timing_source"] == "server"
        assert row["response_model"] == "smollm2-135m-instruct"
        assert row["licence"] == "Apache-2.0"
        assert row["input_tokens"] > row["cached_tokens"] >= 0
        assert 0 < row["output_tokens"] <= 96
        assert row["pp_tokens_per_s"] > 0
        assert row["tg_tokens_per_s"] > 0
        assert 0 < row["ttft_ms"] + (row["queue_ms"] or 0) < row["total_ms"]

    vllm_s = answers["naughty"]
    assert {row["provider_name"] for row in vllm_s} == {"vllm"}
    for name in ("input_tokens", "cached_tokens", "output_tokens"):
        assert total(vllm_s, name) == grown[name]
    assert total(vllm_s, "queue_ms") / 1000 == pytest.approx(grown["queue_s"], abs=0.01)
    # From the place in the batch to the first token: without the queue, with the answer's way.
    ttft_s = total(vllm_s, "ttft_ms") / 1000
    assert grown["prefill_s"] * 0.99 <= ttft_s <= grown["ttft_with_queue_s"]
    decode_s = sum((row["output_tokens"] - 1) / row["tg_tokens_per_s"] for row in vllm_s)
    assert decode_s == pytest.approx(grown["decode_s"], rel=0.05)

    llama_s = answers["kindergarten"]
    assert {row["provider_name"] for row in llama_s} == {"llama.cpp"}
    assert {row["queue_ms"] for row in llama_s} == {None}
    read = total(llama_s, "input_tokens") - total(llama_s, "cached_tokens")
    assert read == grown_llama["read_tokens"]
    assert total(llama_s, "output_tokens") == grown_llama["output_tokens"]
    # llama.cpp counts a step that two requests share once, and tells each the whole of it.
    assert total(llama_s, "ttft_ms") / 1000 >= grown_llama["read_s"] * 0.99
    decode_s = sum(row["output_tokens"] / row["tg_tokens_per_s"] for row in llama_s)
    assert decode_s >= grown_llama["decode_s"] * 0.99


async def test_one_request_alone_is_timed_as_its_server_says(
    side_by_side: Settings, vllm: VllmServer, kindergarten: str
) -> None:
    request = Request(messages=[{"role": "user", "content": "Tell me of the sea."}], max_tokens=40)

    async def alone(name: str) -> dict[str, float]:
        slots = [slot for slot in settings_fleet(side_by_side).slots if slot.name == name]
        asked = job(request=request, source_event_id=name)
        await run_jobs([asked], settings=side_by_side, slots=slots)
        [row] = rows(side_by_side, "SELECT * FROM inference_result WHERE slot = %s", name)
        return row

    before = counts(vllm.url, VLLM_COUNTS)
    row = await alone("naughty")
    grown = growth(before, counts(vllm.url, VLLM_COUNTS))
    assert row["queue_ms"] / 1000 == pytest.approx(grown["queue_s"], abs=0.001)
    decode_s = (row["output_tokens"] - 1) / row["tg_tokens_per_s"]
    assert decode_s == pytest.approx(grown["decode_s"], rel=0.02)

    before = counts(kindergarten, LLAMA_CPP_COUNTS)
    other = await alone("kindergarten")
    grown = growth(before, counts(kindergarten, LLAMA_CPP_COUNTS))
    assert other["ttft_ms"] / 1000 == pytest.approx(grown["read_s"], rel=0.02)
    decode_s = other["output_tokens"] / other["tg_tokens_per_s"]
    assert decode_s == pytest.approx(grown["decode_s"], rel=0.02)
    assert row["input_tokens"] == other["input_tokens"]  # one chat template for both


def test_both_hold_an_answer_to_its_json_schema(chats: Settings, tmp_path: Path) -> None:
    declared = attributes(
        sampling={"temperature": 0, "max_tokens": 128}, output={"json_schema": SCORE}
    )
    prompt = "Judge this question as JSON with reason and score: {{ user_text }}"
    write(tmp_path / "recipes", "score", declared, prompt_md=prompt)
    run(tmp_path / "recipes", chats, "generation_score")
    answers = by_slot(chats, "score")
    assert set(answers) == {"naughty", "kindergarten"}
    for row in (row for each in answers.values() for row in each):
        assert (row["status"], row["sent_back_text"]) == ("ok", None)
        jsonschema.validate(json.loads(row["response_text"]), SCORE)


def test_the_shipped_judge_asks_vllm_alone(chats: Settings) -> None:
    result = materialize(chats, "generation_judge", day=DAY)
    assert all(check.passed for check in checks_of(result))
    [(slot, answers)] = by_slot(chats, "judge").items()
    schema = json.loads((PACKAGE / "defs/recipes/judge/schema.json").read_text(encoding="utf-8"))
    assert (slot, len(answers)) == ("naughty", CHATS)  # the orchestrator
    for row in answers:
        assert (row["status"], row["sent_back_text"]) == ("ok", None)
        jsonschema.validate(json.loads(row["response_text"]), schema)


@pytest.mark.parametrize("tool_choice", ["required", "search"])
def test_both_call_the_tool_that_must_be_called(
    chats: Settings, tmp_path: Path, tool_choice: str
) -> None:
    declared = attributes(
        tools="tools.json",
        tool_choice=tool_choice,
        sampling={"temperature": 0, "max_tokens": 256},
    )
    prompt = "Search the notes: {{ user_text }}"
    write(tmp_path / "recipes", "look_up", declared, prompt_md=prompt, tools_json=[SEARCH])
    run(tmp_path / "recipes", chats, "generation_look_up")
    answers = by_slot(chats, "look_up")
    assert set(answers) == {"naughty", "kindergarten"}
    for row in (row for each in answers.values() for row in each):
        assert (row["status"], row["sent_back_text"]) == ("ok", None), row["error"]
        assert row["tool_calls"]
        for call in row["tool_calls"]:
            assert (call["type"], call["function"]["name"]) == ("function", "search")
            jsonschema.validate(json.loads(call["function"]["arguments"]), PARAMETERS)
