"""The shipped recipes on the real slots: what is asked, what lands, what a re-run asks."""

import asyncio
import re

import httpx
import pytest

from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import Raw, event, publish, rows

DAY = "2026-11-20"
RECIPES = ("generation_follow_up", "translation_ja_en")


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
    assert read_by(slots) == read

    land(settings, chat("What is a slot?", "One served model.", "c2"))
    third = metadata_of(materialize(settings, RECIPES[0], day=DAY), RECIPES[0], DAY)
    assert (third["asked"], third["cached"]) == (1, 1)


def test_a_day_without_sources_says_so(settings: Settings) -> None:
    result = materialize(settings, *RECIPES, day=DAY)
    for name in RECIPES:
        shown = metadata_of(result, name, DAY)
        assert (shown["status"], shown["asked"], shown["dagster/row_count"]) == ("empty", 0, 0)
