"""The shipped recipes on the real slots: what is asked, what lands, what a re-run asks."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.foundry import checks_of, materialize, metadata_of, undescribed
from model_foundry_tests.line import Raw, event, publish, rows
from model_foundry_tests.recipes import attributes, run, write

DAY = "2026-11-20"
RECIPES = ("generation_follow_up", "translation_ja_en")
SHIPPED = (
    "generation_better_answer",
    "generation_follow_up",
    "generation_judge",
    "generation_question_from_note",
)


@pytest.fixture(autouse=True)
def slots(slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch) -> EmbeddedSlots:
    """The embedded slots, where the fleet file looks for them."""
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    return slot_servers


def chat(user: str, answer: str, event_id: str) -> Raw:
    return event(
        "llm.chat.persist",
        {
            "role": "worker",
            "messages": [{"role": "user", "content": user}],
            "response": {"content": answer, "finish_reason": "stop"},
        },
        event_id=event_id,
    )


def land(settings: Settings, *events: Raw) -> None:
    publish(settings, events)
    asyncio.run(drain(settings))
    materialize(settings, "llm_chat", day=DAY)


def read_by(slots: EmbeddedSlots) -> float:
    """Prompt tokens that the servers have read, by their own count: it grows with each request."""
    total = 0.0
    for name in slots:
        text = httpx.get(f"{slots[name].url}/metrics").text
        found = re.search(r"^llamacpp:prompt_tokens_total (\S+)$", text, re.MULTILINE)
        assert found, text
        total += float(found[1])
    return total


def test_a_rerun_asks_only_what_has_no_answer(settings: Settings, slots: EmbeddedSlots) -> None:
    japanese = "翻訳の品質は高いです。\n```\nコードの行\n```\nOnly English here."
    land(settings, chat(japanese, "Yes, it is.", "c1"))
    first = materialize(settings, *RECIPES, day=DAY)
    assert [metadata_of(first, name, DAY)["asked"] for name in RECIPES] == [1, 1]
    assert all(check.passed for check in checks_of(first))

    [translated] = rows(settings, "SELECT * FROM inference_result WHERE recipe = 'ja_en'")
    assert (translated["kind"], translated["slot"], translated["status"]) == (
        "translation", "translator", "ok",
    )  # fmt: skip
    assert (translated["source_event_id"], translated["source_part"]) == ("c1", "user/0")
    assert translated["correlation_id"] == "session-1"
    assert "コードの行" not in str(translated["request"])
    assert re.search("[a-z]", translated["response_text"])
    [followed] = rows(settings, "SELECT * FROM inference_result WHERE recipe = 'follow_up'")
    assert followed["slot"] in {"naughty", "kindergarten"}
    assert followed["output_tokens"] > 0
    assert followed["timing_source"] == "server"

    read = read_by(slots)
    second = materialize(settings, *RECIPES, day=DAY)
    for name in RECIPES:
        shown = metadata_of(second, name, DAY)
        assert (shown["asked"], shown["cached"]) == (0, 1)
        assert shown["dagster/partition_row_count"] == 1
    assert read_by(slots) == read

    land(settings, chat("What is a slot?", "One served model.", "c2"))
    third = metadata_of(materialize(settings, RECIPES[0], day=DAY), RECIPES[0], DAY)
    assert (third["asked"], third["cached"]) == (1, 1)


def test_what_ships_runs_to_its_end_with_real_answers(settings: Settings) -> None:
    note = {"path": "home/curry.md", "score": 2.0, "chunk": "Curry: onions, rice, an hour."}
    land(
        settings,
        chat("What is NATS?", "A message broker.", "c1"),
        chat("What is DuckDB?", "A database in a file.", "c2"),
        *(
            event(
                "obsidian.semantic_search",
                {"query": "dinner", "results": [note]},
                event_id=search,
                correlation_id=search,
            )
            for search in ("s1", "s2")
        ),
    )
    materialize(settings, "obsidian_semantic_search", day=DAY)
    result = materialize(settings, *SHIPPED, day=DAY)
    for name in SHIPPED:
        shown = metadata_of(result, name, DAY)
        jobs = 1 if name == "generation_question_from_note" else 2
        assert (shown["done"], shown["failed"]) == (f"{jobs}/{jobs}", 0)
        assert shown["output_tokens"] > 0
        assert undescribed(shown) == []
    found = rows(settings, "SELECT * FROM inference_result ORDER BY recipe, source_event_id")
    by_recipe = {row["recipe"]: row for row in found}
    for row in found:
        assert row["response_text"].strip()

    assert {row["status"] for row in found if row["recipe"] == "judge"} == {"ok"}
    judgement = json.loads(by_recipe["judge"]["response_text"])
    assert judgement["score"] in range(1, 6)
    assert judgement["reason"]

    pair = by_recipe["better_answer"]
    assert pair["request"]["messages"] == [{"role": "user", "content": "What is DuckDB?"}]
    assert pair["source_row"]["rejected_text"] == "A database in a file."
    assert pair["slot"] == "naughty"

    question = by_recipe["question_from_note"]
    assert (question["source_event_id"], question["source_event_ids"]) == ("s1", ["s1", "s2"])
    assert question["source_row"] == {"note_path": note["path"], "chunk": note["chunk"]}


def test_a_real_slot_calls_the_tool_that_it_must(settings: Settings, tmp_path: Path) -> None:
    land(settings, chat("Look up how the photo server is backed up.", "Yes.", "c1"))
    tool = {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Searches the notes.",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string", "maxLength": 40}},
                "required": ["query"],
            },
        },
    }
    declared = attributes(
        tools="tools.json", tool_choice="required", sampling={"temperature": 0, "max_tokens": 64}
    )
    write(tmp_path / "recipes", "look_up", declared, tools_json=[tool])
    run(tmp_path / "recipes", settings, "generation_look_up")
    [row] = rows(settings, "SELECT * FROM inference_result")
    assert (row["status"], row["error_kind"]) == ("ok", None)
    [call] = row["tool_calls"]
    assert call["function"]["name"] == "search"
    assert "query" in json.loads(call["function"]["arguments"])


def test_a_day_without_sources_says_so(settings: Settings) -> None:
    result = materialize(settings, *RECIPES, day=DAY)
    for name in RECIPES:
        shown = metadata_of(result, name, DAY)
        assert (shown["status"], shown["asked"], shown["dagster/partition_row_count"]) == (
            "empty",
            0,
            0,
        )
