"""examples/, and the tables of docs/events.md that say what becomes of each field."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.events.subjects import CHAT, FLOW, REQUESTS, SEARCH, TOOL_CALL
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake.configuration import pending_count
from model_foundry.intake.drain import drain
from model_foundry.requests.event import jobs_of
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Kind
from model_foundry_tests.foundry import materialize
from model_foundry_tests.line import rows

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Of the package golang-github-nats-io-go-nats-dev: no module proxy is asked.
DEBIAN_GO = Path("/usr/share/gocode")
EVENTS = [json.loads(line) for line in (EXAMPLES / "events.ndjson").read_text().splitlines()]
SECTION = re.compile(r"^### `(?P<subject>[\w.]+)`\n(?P<text>.*?)(?=^##)", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"row of `(?P<table>\w+)`[^\n]*:\n\n(?P<rows>(?:\|[^\n]*\n)+)")
# What the sample does not say: times, so that it lands on the day of whoever publishes it, what
# only failures have, and what the embedded slots need not be asked.
ABSENT = {
    FLOW: {"nodes[].started_at", "nodes[].ended_at", "edges[].occurred_at"},
    CHAT: {"error", "response.refusal", "response.tool_calls"},
    TOOL_CALL: {"error_type"},
    REQUESTS["generation"]: {"response_format", "tools", "tool_choice"},
}


class Field(NamedTuple):
    """A line of a table."""

    subject: str
    table: str
    path: str
    column: str | None


def documented() -> Iterator[Field]:
    """Every field that docs/events.md describes."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    for section in SECTION.finditer(page):
        for found in TABLE.finditer(section["text"]):
            for line in found["rows"].splitlines()[2:]:
                names, _, column, _ = (cell.strip() for cell in line.strip("|").split("|"))
                for name in re.findall(r"`([^`]+)`", names):
                    yield Field(section["subject"], found["table"], name, column.strip("`") or None)


FIELDS = list(documented())


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The fields of a payload, but for what lies within values that are kept whole."""
    for name, inner in value.items():
        full = f"{path}{name}"
        yield full
        if isinstance(inner, dict) and full in {"response", "usage", "timings", "parameters"}:
            yield from paths(inner, f"{full}.")
        if full in {"messages", "nodes", "edges"} or (full == "results"):
            for item in inner:
                yield from paths(item, f"{full}[].")


def values_at(payload: Any, path: str) -> list[Any]:
    """What stands there, for each element of a list."""
    first, _, rest = path.partition("[].")
    if rest:
        return [item.get(rest) for item in payload[first]]
    for name in path.split("."):
        payload = payload[name]
    return [payload]


def test_the_page_describes_every_field_of_the_sample_and_no_other() -> None:
    assert {event["subject"] for event in EVENTS} == {
        CHAT, TOOL_CALL, FLOW, SEARCH, *REQUESTS.values()
    }  # fmt: skip
    for event in EVENTS:
        subject = event["subject"]
        described = {field.path for field in FIELDS if field.subject == subject}
        containers = {"usage", "timings", "nodes", "edges"}
        said = set(paths(event["payload"])) - containers
        assert said == described - ABSENT.get(subject, set()), subject


def test_the_sample_lands_as_the_page_says(settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_URL", settings.require_nats_url())
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_STREAM", settings.nats_stream)
    day = datetime.now(UTC).date().isoformat()
    for _ in range(2):
        done = CliRunner().invoke(app, ["publish", str(EXAMPLES / "events.ndjson")])
        assert f"Published {len(EVENTS)} events" in done.stdout, done.output
    asyncio.run(drain(settings))
    tables = sorted({field.table for field in FIELDS})
    result = materialize(settings, *tables, day=day)
    assert result.success
    landed = {row["event_id"] for row in rows(settings, "SELECT event_id FROM event_inbox")}
    assert landed == {event["event_id"] for event in EVENTS}
    payloads = {event["subject"]: event["payload"] for event in EVENTS}
    for table in tables:
        order = "item_no" if table.startswith("llm_flow") else "event_id"
        found = rows(settings, f"SELECT * FROM {table} ORDER BY {order}")
        for field in FIELDS:
            if field.table != table or field.path in ABSENT.get(field.subject, ()):
                continue
            of_subject = found
            if table == "llm_request":
                kind = field.subject.split(".")[1]
                of_subject = [row for row in found if row["kind"] == kind]
            if field.column is not None:
                in_table = [row[field.column] for row in of_subject]
                assert in_table == values_at(payloads[field.subject], field.path), field
    [chat] = rows(settings, "SELECT * FROM llm_chat")
    assert (chat["shape"], chat["user_text"]) == ("familiar", "How long does the UPS last?")


@pytest.mark.parametrize("kind", ["generation", "translation"])
def test_the_requests_of_the_sample_can_be_asked(kind: Kind) -> None:
    [asked] = [event for event in EVENTS if event["subject"] == REQUESTS[kind]]
    row = {**asked, "request": asked["payload"]}
    settings, day = Settings(), datetime.now(UTC).date()
    [job] = jobs_of(kind, row, day, fleet=settings_fleet(settings), settings=settings)
    assert job.correlation_id == "example"


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        (sys.executable, [sys.executable, EXAMPLES / "producer.py"]),
        ("curl", ["sh", EXAMPLES / "producer.sh"]),
        ("go", ["go", "run", "producer.go"]),
    ],
    ids=["python", "curl", "go"],
)
def test_the_producers_publish_an_event(
    settings: Settings, tmp_path: Path, tool: str, command: list[Any]
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"LOUD: no {tool} here, its producer is not run")
    asyncio.run(pending_count(settings))  # makes the stream
    environment = {**os.environ, "NATS_URL": settings.require_nats_url()}
    if tool == "go":
        shutil.copy(EXAMPLES / "producer.go", tmp_path)
    if tool == "go" and (DEBIAN_GO / "src/github.com/nats-io/nats.go").exists():
        environment |= {"GO111MODULE": "off", "GOPATH": str(DEBIAN_GO)}
    elif tool == "go":
        get = "go mod init producer && go get github.com/nats-io/nats.go"
        got = subprocess.run(["sh", "-c", get], cwd=tmp_path, capture_output=True, check=False)
        if got.returncode:
            pytest.skip(f"LOUD: no nats.go to be had, the Go producer is not run: {got.stderr!r}")
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert settings.nats_stream in done.stdout
    asyncio.run(drain(settings))
    [row] = rows(settings, "SELECT subject, correlation_id, payload FROM event_inbox")
    assert (row["subject"], row["correlation_id"]) == (TOOL_CALL, "my-session")
    assert row["payload"]["tool_name"] == "read_clock"


@pytest.mark.parametrize("command", [[sys.executable, "producer.py"], ["sh", "producer.sh"]])
def test_a_producer_whose_event_is_not_taken_fails(settings: Settings, command: list[str]) -> None:
    # Nothing listens on the subject: no stream was made.
    done = subprocess.run(
        command,
        cwd=EXAMPLES,
        env={**os.environ, "NATS_URL": settings.require_nats_url()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0, done.stdout
