"""Where PostgreSQL is: the configured URL, read once and alike for both drivers.

What its `options` set is applied after connecting, with what we need ourselves: a pooler then has
nothing to refuse, and a schema in the URL holds for psycopg and for ADBC.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from model_foundry.errors import FoundryError
from model_foundry.masking import mask_of
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, require_file

VARIABLE: Final = f"{PREFIX}POSTGRES_URL"
# Applied after connecting; the first column is the server process that the session has.
SETUP: Final = (
    "SELECT pg_backend_pid(), count(set_config(key, value, FALSE)) FROM json_each_text({}::json)"
)
_OURS: Final = {
    "timezone": "UTC",
    "jit": "off",
}
# A cable that stays unplugged must not hold a statement for hours.
_PARAMETERS: Final = {
    "application_name": "model-foundry",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_SECRETS: Final = ("password", "sslpassword")
# A password whose @ or / is not percent-encoded ends up in another part of a URL.
_SHOWN: Final = {
    "host": re.compile(r"@?[^@:?#\s]*(:[^@?#\s]*)*"),
    "port": re.compile(r"[\d,]*"),
    "dbname": re.compile(r"[^@:?#]*"),
    "service": re.compile(r"[^@:?#]*"),
}
_OPTION: Final = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)


class Address(NamedTuple):
    """Where PostgreSQL is, and how a session there begins.

    Attributes:
        conninfo: libpq's key/value form; it holds the password.
        setup: settings of the session as JSON, for `SETUP`.
        where: `host:port/database`, which may be shown.
        secrets: what must not be shown.
    """

    conninfo: str
    setup: str
    where: str
    secrets: tuple[str, ...]

    def refused(
        self, error: Exception, *, why: str = "cannot be reached", check: str | None = None
    ) -> FoundryError:
        """The error in words, without a secret; `check`: what to do about it, if it is known."""
        reason = mask_of(*self.secrets)(" ".join(str(error).split()))
        if check is None:
            check = f"check {VARIABLE} and that the server runs"
            if "certificate" in reason or "SSL" in reason:
                check += (
                    f", {PREFIX}POSTGRES_CA (who signed its certificate), {PREFIX}POSTGRES_CERT"
                )
        return FoundryError(
            f"PostgreSQL at {self.where} {why}: {reason}. {check[0].upper()}{check[1:]}."
        )


def address_of(settings: Settings) -> Address:
    """The address of the configured PostgreSQL: a URL, or libpq's `key=value` pairs.

    Raises:
        FoundryError: it cannot be read; the text shows nothing of it.
    """
    given = _parsed(settings.require_postgres_url())
    session, switches = _session_settings(given.pop("options", ""))
    parameters = {
        **_PARAMETERS,
        "connect_timeout": str(max(2, round(settings.connect_timeout_s))),
        **_certificates(settings),
        **given,
        "client_encoding": "UTF8",
        **({"options": switches} if switches else {}),
    }
    session.pop("client_encoding", None)
    return Address(
        conninfo=make_conninfo("", **parameters),
        setup=json.dumps({**session, **_OURS}),
        where=_where(given),
        secrets=tuple(filter(None, map(given.get, _SECRETS))),
    )


def _certificates(settings: Settings) -> dict[str, str]:
    """libpq's parameters for the files of the settings; what the URL says of them counts more."""
    files = {
        "sslrootcert": require_file("POSTGRES_CA", settings.postgres_ca),
        "sslcert": require_file("POSTGRES_CERT", settings.postgres_cert),
        "sslkey": require_file("POSTGRES_KEY", settings.postgres_key),
    }
    found = {name: str(path) for name, path in files.items() if path is not None}
    return {"sslmode": "verify-full", **found} if "sslrootcert" in found else found


def _parsed(url: str) -> dict[str, str]:
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (psycopg.Error, ValueError):
        given = {"port": "unreadable"}
    if all(shown.fullmatch(given.get(name, "")) for name, shown in _SHOWN.items()):
        return given
    # libpq's own reason quotes what it could not read, which may be the password.
    raise FoundryError(
        f"{VARIABLE} cannot be read: it is neither a URL (postgresql://user:password@host:5432/"
        "database, where @ : / ? # % of a password are percent-encoded) nor libpq's key=value "
        "pairs (where a value with spaces stands in single quotes)"
    )


def _where(given: Mapping[str, str]) -> str:
    hosts = (given.get("host") or given.get("hostaddr") or "").split(",")
    ports = (given.get("port") or "5432").split(",")
    if hosts == [""] and "service" in given:
        return f"service {given['service']}"
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    places = [f"{host or 'its socket'}:{port}" for host, port in zip(hosts, ports, strict=True)]
    return f"{','.join(places)}/{given.get('dbname', '')}"


def _session_settings(options: str) -> tuple[dict[str, str], str]:
    """The settings in `options` (`-c name=value`, `--name=value`), and its other switches."""
    settings: dict[str, str] = {}
    switches: list[str] = []
    words = iter(_OPTION.findall(options))
    for word, setting in _switches(words):
        if setting is None:
            switches.append(word)
            continue
        name, equals, value = re.sub(r"\\(.)", r"\1", setting, flags=re.DOTALL).partition("=")
        if not name or not equals:
            raise FoundryError(f"{VARIABLE}: in its options, -c wants name=value")
        settings[name.replace("-", "_").lower()] = value
    return settings, " ".join(switches)


def _switches(words: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    for word in words:
        if word == "-c":
            yield word, next(words, "")
        elif word.startswith(("-c", "--")):
            yield word, word[2:]
        else:
            yield word, None
