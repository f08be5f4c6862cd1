"""Kinds of values: what a path, a time zone, a web address must be, said in one sentence each.

What one setting alone must be stands beside it.
"""

import functools
import re
from collections.abc import Set
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode


def absolute(path: Path) -> Path:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise ValueError("must be a path of this machine, and no URL")
    if "\0" in str(path):
        raise ValueError("must be a path: it holds a null character")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a path: there is no user of the name after its ~") from None


AbsolutePath = Annotated[Path, AfterValidator(absolute)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]


def _listed(value: object) -> object:
    """`en, de` as a list."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def _no_import(name: str) -> str:
    """Streams of imported files have such names, and their messages' own subjects are trusted."""
    if name.startswith("import-"):
        raise ValueError("a stream of this name would be taken for an imported file")
    return name


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("there is no such time zone; one is Europe/Berlin, another UTC")
    return name


@functools.cache
def _zones() -> Set[str]:
    return available_timezones() - {"localtime"}  # which SQL does not know


def _web_address(url: str) -> str:
    """Never with its text: a webhook's is a secret."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isprintable() or " " in url:
        raise ValueError("must be a URL of the form https://host/…")
    return url


def _without_user(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("must hold no user and no password: it is shown to whoever is told")
    return url


def _is_web_address(url: SecretStr) -> SecretStr:
    _web_address(url.get_secret_value())
    return url


WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_is_web_address)]
WebAddressToShow = Annotated[WebAddress, AfterValidator(_without_user)]
TimeZone = Annotated[str, AfterValidator(_zone)]
StreamName = Annotated[str, AfterValidator(_no_import)]
Languages = Annotated[tuple[Language, ...], NoDecode, BeforeValidator(_listed)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
AlertFormat = Literal["slack", "discord", "ntfy", "json"]
Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_.-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]
