"""What a newcomer does: `make run`, twice, and then a look at what is there."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from model_foundry import lake
from model_foundry.cli.demo import WASTE
from model_foundry.components.names import packaged_recipes
from model_foundry.devstack.stack import Stack
from model_foundry.postgres.flat import FLAT_TABLES
from model_foundry.settings import Settings
from model_foundry.summaries.compute import SUMMARIES
from model_foundry_tests.e2e.conftest import Ran
from model_foundry_tests.line import event, rows, value

COMMAND = Path(sys.executable).with_name("model-foundry")


def run(
    home: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The command line, with nothing set but the home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [COMMAND, *arguments],
        env={**kept, "MODEL_FOUNDRY_HOME": str(home), "COLUMNS": "120", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def asked_by(shown: str, recipe: str) -> int:
    """How many jobs a run says that it asked for a recipe."""
    found = re.search(rf"{recipe}\b.*?(\d+) asked", shown, re.DOTALL)
    assert found, shown
    return int(found[1])


@pytest.mark.timeout(2400)
def test_the_line_runs_twice_and_counts_nothing_twice(ran: Ran) -> None:
    home = ran.home
    for done in (ran.first, ran.second):
        assert done.returncode == 0, done.stdout + done.stderr
        for word in ("What the line carried", "event_inbox", "generation_follow_up", "TG tok/s"):
            assert word in done.stdout

    views = {*lake.LAKE_TABLES, *SUMMARIES}
    with duckdb.connect(str(home / "foundry.duckdb"), read_only=True) as connection:
        for view in views:
            [(count,)] = connection.execute(f'SELECT count(*) FROM "{view}"').fetchall()
            assert count > 0 or view in WASTE, view

    with Stack(Settings(home=home)):
        settings = Settings(home=home)
        for table in (*FLAT_TABLES, "event_inbox"):
            assert value(settings, f'SELECT count(*) FROM "{table}"') > 0, table
        twice = "SELECT event_id FROM event_inbox GROUP BY event_id HAVING count(*) > 1"
        assert not rows(settings, twice)
        kinds = rows(settings, "SELECT DISTINCT kind FROM inference_result")
        assert {row["kind"] for row in kinds} == {"generation", "translation"}
        replied = rows(settings, "SELECT kind, status FROM request_reply ORDER BY kind")
        assert [row["kind"] for row in replied] == ["generation"] * 2 + ["translation"] * 2
        assert {row["status"] for row in replied} <= {"ok", "rejected"}
        # Each run asked only for what had no answer: together, each job once.
        for name in packaged_recipes().values():
            asked = [asked_by(done.stdout, name) for done in (ran.first, ran.second)]
            recipe = name.partition("_")[2]
            jobs = value(
                settings, "SELECT count(*) FROM inference_result WHERE recipe = %s", recipe
            )
            assert sum(asked) == jobs > asked[1]


def test_without_a_stack_the_error_says_what_to_do(home: Path) -> None:
    for arguments in (["migrate"], ["quarantine", "list"], ["exporter"]):
        failed = run(home, *arguments)
        assert failed.returncode == 1
        assert not failed.stdout
        assert "MODEL_FOUNDRY_POSTGRES_URL is not set" in failed.stderr
        assert "model-foundry up" in failed.stderr
        assert "Traceback" not in failed.stderr


def test_intake_and_quarantine_from_the_command_line(settings: Settings, tmp_path: Path) -> None:
    environment = {
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
    }

    def command(*arguments: str, code: int = 0) -> str:
        done = run(settings.home, *arguments, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    file = tmp_path / "events.ndjson"
    file.write_bytes(event(event_id="one").body + b"\n" + event(event_id="two").body)
    assert "Published 2 events" in command("publish", str(file))
    replayed = json.loads(command("intake", "replay", "--until-seq", "1", "--json"))
    assert (replayed["messages"], replayed["landed"]) == (1, 1)
    file.write_bytes(file.read_bytes() + b"\nnot JSON")
    imported = json.loads(command("intake", "import", str(file), "--json"))
    assert (imported["landed"], imported["duplicates"], imported["quarantined"]) == (1, 1, 1)
    assert "not_json" in command("quarantine", "list")
    assert command("quarantine", "show", "1", "--raw") == "not JSON"
    assert "1 stay refused" in command("quarantine", "replay", "--all")
    command("quarantine", "replay", code=1)
    assert "nothing has been acknowledged yet" in command("intake", "reconcile")


def test_help_names_every_command(home: Path) -> None:
    shown = run(home, "--help")
    assert shown.returncode == 0
    for command in ("up", "dev", "demo", "familiar", "migrate", "publish", "quarantine"):
        assert command in shown.stdout
    with contextlib.suppress(FileNotFoundError):
        assert not list(home.iterdir())
