"""How long an attempt may take: by the slot's file, the settings and the request."""

from pathlib import Path
from typing import Any

import pytest

from model_foundry.errors import FoundryError
from model_foundry.slot.jobs import Request
from model_foundry.slot.limits import limits_of, load_s_of
from model_foundry_tests.asking import declared, quick

FAST = {"pp_tokens_per_s": [1000, 2000], "tg_tokens_per_s": [50, 60]}


def limits(tmp_path: Path, max_tokens: int | None, body_bytes: int, **changes: Any) -> list[float]:
    request = Request(prompt="Hi", endpoint="completion", max_tokens=max_tokens)
    settings = quick(tmp_path, inference_idle_s=60)
    return [*limits_of(declared(**changes), request, body_bytes, settings)]


def test_the_prompt_and_the_answer_have_ten_times_what_they_need(tmp_path: Path) -> None:
    # 3,000 tokens at 1,000 a second, and 500 at 50.
    assert limits(tmp_path, 500, 9_000, expected=FAST) == [90, 60, 190]
    # Nothing is expected of it: 50 and 5 a second.
    assert limits(tmp_path, 500, 9_000) == [660, 60, 1_660]


@pytest.mark.parametrize("max_tokens", [None, 0, -1, -(10**400), 6_000, 10**400])
def test_an_answer_without_a_limit_that_counts_may_fill_the_context(
    tmp_path: Path, max_tokens: int | None
) -> None:
    assert limits(tmp_path, max_tokens, 0, expected=FAST, context_tokens=5_000) == [60, 60, 1_060]


def test_a_slot_declares_its_own_silence_load_and_queue(tmp_path: Path) -> None:
    assert limits(tmp_path, 500, 0, expected=FAST, idle_s=5) == [5, 5, 105]
    assert limits(tmp_path, 500, 0, expected=FAST, load_s=900) == [960, 60, 1_060]
    assert limits(tmp_path, 500, 0, expected=FAST, queue_ahead=1) == [160, 60, 260]


def test_loading_has_a_limit_of_its_own(tmp_path: Path) -> None:
    settings = quick(tmp_path, inference_loading_s=77)
    assert load_s_of(declared(), settings) == 77
    assert load_s_of(declared(load_s=5), settings) == 5


def test_the_former_limit_of_the_whole_is_named_with_what_is_there_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_INFERENCE_REQUEST_TIMEOUT_S", "600")
    with pytest.raises(FoundryError, match="MODEL_FOUNDRY_INFERENCE_IDLE_S now"):
        quick(tmp_path)
