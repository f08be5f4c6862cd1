"""`--json` on real servers: stdout is JSON and nothing else, whatever is told to people."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.line import Raw, event, publish


@pytest.fixture
def line(
    settings: Settings, slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """All servers run, and the environment says where."""
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_URL", settings.require_nats_url())
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_STREAM", settings.nats_stream)
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    return settings


def told(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_familiar_prints_its_report_alone(line: Settings) -> None:
    """Two lines for people used to come first."""
    publish(line, [event()])  # which makes the stream
    report = told("familiar", "--sessions", "1", "--seed", "1")
    assert len(report["correlation_ids"]) == 1
    assert CliRunner().invoke(app, ["migrate"]).stdout.startswith("Nothing to apply")


def test_the_commands_of_intake_and_quarantine(line: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(event(event_id="one").body)
    assert told("publish", str(file))["published"] == 1
    publish(line, [Raw("llm.tool_call", b"not JSON \x1b]0;owned\x07")])
    assert told("intake", "replay", "--from-seq", "1")["landed"] == 1
    proof = told("intake", "reconcile")
    assert (proof["ok"], proof["missing"]) == (True, [])
    refused = told("quarantine", "list")
    shown = told("quarantine", "show", str(refused["quarantine_id"]))
    assert (shown["refused_by"], shown["raw"]) == ("door", "not JSON \x1b]0;owned\x07")
    assert told("quarantine", "replay", "--all")["refused"] == 1
    assert told("migrate") == {"applied": []}


def test_status_and_doctor_see_the_line(line: Settings) -> None:
    publish(line, [event(event_id="one"), event(event_id="two")])
    found = {each["name"]: each for each in told("status")["parts"]}
    assert found["NATS"]["messages"] == 2
    assert told("intake", "replay", "--from-seq", "1")["landed"] == 2
    found = {each["name"]: each for each in told("status")["parts"]}
    assert found["PostgreSQL"]["first_day"] == "2026-11-20"
    assert found["PostgreSQL"]["days_with_news"] == ["2026-11-20"]
    assert {name: each["state"] for name, each in found.items()} == {
        "NATS": "up",
        "PostgreSQL": "up",
        "slot naughty": "up",
        "slot kindergarten": "up",
        "slot translator": "up",
    }
    done = CliRunner().invoke(app, ["doctor", "--json"])
    checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert checks["NATS"]["state"] == checks["PostgreSQL"]["state"] == "ok"
    assert "2026-11-20" in checks["days"]["found"]
    assert checks["days"]["remedy"]


def test_status_names_what_is_down(line: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_URL", "nats://me:hunter2@127.0.0.1:1")
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", "postgresql://me:hunter2@127.0.0.1:1/x")
    monkeypatch.setenv("MODEL_FOUNDRY_SLOT_NAUGHTY_URL", "http://127.0.0.1:1")
    found = {each["name"]: each["state"] for each in told("status", code=1)["parts"]}
    assert [found[name] for name in ("NATS", "PostgreSQL", "slot naughty")] == ["down"] * 3
    for command in ("status", "doctor"):
        done = CliRunner().invoke(app, [command])
        assert (done.exit_code, "hunter2" in done.output) == (1, False)
