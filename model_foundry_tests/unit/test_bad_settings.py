"""Settings as people mistype them: one sentence that names the variable, and never the value."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model_foundry import lake, postgres
from model_foundry.cli import app
from model_foundry.cli.settings import effective
from model_foundry.definitions import build_defs
from model_foundry.errors import FoundryError
from model_foundry.intake import jetstream
from model_foundry.settings import Settings
from model_foundry.telemetry import sender_of

ROOT = Path(__file__).parents[2]
P = "MODEL_FOUNDRY_"
VALUES = [
    ("NATS_STREAM", "a stream", "must match pattern"),
    ("NATS_STREAM", "import-planted", "would be taken for an imported file"),
    ("NATS_DURABLE", "a.planted", "must match pattern"),
    ("NATS_CONFIG", "planted", "must be 'check', 'accept' or 'apply'"),
    ("ARTICLES_LANGUAGE", "planted!", "must match pattern"),
    ("ARTICLES_LANGUAGES", "en,planted!", ", item 1 must match pattern"),
    ("ARTICLES_MAX", "0", "must be greater than or equal to 1"),
    ("ARTICLE_MAX_BYTES", "4MB planted", "must be a valid integer"),
    ("TRANSLATION_TRIES", "11", "must be less than or equal to 10"),
    ("EMBEDDED_NATS_PORT", "70000", "must be less than or equal to 65535"),
    ("EMBEDDED_POSTGRES_PORT", "-1", "must be greater than or equal to 0"),
    ("EMBEDDED_START_S", "0", "must be greater than 0"),
    ("CONNECT_TIMEOUT_S", "planted", "must be a valid number"),
    ("CONNECT_TIMEOUT_S", "nan", "must be"),
    ("CONNECT_TIMEOUT_S", "inf", "must be a finite number"),
    ("EVENT_MAX_BYTES", "1", "must be greater than or equal to 1024"),
    ("TRUST_ENVELOPE_SUBJECTS", "planted", "must be a valid boolean"),
    ("STREAM_REPLICAS", "9", "must be less than or equal to 5"),
    ("INTAKE_BATCH_MESSAGES", "0", "must be greater than or equal to 1"),
    ("INTAKE_MAX_S", "-1", "must be greater than 0"),
    ("RETENTION_DAYS", "0", "must be greater than or equal to 1"),
    ("OWNERS", "planted", "must be a JSON list"),
    ("OWNERS", '["planted"]', ", item 0 must match pattern"),
    ("INFERENCE_REQUEST_TIMEOUT_S", "5", "INFERENCE_IDLE_S now"),
    ("INFERENCE_MAX_ATTEMPTS", "100", "must be less than or equal to 20"),
    ("EXPORTER_PORT", "planted", "must be a valid integer"),
    ("FIRST_DAY", "2026-13-01", "must be a valid date"),
    ("TIMEZONE", "Europe/Planted", "there is no such time zone; one is Europe/Berlin"),
    ("TIMEZONE", "../planted", "there is no such time zone"),
    ("TIMEZONE", "localtime", "there is no such time zone"),
    ("EXECUTOR", "planted", "must be 'in_process' or 'multiprocess'"),
    ("DUCKDB_MEMORY_LIMIT", "planted", "must match pattern"),
    ("DUCKDB_THREADS", "0", "must be greater than or equal to 1"),
    ("SLOT_BENCHMARK_PROMPT_TOKENS", "planted", "must be a JSON list"),
    ("SLOT_BENCHMARK_PROMPT_TOKENS", "[64, -5]", ", item 1 must be greater than or equal to 1"),
    ("HOME", "~nobody_planted/x", "there is no user of the name after its ~"),
    ("ALERT_URL", "hooks.slack.com/services/planted", "must be a URL of the form https://host/…"),
    ("ALERT_URL", "https://u:planted@[::1", "must be a URL of the form https://host/…"),
    ("UI_URL", "planted", "must be a URL of the form https://host/…"),
    ("UI_URL", "https://u:planted@ui", "must hold no user and no password"),
    ("INFERENCE_IDLE_S", "inf", "must be a finite number"),
    ("INTAKE_RETRY_S", "1e300", "must be less than or equal to"),
    ("RETENTION_DAYS", "99999999999", "must be less than or equal to"),
    ("QUERY_MAX_ROWS", "9" * 40, "must be at most 9,007,199,254,740,992"),
    ("FIRST_DAY", "0001-01-01", "must be greater than or equal to 2000-01-01"),
]
NAMES = [
    ("POSTGRESS_URL", " (did you mean MODEL_FOUNDRY_POSTGRES_URL?)"),
    ("POSTGRE_URL", " (did you mean MODEL_FOUNDRY_POSTGRES_URL?)"),
    ("RETENTION_DAY", " (did you mean MODEL_FOUNDRY_RETENTION_DAYS?)"),
    ("NATS_STREEM", " (did you mean MODEL_FOUNDRY_NATS_STREAM?)"),
    ("HOMEE", " (did you mean MODEL_FOUNDRY_HOME?)"),
    ("TELEMTRY_URL", " (did you mean MODEL_FOUNDRY_TELEMETRY_URL?)"),
    ("SLOT_BENCHMARK_ANSWER_TOKEN", " (did you mean MODEL_FOUNDRY_SLOT_BENCHMARK_ANSWER_TOKENS?)"),
    ("SOMETHING_ELSE", ""),
]
FILES = [
    ("FLEET", "/planted/fleet.yaml", "No such file"),
    ("FLEET", "/", "Is a directory"),
    ("PROFILE", "standrad", "(did you mean standard?)"),
    ("PROFILE", "/planted/profile", "/planted/profile"),
]


def sentence(tmp_path: Path, **env: str) -> str:
    given = {P + name: value for name, value in {"HOME": str(tmp_path), **env}.items()}
    began = time.monotonic()
    done = CliRunner().invoke(app, ["fleet", "targets"], env=given)
    assert time.monotonic() - began < 2
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
    assert done.stdout == ""
    [told] = done.stderr.splitlines()
    return told


@pytest.mark.parametrize(("name", "value", "says"), VALUES)
def test_a_value_that_cannot_be(tmp_path: Path, name: str, value: str, says: str) -> None:
    told = sentence(tmp_path, **{name: value})
    assert re.match(rf"Error: {P}{name}\b", told)
    assert says in told
    assert "planted" not in told


@pytest.mark.parametrize(("name", "meant"), NAMES)
def test_a_name_that_is_no_setting(
    tmp_path: Path, name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = sentence(tmp_path, **{name: "planted"})
    assert told.startswith(f"Error: {P}{name} is no setting{meant}: ")
    assert "planted" not in told
    monkeypatch.setenv(P + name, "planted")
    with pytest.raises(FoundryError, match=f"{P}{name} is no setting"):
        build_defs()


def test_names_of_a_fleet_file_are_its_own(tmp_path: Path) -> None:
    given = {f"{P}HOME": str(tmp_path), f"{P}SLOT_NAUGHTY_URL": "http://h:1"}
    given |= {f"{P}SLOT_{name}_URL": "http://h:2" for name in ("KINDERGARTEN", "TRANSLATOR")}
    assert CliRunner().invoke(app, ["fleet", "targets"], env=given).exit_code == 0


def test_a_key_that_the_fleet_file_names_is_known(tmp_path: Path) -> None:
    shipped = (ROOT / "fleets" / "embedded.yaml").read_text(encoding="utf-8")
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        shipped.replace(
            "    parallel: 3\n", "    parallel: 3\n    api_key: { env: MODEL_FOUNDRY_GATE }\n"
        )
    )
    given = {f"{P}HOME": str(tmp_path), f"{P}FLEET": str(fleet), f"{P}GATE": "a-key"}
    given |= {f"{P}SLOT_{n}_URL": "http://h:2" for n in ("NAUGHTY", "KINDERGARTEN", "TRANSLATOR")}
    done = CliRunner().invoke(app, ["fleet", "targets"], env=given)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(("name", "value", "says"), FILES)
def test_a_file_that_is_not_there(tmp_path: Path, name: str, value: str, says: str) -> None:
    assert says in sentence(tmp_path, **{name: value})


ODD = [
    *("planted", " ", "\t\n", "0", "-1", "9" * 40, "-" + "9" * 40, "1e400", "nan", "[1", "{}"),
    *("null", "[]", "モデル 工房", "\udcff", "~nobody_planted", "/dev/null/x", "a" * 5_000),
    *("x\x1b[31my", "http://u:planted@[::1", "postgresql://u:planted/x@h/d", "::planted::"),
]


@pytest.mark.parametrize("value", ODD)
def test_whatever_stands_in_every_setting(
    tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {f"{P}{name.upper()}" for name in Settings.model_fields.keys() - {"env_file"}}
    for name in names:
        monkeypatch.setenv(name, value)
    for said in faults_of_settings():
        assert re.match(rf"{P}\w+(:|,| is | must | may )", said) or "is not UTF-8" in said
        assert "planted" not in said
        for name in names & set(re.findall(rf"{P}\w+", said)):
            monkeypatch.delenv(name, raising=False)
    if not faults_of_settings():  # what is left may be what was meant
        shown = {each.variable: each.value for each in effective(Settings())}
        shows = {name for name, value in shown.items() if "u:planted" in value}
        assert shows <= {f"{P}PROFILE", f"{P}EXPORTER_HOST"}


def faults_of_settings() -> list[str]:
    """What is wrong with the environment's settings, a sentence each."""
    try:
        Settings()
    except FoundryError as error:
        return str(error).splitlines()
    return []


ENV_FILES: list[tuple[bytes, str]] = [
    (b"MODEL_FOUNDRY_PROFILE=full\nMODEL FOUNDRY planted\n", ".env:2: this is no NAME=value"),
    (b"MODEL_FOUNDRY_POSTGRES_URL='planted\n", ".env:1: this is no NAME=value"),
    ("MODEL_FOUNDRY_HOME=planted-ä".encode("latin-1"), ".env is not UTF-8"),
]


@pytest.mark.parametrize(("content", "says"), ENV_FILES)
def test_a_file_of_settings_that_cannot_be(
    tmp_path: Path, content: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(f"{P}ENV_FILE")
    (tmp_path / ".env").write_bytes(content)
    told = sentence(tmp_path)
    assert says in told
    assert "planted" not in told


@pytest.mark.parametrize("named", ["/nowhere/planted", "~nobody_planted/x", "a" * 5_000])
def test_a_file_of_settings_that_is_not_there(tmp_path: Path, named: str) -> None:
    assert "MODEL_FOUNDRY_ENV_FILE names no file that is there" in sentence(
        tmp_path, ENV_FILE=named
    )


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "the working directory is gone" in sentence(tmp_path, PROFILE="./a")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    env = {"MODEL_FOUNDRY_HOME": str(tmp_path), "MODEL_FOUNDRY_DUCKDB_THREADS": "0"}
    env |= {"MODEL_FOUNDRY_RETENTION_DAYS": "5", "MODEL_FOUNDRY_KEYS_DAYS": "3"}
    done = CliRunner().invoke(app, ["fleet", "targets"], env=env)
    first, second = done.stderr.splitlines()
    assert first.startswith("Error: MODEL_FOUNDRY_KEYS_DAYS may not be less than MODEL_FOUNDRY_RE")
    assert second.startswith("MODEL_FOUNDRY_DUCKDB_THREADS must be greater than or equal to 1")


CONNECT: dict[str, Callable[[Settings], object]] = {
    "nats": lambda settings: asyncio.run(jetstream.connect(settings)),
    "postgres": postgres.connect,
    "lake": lake.lake_of,
    "telemetry": sender_of,
}


def refused(tmp_path: Path, **values: str) -> str:
    """What connecting with such settings says; nothing is connected to."""
    settings = Settings(home=tmp_path, **values)
    connect = CONNECT[next(iter(values)).partition("_")[0]]
    with pytest.raises(FoundryError) as caught:
        connect(settings)
    assert "planted" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"nats_url": "http://planted"},
        {"nats_url": "nats://"},
        {"nats_url": "nats://h:planted"},
        {"nats_url": "nats://u:planted/x@h"},
        {"nats_url": "nats://u:planted#x@h"},
        {"nats_url": "nats://u:planted?x@h"},
        {"nats_url": "nats://u:planted,x@h"},
        {"nats_url": "nats://u:plan ted@h"},
        {"nats_url": "nats://u:planted@[::1"},
        {"nats_url": "nats://u:planted@h,nats://v:planted@h"},
        {"nats_url": "host=h password=planted"},
        {"nats_url": "planted\x00"},
        {"nats_url": "nats://h", "nats_creds": "/nowhere/planted"},
        {"nats_url": "nats://h", "nats_creds": "SUAM\nplanted"},
        {"nats_url": "nats://h", "nats_ca": "/nowhere/planted"},
        {"nats_url": "nats://h", "nats_cert": "/nowhere/planted"},
        {"nats_url": "nats://h", "nats_ca": __file__},
        {"nats_url": "nats://h", "nats_cert": __file__},
        {"postgres_url": "mysql://u:planted@h/d"},
        {"postgres_url": "postgresql://h/d", "postgres_ca": "/nowhere/planted"},
        {"postgres_url": "postgresql://h/d", "postgres_cert": "/nowhere/planted"},
        {"lake_url": "s3://id:planted@bucket/lake"},
        {"lake_url": "s3://bucket/lake?secret=planted"},
        {"lake_url": "simplecache::sftp://u:planted@h/lake"},
        {"lake_url": "gopher://planted"},
        {"telemetry_url": "ftp://u:planted@h"},
        {"telemetry_url": "http://u:planted@[::1"},
        {"telemetry_url": "http://u:planted/x@h:port"},
    ],
)
def test_an_address_that_cannot_be(tmp_path: Path, values: dict[str, str]) -> None:
    told = refused(tmp_path, **values)
    assert next(reversed(values)).upper().rpartition("_")[0] in told


def test_settings_are_shown_without_their_secrets(tmp_path: Path) -> None:
    urls = {name: f"x://u:planted@{name}" for name in ("nats_url", "lake_url", "postgres_url")}
    settings = Settings(home=tmp_path, telemetry_url="http://u:planted@h", **urls)
    assert "planted" not in repr(settings) + str(settings)
