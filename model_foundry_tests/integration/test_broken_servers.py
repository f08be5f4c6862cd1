"""Servers that are broken, as an operator meets them: one sentence each, within seconds."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.devstack.postgres import PostgresServer, system_user
from model_foundry.settings import Settings
from model_foundry_tests.broken import (
    Behave,
    black_hole,
    closing,
    dripping,
    listening,
    postgres_that,
    resetting,
    saying,
    silent,
)
from model_foundry_tests.certificates import Authority
from model_foundry_tests.line import execute
from model_foundry_tests.nats_with import NatsWith
from model_foundry_tests.pooler import needs_pgbouncer, pgbouncer

SECRET = "planted-0123456789"
PAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
WITHIN_S = 4.0

PUBLISH = ("publish", os.devnull)


def sentence(*command: str, env: Mapping[str, str]) -> str:
    """What a command says that ends at once with one sentence."""
    began = time.monotonic()
    env = {"MODEL_FOUNDRY_CONNECT_TIMEOUT_S": "1", **env}
    done = CliRunner().invoke(app, [*command], env=env)
    took_s = time.monotonic() - began
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
    assert done.stdout == ""
    [said] = done.stderr.strip().splitlines()
    assert said.startswith("Error: ")
    assert SECRET not in done.stderr
    assert took_s < WITHIN_S
    return said


NATS_BEHAVIOURS: Mapping[str, tuple[Behave, str]] = {
    "silent": (silent, "no answer within 1 s|TimeoutError"),
    "closes": (closing, "empty response from server when expecting INFO"),
    "resets": (resetting, "reset by peer|Errno 104|empty response"),
    "is a web server": (saying(PAGE), "empty response from server when expecting INFO"),
    "says what is no JSON": (saying(b"INFO {oops\r\n"), "info message, json parse error"),
    "is slow": (dripping(b"INFO " + b" " * 1_000), "no answer within 1 s|TimeoutError"),
    "is silent once asked": (saying(b'INFO {"jetstream": true}\r\n'), "no answer within 1 s|Time"),
    "refuses": (saying(b"-ERR 'maximum connections exceeded'\r\n"), "when expecting INFO"),
}


@pytest.mark.parametrize("name", NATS_BEHAVIOURS)
def test_nats_that_misbehaves(name: str, tmp_path: Path) -> None:
    behave, says = NATS_BEHAVIOURS[name]
    with listening(behave) as server:
        port = server.port
        url = f"nats://me:{SECRET}@127.0.0.1:{port}"
        home = str(tmp_path / "home")
        said = sentence(*PUBLISH, env={"MODEL_FOUNDRY_NATS_URL": url, "MODEL_FOUNDRY_HOME": home})
    assert_says(said, f"NATS at 127\\.0\\.0\\.1:{port} cannot be reached: .*({says})")


def assert_says(said: str, pattern: str) -> None:
    with pytest.raises(AssertionError, match=pattern):
        raise AssertionError(said)


POSTGRES_BEHAVIOURS: Mapping[str, tuple[Behave, str]] = {
    "silent": (silent, "timeout expired"),
    "closes": (closing, "closed the connection unexpectedly"),
    "resets": (resetting, "reset by peer|closed the connection"),
    "is a web server": (saying(PAGE), "invalid response to SSL negotiation|received invalid"),
    "is slow": (dripping(b"N" * 1_000), "timeout expired|expected authentication request"),
    "is silent once it is ready": (postgres_that(version="18.1", answers=False), "closed the conn"),
    "is starting": (postgres_that(version="18.1", answers=True), "is starting up"),
}


@pytest.mark.parametrize("name", POSTGRES_BEHAVIOURS)
@pytest.mark.parametrize("written", ["url", "pairs"])
def test_postgres_that_misbehaves(name: str, written: str, tmp_path: Path) -> None:
    behave, says = POSTGRES_BEHAVIOURS[name]
    with listening(behave) as server:
        port = server.port
        url = f"postgresql://me:{SECRET}@127.0.0.1:{port}/d"
        if written == "pairs":
            url = f"host=127.0.0.1 port={port} dbname=d user=me password={SECRET}"
        home = str(tmp_path / "home")
        env = {"MODEL_FOUNDRY_POSTGRES_URL": url, "MODEL_FOUNDRY_HOME": home}
        said = sentence("migrate", env=env)
    assert_says(said, f"PostgreSQL at 127\\.0\\.0\\.1:{port}/d cannot be reached: .*({says})")


@pytest.mark.parametrize(
    ("command", "variable", "url"),
    [
        (PUBLISH, "NATS_URL", "nats://me:{secret}@127.0.0.1:{port}"),
        (("migrate",), "POSTGRES_URL", "postgresql://me:{secret}@127.0.0.1:{port}/d"),
    ],
)
def test_a_black_hole(command: tuple[str, ...], variable: str, url: str, tmp_path: Path) -> None:
    with black_hole() as port:
        env = {
            f"MODEL_FOUNDRY_{variable}": url.format(secret=SECRET, port=port),
            "MODEL_FOUNDRY_HOME": str(tmp_path / "home"),
        }
        assert "cannot be reached" in sentence(*command, env=env)


USERS = f"""
accounts {{
  OFF {{ users: [{{ user: "off", password: "{SECRET}" }}] }}
  ON {{
    jetstream: enabled
    users: [
      {{ user: all, password: "{SECRET}" }}
      {{ user: heard, password: "{SECRET}", permissions {{ publish: "llm.>" }} }}
      {{ user: deaf, password: "{SECRET}", permissions {{ subscribe: "llm.>" }} }}
    ]
  }}
}}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsWith]:
    with NatsWith(tmp_path_factory.mktemp("guarded"), USERS) as server:
        yield server


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ("", "[Aa]uthorization"),
        (f"all:wrong-{SECRET}@", "[Aa]uthorization"),
        (f"{SECRET}@", "[Aa]uthorization"),
        (f"off:{SECRET}@", "Check that JetStream is on|not enabled"),
        (f"heard:{SECRET}@", "permissions violation for publish to"),
        (f"deaf:{SECRET}@", "permissions violation for subscription to"),
    ],
)
def test_nats_that_does_not_let_in(guarded: NatsWith, home: Path, user: str, says: str) -> None:
    env = {
        "MODEL_FOUNDRY_NATS_URL": f"nats://{user}{guarded.address}",
        "MODEL_FOUNDRY_HOME": str(home / "home"),
    }
    assert_says(sentence(*PUBLISH, env=env), says)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def nats_with_tls(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NatsWith]:
    """Takes whoever the authority signed."""
    server = authority.sign("nats")
    tls = (
        f'tls {{ cert_file: "{server.certificate}", key_file: "{server.key}", '
        f'ca_file: "{authority.certificate}", verify: true }}'
    )
    with NatsWith(tmp_path_factory.mktemp("tls"), tls) as running:
        yield running


def nats_files(authority: Authority, *names: str) -> dict[str, str]:
    client = authority.sign("client")
    files = {
        "NATS_CA": authority.certificate,
        "NATS_CERT": client.certificate,
        "NATS_KEY": client.key,
    }
    return {f"MODEL_FOUNDRY_{name}": str(files[name]) for name in names}


@pytest.mark.parametrize("scheme", ["nats", "tls"])
def test_nats_with_a_private_authority(
    nats_with_tls: NatsWith, authority: Authority, home: Path, scheme: str
) -> None:
    url = f"{scheme}://{nats_with_tls.address}"
    env = {
        "MODEL_FOUNDRY_NATS_URL": url,
        "MODEL_FOUNDRY_HOME": str(home / "home"),
        **nats_files(authority, "NATS_CA", "NATS_CERT", "NATS_KEY"),
    }
    event = home / "event"
    event.write_text('{"subject": "llm.tool_call", "event_id": "1", "payload": {}}')
    done = CliRunner().invoke(app, ["publish", str(event), "--json"], env=env)
    assert (done.exit_code, '"published": 1' in done.stdout) == (0, True), done.output


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((), "CERTIFICATE_VERIFY_FAILED.*MODEL_FOUNDRY_NATS_CA"),
        (("NATS_CA",), "MODEL_FOUNDRY_NATS_CERT"),
    ],
)
def test_nats_with_tls_that_is_not_trusted_or_does_not_trust(
    nats_with_tls: NatsWith, authority: Authority, home: Path, files: tuple[str, ...], says: str
) -> None:
    env = {
        "MODEL_FOUNDRY_NATS_URL": nats_with_tls.url,
        "MODEL_FOUNDRY_HOME": str(home / "home"),
        **nats_files(authority, *files),
    }
    assert_says(sentence(*PUBLISH, env=env), says)


def test_nats_of_another_authority(
    nats_with_tls: NatsWith, authority: Authority, home: Path
) -> None:
    other = Authority(home / "other", "other")
    env = {
        "MODEL_FOUNDRY_NATS_URL": nats_with_tls.url,
        "MODEL_FOUNDRY_HOME": str(home / "home"),
        **nats_files(authority, "NATS_CERT", "NATS_KEY"),
        "MODEL_FOUNDRY_NATS_CA": str(other.certificate),
    }
    assert "CERTIFICATE_VERIFY_FAILED" in sentence(*PUBLISH, env=env)


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_a_password_is_not_sent_in_clear_where_tls_is_wanted(
    guarded: NatsWith, authority: Authority, home: Path, scheme: str
) -> None:
    env = {
        "MODEL_FOUNDRY_NATS_URL": f"{scheme}://all:{SECRET}@{guarded.address}",
        "MODEL_FOUNDRY_HOME": str(home / "home"),
        **(nats_files(authority, "NATS_CA") if scheme == "nats" else {}),
    }
    assert "the server offers no TLS" in sentence(*PUBLISH, env=env)


@pytest.fixture(scope="module")
def postgres_with_tls(postgres_server: PostgresServer, authority: Authority) -> Iterator[int]:
    """The port of a PgBouncer that takes whoever the authority signed: the wheel has no TLS."""
    server, client = authority.sign("postgres"), authority.sign("client")
    with tempfile.TemporaryDirectory() as folder:
        for path in (authority.certificate, *server):
            shutil.copy(path, folder)
        if os.geteuid() == 0:
            for place in (Path(folder), *Path(folder).iterdir()):
                shutil.chown(place, system_user())
        tls = {
            "client_tls_sslmode": "verify-full",
            "client_tls_ca_file": Path(folder) / authority.certificate.name,
            "client_tls_cert_file": Path(folder) / server.certificate.name,
            "client_tls_key_file": Path(folder) / server.key.name,
        }
        trusted = make_conninfo(
            postgres_server.url,
            sslmode="verify-full",
            sslrootcert=str(authority.certificate),
            sslcert=str(client.certificate),
            sslkey=str(client.key),
        )
        with pgbouncer(trusted, "session", **tls) as pooled:
            yield int(str(conninfo_to_dict(pooled)["port"]))


def by_tls(
    settings: Settings, port: int, authority: Authority, *names: str, sslmode: str = ""
) -> dict[str, str]:
    """The environment for a test's database through PgBouncer, with these files."""
    client = authority.sign("client")
    files = {
        "POSTGRES_CA": authority.certificate,
        "POSTGRES_CERT": client.certificate,
        "POSTGRES_KEY": client.key,
    }
    url = make_conninfo(settings.require_postgres_url(), port=port)
    return {
        "MODEL_FOUNDRY_POSTGRES_URL": f"{url} {sslmode}",
        "MODEL_FOUNDRY_HOME": str(settings.home),
        **{f"MODEL_FOUNDRY_{name}": str(files[name]) for name in names},
    }


POSTGRES_FILES = ("POSTGRES_CA", "POSTGRES_CERT", "POSTGRES_KEY")


@needs_pgbouncer
def test_postgres_with_a_private_authority(
    postgres_with_tls: int, authority: Authority, settings: Settings
) -> None:
    env = by_tls(settings, postgres_with_tls, authority, *POSTGRES_FILES)
    done = CliRunner().invoke(app, ["migrate"], env=env)
    assert (done.exit_code, done.stdout[:16]) == (0, "Nothing to apply"), done.output


@needs_pgbouncer
@pytest.mark.parametrize(
    ("files", "sslmode", "says"),
    [
        ((), "", "certificate required|SSL required"),
        ((), "sslmode=verify-full sslrootcert=system", "certificate verify failed.*POSTGRES_CA"),
        (("POSTGRES_CA",), "", "certificate required|handshake failure|closed.*POSTGRES_CERT"),
    ],
)
def test_postgres_with_tls_that_is_not_trusted_or_does_not_trust(
    postgres_with_tls: int,
    authority: Authority,
    settings: Settings,
    *,
    files: tuple[str, ...],
    sslmode: str,
    says: str,
) -> None:
    env = by_tls(settings, postgres_with_tls, authority, *files, sslmode=sslmode)
    assert_says(sentence("migrate", env=env), says)


@needs_pgbouncer
def test_postgres_of_another_authority(
    postgres_with_tls: int, settings: Settings, home: Path
) -> None:
    other = Authority(home / "other", "other")
    env = by_tls(settings, postgres_with_tls, other, *POSTGRES_FILES)
    said = sentence("migrate", env=env)
    assert_says(said, "certificate verify failed.*Check .*MODEL_FOUNDRY_POSTGRES_CA")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("foundry:", f"foundry:{SECRET}"), "password authentication fail"),
        (lambda url: url.replace("foundry:", f"nobody:{SECRET}"), "authentication failed"),
        (lambda url: f"{url}_gone", "does not exist"),
        (lambda url: f"{url}?sslmode=require", "server does not support SSL"),
        (lambda url: f"{url}?sslmode=never", "invalid sslmode value"),
        (lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), "no-such-host.invalid"),
    ],
)
def test_postgres_that_does_not_let_in(
    settings: Settings, change: Callable[[str], str], says: str
) -> None:
    env = {
        "MODEL_FOUNDRY_POSTGRES_URL": change(settings.require_postgres_url()),
        "MODEL_FOUNDRY_HOME": str(settings.home),
    }
    assert_says(sentence("migrate", env=env), says)


@pytest.fixture
def reader(settings: Settings) -> Iterator[str]:
    """The URL of a role that may log in, and no more."""
    role = f"reader_{os.getpid()}"
    execute(settings, f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
    _, _, place = settings.require_postgres_url().rpartition("@")
    try:
        yield f"postgresql://{role}:{SECRET}@{place}"
    finally:
        execute(settings, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("migrate",), "permission denied for .*schema_migration"),
        (("quarantine", "list"), "permission denied for table"),
        (("quarantine", "show", "1"), "permission denied for table"),
        (("quarantine", "replay", "--all"), "permission denied for table"),
        (("translate", "{file}", "--from", "en", "--to", "ja"), "permission denied for table"),
        (("batch", "{file}", "--out", "{file}.out"), "permission denied for table"),
    ],
)
def test_a_role_without_a_right(
    settings: Settings, reader: str, tmp_path: Path, command: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    env = {
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": reader,
        "MODEL_FOUNDRY_HOME": str(settings.home),
    }
    said = sentence(*(part.format(file=file) for part in command), env=env)
    assert_says(said, f"does not let this role .*{says}.*Grant it")


@pytest.mark.parametrize(
    "command",
    [("quarantine", "list"), ("quarantine", "show", "1"), ("quarantine", "replay", "--all")],
)
def test_a_missing_migration(settings: Settings, command: tuple[str, ...]) -> None:
    execute(settings, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    env = {
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
        "MODEL_FOUNDRY_HOME": str(settings.home),
    }
    assert "run `model-foundry migrate`" in sentence(*command, env=env)
