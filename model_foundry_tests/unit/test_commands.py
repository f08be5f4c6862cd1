"""The command line as a program, or a newcomer, meets it: no server is asked."""

import http.server
import json
import os
import pty
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.devstack.processes import free_port
from model_foundry.fleet.file import load_fleet
from model_foundry.settings import Settings
from model_foundry_tests.fake_slot import FakeSlot

PROGRAM = Path(sys.executable).with_name("model-foundry")
# They serve until a signal, or print what another program reads in a form of its own.
WITHOUT_JSON = {"up", "dev", "exporter", "report", "fleet render", "fleet targets"}
SECRETS = ("hunter2", "s3cr3t", "T00/B00/XXX")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands are run in, with its own `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_FOUNDRY_ENV_FILE")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_command_that_a_program_may_read_has_json() -> None:
    found = {
        name
        for name, command in commands(typer.main.get_command(app))
        if not any("--json" in each.opts for each in command.params)
    }
    assert found == WITHOUT_JSON


def test_the_version_is_that_of_the_package() -> None:
    done = run("--version")
    assert (done.exit_code, done.stdout.split()[0]) == (0, "model-foundry")
    assert done.stdout.split()[1][0].isdigit()


def test_completion_is_offered() -> None:
    assert "--install-completion" in run("--help").stdout


# Settings.


def settings_shown() -> dict[str, dict[str, Any]]:
    done = run("settings", "--json")
    return {each["variable"]: each for each in json.loads(done.stdout)["settings"]}


def test_each_setting_says_where_it_comes_from(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".env").write_text("MODEL_FOUNDRY_PROFILE=full\nMODEL_FOUNDRY_EXPORTER_PORT=1234\n")
    monkeypatch.setenv("MODEL_FOUNDRY_EXPORTER_PORT", "4321")
    found = settings_shown()
    assert len(found) > 80
    for name, value, source in (
        ("PROFILE", "full", ".env"),
        ("EXPORTER_PORT", "4321", "environment"),
        ("NATS_STREAM", "FOUNDRY", "default"),
        ("NATS_URL", "–", "default"),
    ):
        setting = found[f"MODEL_FOUNDRY_{name}"]
        assert (setting["value"], setting["source"]) == (value, source)
    assert Settings().profile == "full"


def test_env_is_read_for_the_keys_of_a_fleet_too(here: Path) -> None:
    (here / ".env").write_text("NAUGHTY_API_KEY=from the file\n")
    assert Settings().environment()["NAUGHTY_API_KEY"] == "from the file"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("POSTGRES_URL", "postgresql://me:hunter2@db:5433/line", "db:5433/line"),
        ("POSTGRES_URL", "host=db dbname=line password=hunter2", "db:5432/line"),
        ("POSTGRES_URL", "postgresql://me:hun/ter2s3cr3t@db/line", "cannot be read"),
        (
            "NATS_URL",
            "nats://me:hunter2@nats:4222,nats://me:hunter2@b:4222",
            "nats://nats:4222,nats://b",
        ),
        (
            "TELEMETRY_URL",
            "http://me:hunter2@v:8687/telemetry?key=s3cr3t",
            "http://v:8687/telemetry",
        ),
        ("LAKE_URL", "s3://hunter2:s3cr3t@bucket/lake?key=s3cr3t", "s3://bucket/lake"),
        ("LAKE_URL", "s3://hunter2:s3/cr@s3cr3t@bucket/lake", "cannot be read"),
        ("LAKE_URL", "simplecache::s3://hunter2:s3cr3t@bucket/lake", "cannot be read"),
        ("TELEMETRY_URL", "http://v:8687/T00/B00/XXX", "http://v:8687/…"),
        ("TELEMETRY_URL", "http://me:hunter2/s3cr3t@v:8687/telemetry", "cannot be read"),
        ("TELEMETRY_URL", "http://me:s3cr3t@[::1", "cannot be read"),
        ("ALERT_URL", "https://h/T00/B00/XXX?key=s3cr3t", "set, and not shown"),
        ("NATS_CREDS", "SUAhunter2", "set, and names no file"),
        ("NATS_KEY", "-----BEGIN PRIVATE KEY----- s3cr3t", "set, and names no file"),
        ("POSTGRES_KEY", "-----BEGIN PRIVATE KEY----- s3cr3t", "set, and names no file"),
    ],
)
def test_no_secret_is_shown(
    name: str, value: str, shown: str, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MODEL_FOUNDRY_{name}", value)
    done = run("settings", *(["--json"] if as_json else []))
    assert shown in done.stdout
    assert not [secret for secret in SECRETS if secret in done.output]


def test_names_that_mean_nothing_are_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".env").write_text("MODEL_FOUNDRY_POSTGERS_URL=postgresql://me:hunter2@db/line\n")
    monkeypatch.setenv("MODEL_FOUNDRY_XYZZY", "hunter2")
    monkeypatch.setenv("MODEL_FOUNDRY_SLOT_NAUGHTY_URL", "http://127.0.0.1:1")
    done = run("settings")
    assert done.exit_code == 1
    assert (
        "MODEL_FOUNDRY_POSTGERS_URL is no setting (did you mean MODEL_FOUNDRY_POSTGRES_URL?)"
        in (done.stderr)
    )
    assert "MODEL_FOUNDRY_XYZZY is no setting" in done.stderr
    assert "SLOT_NAUGHTY" not in done.stderr
    assert "hunter2" not in done.output
    assert set(json.loads(run("settings", "--json").stdout)["unknown"]) == {
        "MODEL_FOUNDRY_POSTGERS_URL",
        "MODEL_FOUNDRY_XYZZY",
    }


def test_a_wrong_value_is_a_sentence_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_EXPORTER_PORT", "hunter2")
    for command in ("settings", "status", "doctor"):
        done = run(command)
        assert done.exit_code == 1
        assert "MODEL_FOUNDRY_EXPORTER_PORT" in done.output
        assert "hunter2" not in done.output


# Init.


@pytest.fixture(scope="module")
def slots() -> Iterator[FakeSlot]:
    with FakeSlot() as slot:
        yield slot


PROPS = {"total_slots": 3, "default_generation_settings": {"n_ctx": 2048}}


@pytest.mark.parametrize(
    ("runtime", "model", "props", "declared"),
    [
        ("llama.cpp", {"id": "smollm2"}, [200, PROPS], (3, 2048)),
        ("vllm", {"id": "google/gemma-4", "max_model_len": 8192}, 404, (1, 8192)),
        ("openai", {"id": "qwen3:8b\x1b]0;owned\x07\nslots: []"}, 404, (1, 4096)),
    ],
)
def test_init_finds_what_runs_and_writes_what_loads(
    runtime: str,
    model: dict[str, Any],
    props: object,
    declared: tuple[int, int],
    *,
    here: Path,
    slots: FakeSlot,
) -> None:
    slots.tell(paths={"/v1/models": [200, {"data": [model]}], "/props": props})
    done = run("init", "--port", str(slots.port), "--port", str(free_port()))
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    [slot] = load_fleet(here / "fleet.yaml").in_profile("standard")
    assert (slot.endpoint, slot.runtime, slot.model) == (slots.url, runtime, model["id"])
    assert (slot.parallel, slot.context_tokens) == declared
    assert set(slot.roles) == {"orchestrator", "worker", "translator"}
    assert stat.S_IMODE((here / ".env").stat().st_mode) == 0o600
    assert dotenv_values(here / ".env") == {"MODEL_FOUNDRY_FLEET": "fleet.yaml"}
    assert Settings().fleet == here / "fleet.yaml"
    assert "# MODEL_FOUNDRY_POSTGRES_URL=" in (here / ".env").read_text()
    assert run("settings").exit_code == 0
    for path in (here / ".env", here / "fleet.yaml"):
        path.unlink()


def test_init_asks_where_somebody_can_answer(here: Path, slots: FakeSlot) -> None:
    """On a terminal: which model, its roles, and where the servers are."""
    models = [{"id": "chat-model"}, {"id": "plamo-2-translate"}]
    slots.tell(paths={"/v1/models": [200, {"data": models}], "/props": 404})
    leader, follower = pty.openpty()
    answers = ["plamo-2-translate", "y", "translator", "nats://n:4222", "postgresql://p/it's"]
    os.write(leader, "".join(f"{answer}\n" for answer in answers).encode())
    with subprocess.Popen(
        [PROGRAM, "init", "--port", str(slots.port)], stdin=follower, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read().decode()
    os.close(leader)
    os.close(follower)
    assert process.returncode == 0, said
    assert "No slot serves orchestrator, worker" in said
    [slot] = load_fleet(here / "fleet.yaml").slots
    assert (slot.model, slot.roles, slot.prompt_format) == (
        "plamo-2-translate", ("translator",), "plamo-2-translate",
    )  # fmt: skip
    assert dotenv_values(here / ".env") == {
        "MODEL_FOUNDRY_FLEET": "fleet.yaml",
        "MODEL_FOUNDRY_NATS_URL": "nats://n:4222",
        "MODEL_FOUNDRY_POSTGRES_URL": "postgresql://p/it's",
    }


def test_init_without_any_slot_leaves_the_embedded_ones(here: Path) -> None:
    done = run("init", "--port", str(free_port()), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"found": [], "written": [".env"]}
    assert not (here / "fleet.yaml").exists()
    assert dotenv_values(here / ".env") == {}


def test_init_never_writes_over_what_is_there(here: Path) -> None:
    (here / ".env").write_text("MINE=1\n")
    port = str(free_port())
    done = run("init", "--port", port)
    assert (done.exit_code, "--force" in done.stderr) == (1, True)
    assert (here / ".env").read_text() == "MINE=1\n"
    assert run("init", "--port", port, "--force").exit_code == 0
    assert "MINE" not in (here / ".env").read_text()


@pytest.fixture
def web_server() -> Iterator[int]:
    """The port of a server that is no slot."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>\x1b]0;owned\x07")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_init_takes_no_other_server_for_a_slot(here: Path, web_server: int) -> None:
    done = run("init", "--port", str(web_server))
    assert (done.exit_code, "lists no models" in done.stdout) == (0, True)
    assert "\x1b" not in done.output
    assert not (here / "fleet.yaml").exists()


# Doctor.


def checks(*arguments: str) -> dict[str, dict[str, str]]:
    done = run("doctor", "--json", *arguments)
    return {each["check"]: each for each in json.loads(done.stdout)["checks"]}


def test_doctor_names_the_port_that_is_taken_and_what_to_do(slots: FakeSlot) -> None:
    port = str(slots.port)
    found = checks("--port", port)
    assert found[f"port {port}"]["state"] == "failed"
    assert "--port" in found[f"port {port}"]["remedy"]
    assert {name for name, each in found.items() if each["state"] == "ok"} > {
        "Python", "settings", "home", "wheels", "definitions",
    }  # fmt: skip
    assert found["stack"]["state"] == "warning"
    assert run("doctor", "--port", port).exit_code == 1


def test_doctor_tells_of_what_is_broken(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(here / "file"))
    monkeypatch.setenv("MODEL_FOUNDRY_XYZZY", "1")
    monkeypatch.setenv("MODEL_FOUNDRY_DEFS_DIR", str(here / "defs"))
    (here / "file").write_text("")
    (here / "defs" / "summaries").mkdir(parents=True)
    (here / "defs" / "summaries" / "odd.sql").write_text("SELEC")
    found = checks()
    assert found["home"]["state"] == "failed"
    assert "MODEL_FOUNDRY_HOME" in found["home"]["remedy"]
    assert "MODEL_FOUNDRY_XYZZY" in found["settings"]["found"]
    assert "odd.sql" in found["definitions"]["found"]
    for each in found.values():
        assert bool(each["remedy"]) == (each["state"] != "ok")
