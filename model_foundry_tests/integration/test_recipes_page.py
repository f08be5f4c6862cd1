"""docs/recipes.md, followed: its files written and its commands run in a copy of the project."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.line import event, publish, rows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "recipes.md"
BLOCK = re.compile(
    r"(?:`(?P<file>model_foundry/[^`]+)`(?:(?!```).)*?:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def copy_of_the_project(to: Path) -> Path:
    project = to / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("model_foundry", "sql", "fleets"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    for name in ("pyproject.toml", "dagster.yaml"):
        shutil.copy(ROOT / name, project)
    (project / ".venv").symlink_to(sys.prefix)
    dagster_home = project / ".foundry" / "dagster"  # `make dev` makes it
    dagster_home.mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    return project


def test_the_page_builds_a_recipe_from_nothing(
    settings: Settings, slot_servers: EmbeddedSlots, tmp_path: Path
) -> None:
    chats = [
        event(
            "llm.chat.persist",
            {
                "messages": [{"role": "user", "content": text}],
                "response": {"content": "Yes.", "finish_reason": "stop"},
            },
            event_id=f"c{number}",
            occurred_at=datetime.now(UTC),
        )
        for number, text in enumerate(("How is PostgreSQL backed up?", "The GPU is hot today."))
    ]
    publish(settings, chats)
    asyncio.run(drain(settings))
    project = copy_of_the_project(tmp_path)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(project),
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
        **{
            f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL": slot_servers[name].url
            for name in slot_servers
        },
    }
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert [block["kind"] for block in blocks] == ["sh", "yaml", "sql", "jinja", "sh", "sh", "sh"]
    shown = ""
    for block in blocks:
        if block["kind"] == "sh":
            done = subprocess.run(
                ["bash", "-euc", block["text"]],
                cwd=project,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
            )
            assert done.returncode == 0, block["text"] + done.stdout + done.stderr
            shown = done.stdout
        else:
            assert block["file"], block["text"]
            (project / block["file"]).write_text(block["text"], encoding="utf-8")

    found = rows(settings, "SELECT * FROM inference_result WHERE recipe = 'topic'")
    assert {row["source_event_id"] for row in found} == {"c0", "c1"}
    assert {row["status"] for row in found} == {"ok"}
    for row in found:
        assert {"topic", "is_question"} == set(json.loads(row["response_text"]))
    assert "is_question" in shown
    assert shown.count("[c") == 2
