"""`quarantine list` and `show`: what strangers sent, as a terminal may show it."""

import asyncio
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.line import Raw, publish, value
from model_foundry_tests.unit.test_plain import HOSTILE, is_obeyed

PROGRAM = Path(sys.executable).with_name("model-foundry")


def shown(settings: Settings, *arguments: str) -> str:
    environment = {
        **os.environ,
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
        "TERM": "xterm-256color",
        "COLUMNS": "400",
    }
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "quarantine", *arguments], stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        written = b""
        while chunk := _read(leader):
            written += chunk
        os.close(leader)
        process.wait()
    return written.decode()


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65_536)
    except OSError:  # the other end is closed
        return b""


def test_a_hostile_message_is_shown_and_not_obeyed(settings: Settings) -> None:
    text = " ".join(HOSTILE).replace("\ud800", "") + "[red]markup[/]"
    body = b'{"payload": {}, "event_id": "e", "occurred_at": "%b"}' % text.encode()
    publish(settings, [Raw("llm.x", body, {"x-y": "\x1b[31mred\x9b2J"}), Raw("llm.[red]m", b"{")])
    asyncio.run(drain(settings))
    assert value(settings, "SELECT count(*) FROM event_quarantine") == 2
    first = value(settings, "SELECT min(quarantine_id) FROM event_quarantine")
    for arguments in (("list",), ("list", "--json"), ("show", str(first))):
        written = shown(settings, *arguments)
        # What is left are the colours of our own.
        own = written.replace("\r\n", "\n").replace("\x1b[0m", "").replace("\x1b[1m", "")
        assert "\x1b]" not in own
        assert not any(map(is_obeyed, own)), ascii(own)
    assert "[red]markup[/]" in shown(settings, "show", str(first))
    assert "llm.[red]m" in shown(settings, "list")
    assert "not for a terminal" in shown(settings, "show", str(first), "--raw")


def test_the_list_fits_a_terminal_and_cuts_nothing_off(settings: Settings) -> None:
    publish(settings, [Raw("llm.chat.persist", b'{"event_id": "e", "subject": "llm.tool_call"}')])
    asyncio.run(drain(settings))
    env = {
        "COLUMNS": "80",
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
    }
    listed = CliRunner().invoke(app, ["quarantine", "list"], env=env).stdout
    assert max(map(len, listed.splitlines())) <= 80
    for told in ("no_payload", "llm.chat.persist", f"{datetime.now(UTC):%Y-%m-%d}"):
        assert told in listed
