"""The embedded slots, measured: every one by prompt length and by requests at once."""

import base64
import re

import pytest
import yaml

from model_foundry.dispatch.speeds import counts
from model_foundry.fleet.file import settings_fleet
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry.telemetry import sender_of
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import execute, rows
from model_foundry_tests.telemetry_endpoint import Endpoint

QUICK = {"slot_benchmark_prompt_tokens": (16, 48), "slot_benchmark_answer_tokens": 4}


@pytest.fixture(autouse=True)
def slots(slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded slots, where the fleet file looks for them."""
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)


def test_every_slot_is_measured_and_plotted(settings: Settings) -> None:
    with Endpoint() as endpoint:
        quick = settings.model_copy(update={**QUICK, "telemetry_url": endpoint.url})
        result = materialize(quick, "slot_benchmark")
        sender = sender_of(quick)
        assert sender is not None
        assert sender.counts.told == 0, "what measures a slot is no traffic"
    measured = rows(settings, "SELECT * FROM slot_benchmark")
    for slot in settings_fleet(settings).in_profile("standard"):
        own = [row for row in measured if row["slot"] == slot.name]
        prompts = sorted(row["input_tokens"] for row in own if row["measure"] == "pp")
        assert len(prompts) == 2
        assert prompts[0] < prompts[1]
        tg = {row["at_once"]: row for row in own if row["measure"] == "tg"}
        assert sorted(tg) == list(range(1, slot.parallel + 1))
        for at_once, row in tg.items():
            assert row["requests"] == 3 * at_once
            assert 0 < row["total_tokens_per_s"] <= row["tg_tokens_per_s"] * at_once * 1.01
        assert all(row["pp_tokens_per_s"] > 0 for row in own)
        assert {row["timing_source"] for row in own} == {"server"}

    shown = metadata_of(result, "slot_benchmark")
    assert shown["measured"] == shown["dagster/row_count"] == len(measured)
    pictures = re.findall(r"svg\+xml;base64,([^)]+)", shown["plot"])
    assert len(pictures) >= 2  # PP and TG
    assert all(base64.b64decode(picture).startswith(b"<svg") for picture in pictures)
    assert shown["unmeasured"] == {}
    assert all(check.passed for check in checks_of(result))


def test_a_slot_that_is_down_stops_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_SLOT_TRANSLATOR_URL", "http://127.0.0.1:1")
    execute(
        settings,
        "INSERT INTO slot_benchmark (measured_at, slot, model, provider_name, measure, "
        "input_tokens, at_once, requests, wall_s) "
        "VALUES ('2026-11-20', 'naughty', 'm', 'llama.cpp', 'pp', 16, 1, 3, 1.0)",
    )
    quick = settings.model_copy(update={**QUICK, "profile": "minimal"})
    result = materialize(quick, "slot_benchmark")
    measured = {row["slot"] for row in rows(settings, "SELECT slot FROM slot_benchmark")}
    assert measured == {"naughty"}
    shown = metadata_of(result, "slot_benchmark")
    assert shown["dagster/row_count"] == shown["measured"] + 1, "what was measured before stays"
    [check] = [one for one in checks_of(result) if one.check_name == "speeds_as_expected"]
    assert not check.passed
    assert check.description is not None
    assert "translator was not measured: connection" in check.description


def test_a_slot_slower_than_its_fleet_file_says_is_named(settings: Settings) -> None:
    declared = yaml.safe_load((data_path("fleets") / "embedded.yaml").read_text(encoding="utf-8"))
    [slot] = [slot for slot in declared["slots"] if slot["name"] == "kindergarten"]
    slot["expected"] = {"pp_tokens_per_s": 1, "tg_tokens_per_s": [90_000, 95_000]}
    declared["profiles"] = {"standard": ["kindergarten"]}
    fleet = settings.home / "fleet.yaml"
    fleet.write_text(yaml.safe_dump(declared), encoding="utf-8")
    quick = settings.model_copy(update={**QUICK, "fleet": fleet})
    checks = {check.check_name: check for check in checks_of(materialize(quick, "slot_benchmark"))}
    assert not checks["speeds_as_expected"].passed
    description = checks["speeds_as_expected"].description or ""
    assert "kindergarten: TG is" in description
    assert "expects 90000" in description
    assert "PP is" not in description
    assert checks["slots_as_declared"].passed


def test_many_places_are_measured_by_doubling() -> None:
    assert counts(3) == [1, 2, 3]
    assert counts(20) == [1, 2, 4, 8, 16, 20]
    assert counts(16) == [1, 2, 4, 8, 16]
