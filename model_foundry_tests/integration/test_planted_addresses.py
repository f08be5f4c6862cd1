"""Secrets of twelve shapes in every address that takes one, looked for in all that is told."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from model_foundry import lake, postgres
from model_foundry.cli import app
from model_foundry.definitions import build_defs
from model_foundry.errors import FoundryError
from model_foundry.intake import jetstream
from model_foundry.settings import Settings
from model_foundry.telemetry.events import event
from model_foundry.telemetry.sender import Sender

# Both halves are looked for: some cut a secret at the sign between them.
SHAPES = {
    "plain": "s3cr3t-0123456789-s3cr3t",
    "at": "s3cr3t@s3cr3t",
    "slash": "s3cr3t/s3cr3t",
    "colon": "s3cr3t:s3cr3t",
    "hash": "s3cr3t#s3cr3t",
    "question": "s3cr3t?s3cr3t=s3cr3t",
    "percent": "s3cr3t%41%zzs3cr3t",
    "encoded": "s3cr3t%2Fs3cr3t",
    "quotes": "s3cr3t'\"s3cr3t\\",
    "blanks": "s3cr3t s3cr3t",
    "letters": "s3cr3t-пароль-日本-s3cr3t",
    "comma": "s3cr3t,s3cr3t{}[]",
}
NOWHERE = "127.0.0.1:1"


def encoded(secret: str) -> str:
    return quote(secret, safe="")


Place = Callable[[str], Mapping[str, str]]
POSTGRES: Mapping[str, Place] = {
    "url": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@{NOWHERE}/d"},
    "url, raw": lambda s: {"postgres_url": f"postgresql://me:{s}@{NOWHERE}/d"},
    "query": lambda s: {"postgres_url": f"postgresql://me@{NOWHERE}/d?password={encoded(s)}"},
    "query, raw": lambda s: {"postgres_url": f"postgresql://me@{NOWHERE}/d?password={s}"},
    "pairs": lambda s: {"postgres_url": make_conninfo("host=127.0.0.1 port=1", password=s)},
    "pairs, raw": lambda s: {"postgres_url": f"host=127.0.0.1 port=1 dbname=d password={s}"},
    "pairs, no host": lambda s: {"postgres_url": f"password={s} host=/nowhere"},
    "broken host": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@no such host/d"},
    "host that is not": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@h.invalid/d"},
    "long host": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@{'h' * 300}/d"},
    "IPv6": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@[::1]:1/d"},
    "broken IPv6": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@[::1:1/d"},
    "broken port": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@h:99999/d"},
    "socket": lambda s: {"postgres_url": f"postgresql:///d?host=/nowhere&password={encoded(s)}"},
    "several": lambda s: {"postgres_url": f"postgresql://me:{encoded(s)}@127.0.0.1:1,[::1]:1/d"},
    "option": lambda s: {
        "postgres_url": f"postgresql://{NOWHERE}/d?sslmode=x&password={encoded(s)}"
    },
    "other scheme": lambda s: {"postgres_url": f"postgres+x://me:{encoded(s)}@{NOWHERE}/d"},
    "nothing else": lambda s: {"postgres_url": s},
    "of a key": lambda s: {
        "postgres_url": f"postgresql://{NOWHERE}/d?sslkey=/nowhere&sslpassword={encoded(s)}"
    },
}
NATS: Mapping[str, Place] = {
    "url": lambda s: {"nats_url": f"nats://me:{encoded(s)}@{NOWHERE}"},
    "url, raw": lambda s: {"nats_url": f"nats://me:{s}@{NOWHERE}"},
    "no scheme": lambda s: {"nats_url": f"me:{encoded(s)}@{NOWHERE}"},
    "token": lambda s: {"nats_url": f"nats://{encoded(s)}@{NOWHERE}"},
    "token, raw": lambda s: {"nats_url": f"nats://{s}@{NOWHERE}"},
    "several": lambda s: {"nats_url": f"nats://me:{encoded(s)}@{NOWHERE},nats://[::1]:1"},
    "websocket": lambda s: {"nats_url": f"ws://me:{encoded(s)}@{NOWHERE}"},
    "broken host": lambda s: {"nats_url": f"nats://me:{encoded(s)}@no such host"},
    "broken IPv6": lambda s: {"nats_url": f"nats://me:{encoded(s)}@[::1"},
    "broken port": lambda s: {"nats_url": f"nats://me:{encoded(s)}@h:99999"},
    "other scheme": lambda s: {"nats_url": f"amqp://me:{encoded(s)}@{NOWHERE}"},
    "credentials, not a path": lambda s: {"nats_url": f"nats://{NOWHERE}", "nats_creds": s},
}
LAKE: Mapping[str, Place] = {
    "url": lambda s: {"lake_url": f"s3://id:{encoded(s)}@bucket/lake"},
    "url, raw": lambda s: {"lake_url": f"s3://id:{s}@bucket/lake"},
    "query": lambda s: {"lake_url": f"s3://bucket/lake?secret={encoded(s)}"},
    "other scheme": lambda s: {"lake_url": f"gopher://me:{encoded(s)}@h/lake"},
}
TELEMETRY: Mapping[str, Place] = {
    "url": lambda s: {"telemetry_url": f"http://me:{encoded(s)}@{NOWHERE}/telemetry"},
    "url, raw": lambda s: {"telemetry_url": f"http://me:{s}@{NOWHERE}/telemetry"},
    "query": lambda s: {"telemetry_url": f"http://{NOWHERE}/telemetry?token={encoded(s)}"},
    "path": lambda s: {"telemetry_url": f"http://{NOWHERE}/{encoded(s)}"},
    "other scheme": lambda s: {"telemetry_url": f"ftp://me:{encoded(s)}@{NOWHERE}"},
}


def told_by(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def connects_to_postgres(settings: Settings) -> None:
    postgres.connect(settings)


def connects_to_postgres_later(settings: Settings) -> None:
    asyncio.run(_connected(settings))


async def _connected(settings: Settings) -> None:
    await postgres.connect_async(settings)


def connects_to_nats(settings: Settings) -> None:
    asyncio.run(jetstream.connect(settings))


def opens_the_lake(settings: Settings) -> None:
    lake.lake_of(settings)


def sends_telemetry(settings: Settings) -> None:
    sender = Sender(settings)
    sender.tell(event("log", correlation_id=None, service="model-foundry", message="last words"))
    sender.close()


WAYS: list[tuple[Callable[[Settings], None], str, Place]] = [
    *((connects_to_postgres, name, place) for name, place in POSTGRES.items()),
    *((connects_to_postgres_later, name, place) for name, place in POSTGRES.items()),
    *((connects_to_nats, name, place) for name, place in NATS.items()),
    *((opens_the_lake, name, place) for name, place in LAKE.items()),
    *((sends_telemetry, name, place) for name, place in TELEMETRY.items()),
]


@pytest.mark.parametrize(
    ("way", "place"),
    [(way, place) for way, _, place in WAYS],
    ids=[f"{way.__name__}: {name}" for way, name, _ in WAYS],
)
def test_no_error_and_no_log_tells_a_secret(
    way: Callable[[Settings], None],
    place: Place,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for shape, secret in SHAPES.items():
        quick: dict[str, Any] = {"connect_timeout_s": 0.05, "telemetry_flush_s": 0.05}
        settings = Settings(home=tmp_path, **quick, **place(secret))
        told = repr(settings)
        try:
            way(settings)
        except FoundryError as error:
            told += told_by(error)
        assert "s3cr3t" not in told, shape
    logged = caplog.text + repr([(each.exc_info, each.args) for each in caplog.records])
    assert "s3cr3t" not in logged


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    """The location; its settings come from the environment."""
    return build_defs()


@pytest.mark.parametrize(
    "place",
    [
        POSTGRES["pairs"],
        POSTGRES["url"],
        POSTGRES["broken host"],
        NATS["url"],
        NATS["broken port"],
        LAKE["url"],
        TELEMETRY["url"],
    ],
)
def test_no_run_tells_a_secret(
    place: Place,
    settings: Settings,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = {
        "home": str(settings.home),
        "nats_url": settings.require_nats_url(),
        "nats_stream": settings.nats_stream,
        "postgres_url": settings.require_postgres_url(),
        "connect_timeout_s": "0.2",
        "intake_retry_s": "0.2",
        **place(SHAPES["quotes"]),
    }
    for name, value in given.items():
        monkeypatch.setenv(f"MODEL_FOUNDRY_{name.upper()}", value)
    job = definitions.resolve_implicit_global_asset_job_def()
    names = ["pipeline_event_inbox_record", "llm_chat", "daily_events"]
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [
            job.execute_in_process(
                asset_selection=[dg.AssetKey(name)],
                partition_key=None if name == names[0] else "2026-11-20",
                instance=instance,
                raise_on_error=False,
            )
            for name in names
        ]
        logged = "\n".join(
            dg.serialize_value(each) for run in runs for each in instance.all_logs(run.run_id)
        )
    assert not all(run.success for run in runs) or "telemetry_url" in place("x")
    assert "STEP_START" in logged
    assert "s3cr3t" not in logged
    told = capfd.readouterr()
    assert "s3cr3t" not in told.out + told.err


@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("publish", "-"),
        ("quarantine", "list"),
        ("quarantine", "replay", "--all"),
        ("intake", "reconcile"),
        ("intake", "replay"),
        ("familiar",),
        ("query", "SELECT 1"),
        ("trace", "x"),
        ("exporter",),
    ],
)
def test_no_command_tells_a_secret(command: tuple[str, ...], tmp_path: Path) -> None:
    for place in (("url", "url"), ("pairs", "url"), ("broken host", "broken port")):
        values = {
            **POSTGRES[place[0]](SHAPES["quotes"]),
            **NATS[place[1]](SHAPES["quotes"]),
            **LAKE["url"](SHAPES["at"]),
            "telemetry_url": "ftp://me:s3cr3t@h",
            "connect_timeout_s": "0.1",
            "home": str(tmp_path / "home"),
            "exporter_port": "1",
        }
        env = {f"MODEL_FOUNDRY_{name.upper()}": value for name, value in values.items()}
        done = CliRunner().invoke(app, [*command], env=env, input="{}")
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
        assert "s3cr3t" not in done.output
