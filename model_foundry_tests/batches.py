"""Batch files for tests, the command that answers them, and what it wrote."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion

from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
COMMAND = [sys.executable, "-c", "from model_foundry.cli import app; app()"]


def line(custom_id: str, text: str | None = None, **body: Any) -> dict[str, Any]:
    """A chat of a batch file."""
    messages = [{"role": "user", "content": text or f"Question {custom_id}"}]
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": CHAT,
        "body": {"messages": messages} | body,
    }


def completion(custom_id: str, text: str, **body: Any) -> dict[str, Any]:
    """A raw completion of a batch file."""
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": COMPLETION,
        "body": {"prompt": text} | body,
    }


def write(path: Path, lines: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """A batch file; bytes are written as they are."""
    path.write_bytes(
        b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    )
    return path


def environment(settings: Settings, *slots: Slot, **changes: Any) -> dict[str, str]:
    """The command's, with a fleet of these slots."""
    fleet = settings.home / "fleet.json"
    names = [slot.name for slot in slots]
    declared = [slot.model_dump(mode="json", exclude_none=True) for slot in slots]
    fleet.write_text(
        json.dumps({"name": "test", "slots": declared, "profiles": {"standard": names}}), "utf-8"
    )
    values: dict[str, Any] = {"home": settings.home, "fleet": fleet}
    values |= {"postgres_url": settings.require_postgres_url(), **QUICK, **changes}
    return {f"MODEL_FOUNDRY_{name.upper()}": str(value) for name, value in values.items()}


def start(arguments: Iterable[object], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """`model-foundry batch …` in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, "batch", *map(str, arguments)],
        env=os.environ | dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read(path: Path) -> list[dict[str, Any]]:
    """What was written; every body is read as OpenAI's client does."""
    found = [json.loads(each) for each in path.read_bytes().splitlines()]
    for each in found:
        assert each.keys() == {"id", "custom_id", "response", "error"}
        assert each["id"].startswith("batch_req_")
        if each["response"] is None:
            assert each["error"].keys() == {"code", "message"}
            continue
        assert each["error"] is None
        assert each["response"]["status_code"] == 200
        body = each["response"]["body"]
        kind = ChatCompletion if body["object"] == "chat.completion" else Completion
        kind.model_validate(body)
    return found
