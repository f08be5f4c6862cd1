"""`model-foundry settings`: the effective values, and where each comes from.

Belongs here: which source a value has, what of a value may be shown.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr
from rich.table import Table

from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import json_line, plain
from model_foundry.errors import FoundryError
from model_foundry.fleet.names import unknown_names
from model_foundry.intake import address as nats_address
from model_foundry.postgres.address import address_of
from model_foundry.settings import Settings
from model_foundry.settings.files import (
    PREFIX,
    embedded_stack_is_running,
    env_file,
    read_env,
    services_env,
)

Source = Literal["environment", ".env", "running stack", "default"]
_UNSET: Final = "–"
_UNREADABLE: Final = "set, and cannot be read"
# What stands there instead of a path may be the secret itself.
_FILES: Final = frozenset(
    f"{server}_{what}" for server in ("nats", "postgres") for what in ("creds", "ca", "cert", "key")
)
# Of any other URL the path may be what it is kept secret by.
_PATHS_SHOWN: Final = {"lake_url": None, "telemetry_url": "/telemetry"}


class Effective(NamedTuple):
    """One setting as it is in force; `value` may be shown."""

    variable: str
    value: str
    source: Source
    description: str


def show_settings(*, as_json: bool) -> int:
    """Print every setting; the exit code, 1 if a name is not known.

    Raises:
        FoundryError: a value is wrong.
    """
    settings = Settings()
    found = list(effective(settings))
    unknown = unknown_names()
    if as_json:
        told = {"settings": [each._asdict() for each in found], "unknown": unknown}
        sys.stdout.write(json_line(told) + "\n")
        return 1 if unknown else 0
    table = Table("setting", "value", "from")
    for each in found:
        style = "dim" if each.source == "default" else ""
        table.add_row(each.variable, plain(each.value), each.source, style=style)
    console.print(table)
    for name, told_of in unknown.items():
        errors.print(plain(f"{name} is no setting{told_of}.", style="yellow"), soft_wrap=True)
    return 1 if unknown else 0


def effective(settings: Settings) -> Iterator[Effective]:
    """Every setting, in the order of the class."""
    sources = _sources(settings)
    for name, field in Settings.model_fields.items():
        if field.annotation is type(None):
            continue  # a name that was given up, and says so
        variable = f"{PREFIX}{name.upper()}"
        source: Source = "default"
        for each, names in sources.items():
            if variable in names:
                source = each
                break
        yield Effective(variable, _shown(name, settings), source, field.description or "")


def _sources(settings: Settings) -> Mapping[Source, set[str]]:
    services: dict[str, str] = {}
    if embedded_stack_is_running(settings.home):
        services = read_env(services_env(settings.home))
    return {
        "environment": _set_in(os.environ),
        ".env": _set_in(read_env(env_file())),
        "running stack": _set_in(services),
    }


def _set_in(values: Mapping[str, str]) -> set[str]:
    return {name.upper() for name, value in values.items() if value}


def _shown(name: str, settings: Settings) -> str:
    value = getattr(settings, name)
    if isinstance(value, SecretStr):
        return _database(settings) if name == "postgres_url" else "set, and not shown"
    if name in _FILES and value is not None and not os.path.isfile(value):
        return "set, and names no file"
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    if name == "nats_url" and value is not None:
        return _nats(settings)
    if isinstance(value, str) and "://" in value:
        return _url(name, value)
    return _UNSET if value in {None, ""} else str(value)


def _database(settings: Settings) -> str:
    try:
        return address_of(settings).where
    except FoundryError:
        return _UNREADABLE


def _nats(settings: Settings) -> str:
    try:
        return ",".join(nats_address.address_of(settings).servers)
    except FoundryError:
        return _UNREADABLE


def _url(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.port != 0
    except ValueError:
        sound = False
    # A password that is not percent-encoded ends up in another part of a URL.
    if not sound or "@" in value.replace(parts.netloc, "", 1):
        return _UNREADABLE
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if name in _PATHS_SHOWN and _PATHS_SHOWN[name] in {None, parts.path}:
        return where + parts.path
    return f"{where}{'/…' if parts.path.strip('/') else ''}"
