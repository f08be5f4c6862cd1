"""How a role's slots are asked: in one format, or a person has to choose."""

from typing import Any

import pytest

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet


def fleet(*formats: str) -> Fleet:
    slots: list[dict[str, Any]] = [
        {
            "name": f"slot-{number}",
            "roles": ["translator"],
            "runtime": "vllm",
            "endpoint": "http://127.0.0.1:1",
            "model": "m",
            "licence": "Apache-2.0",
            "prompt_format": each,
            "parallel": 1,
            "context_tokens": 1024,
        }
        for number, each in enumerate(formats)
    ]
    everything = [slot["name"] for slot in slots]
    profiles = {"full": everything, "minimal": everything[:1]}
    return Fleet.model_validate({"name": "test", "slots": slots, "profiles": profiles})


def test_slots_that_agree_have_a_prompt_format() -> None:
    assert fleet("few-shot", "few-shot").prompt_format_of("translator", "full") == "few-shot"


def test_slots_that_differ_are_named() -> None:
    mixed = fleet("chat", "plamo-2-translate")
    with pytest.raises(FoundryError, match=r"slot-0 \(chat\), slot-1 \(plamo-2-translate\)"):
        mixed.prompt_format_of("translator", "full")
    assert mixed.prompt_format_of("translator", "minimal") == "chat"


def test_a_role_that_nobody_serves_has_none() -> None:
    with pytest.raises(FoundryError, match="known: translator"):
        fleet("chat").prompt_format_of("worker", "full")
