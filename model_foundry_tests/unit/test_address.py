"""The address of PostgreSQL: read alike for both drivers, and never shown with a secret."""

import asyncio
import json
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.postgres.address import Address, address_of
from model_foundry.settings import Settings

SECRET = "s3cr3t"


def address(url: str) -> Address:
    return address_of(Settings.model_validate({"home": Path("/nowhere"), "postgres_url": url}))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-csearch_path%3Dmf", {"search_path": "mf"}),
        ("-c%20search_path%3Dmf%20--work-mem%3D8MB", {"search_path": "mf", "work_mem": "8MB"}),
        (r"-c%20search_path%3Da,%5C%20b", {"search_path": "a, b"}),
        ("-cTimeZone%3DAsia/Tokyo%20-cclient_encoding%3DLATIN1", {}),
        ("", {}),
    ],
)
def test_options_become_settings_of_the_session(options: str, expected: dict[str, str]) -> None:
    found = address(f"postgresql://me@h/d?options={options}")
    ours = {"timezone": "UTC", "jit": "off"}
    assert json.loads(found.setup) == {**expected, **ours}
    given = conninfo_to_dict(found.conninfo)
    assert "options" not in given
    assert given["client_encoding"] == "UTF8"


def test_other_switches_stay_options() -> None:
    found = address("host=h options='-B 4 -cjit=on -e'")
    assert conninfo_to_dict(found.conninfo)["options"] == "-B 4 -e"


def test_an_option_without_a_value_is_refused() -> None:
    with pytest.raises(FoundryError, match="-c wants name=value"):
        address("postgresql://me@h/d?options=-csearch_path")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (f"postgresql://me:{SECRET}@h:1/d", "h:1/d"),
        (f"host=h port=1 dbname=d password={SECRET}", "h:1/d"),
        (f"postgresql://me:{SECRET}@a:1,b:2/d?sslmode=require", "a:1,b:2/d"),
        (f"postgresql://me:{SECRET}@[::1]:1/d", "::1:1/d"),
        (f"postgresql:///d?host=/run/pg&password={SECRET}", "/run/pg:5432/d"),
        ("service=mine", "service mine"),
        ("postgresql://me:p%40%2F%3A@h/d", "h:5432/d"),
    ],
)
def test_the_address_is_shown_without_its_secrets(url: str, where: str) -> None:
    found = address(url)
    assert found.where == where
    given, kept = conninfo_to_dict(url), conninfo_to_dict(found.conninfo)
    password = str(given.get("password") or SECRET)
    told = str(found.refused(ValueError(f"no {password} here")))
    assert (password in told) == ("password" not in given)
    assert {name: kept[name] for name in given} == given


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}/x@h:1/d",  # the password's / is not encoded
        f"postgresql://me:12/{SECRET}@h/d",
        f"postgresql://me:x@{SECRET}@h/d",
        f"postgresql://me:x?{SECRET}@h/d",
        f"postgresql://me:{SECRET}%zz@h/d",
        f"postgresql://me:{SECRET}@h:port/d",
        f"host=h password=x {SECRET}",
        f"host=h password='{SECRET}",
        f"postgresql+psycopg://me:{SECRET}@h/d",
        f"me:{SECRET}@h/d",
        f"{SECRET}\x00",
        f"postgresql://me:{SECRET}%FF@h/d",
    ],
)
def test_what_cannot_be_read_is_not_shown(url: str) -> None:
    settings = Settings.model_validate({"home": Path("/nowhere"), "postgres_url": url})
    for connect in (postgres.connect, lambda given: asyncio.run(postgres.connect_async(given))):
        with pytest.raises(FoundryError) as caught:
            connect(settings)
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    given = f"host=127.0.0.1 port=1 dbname=d user=me password={SECRET}"
    settings = Settings.model_validate({"home": Path("/nowhere"), "postgres_url": given})
    with pytest.raises(FoundryError, match=r"PostgreSQL at 127\.0\.0\.1:1/d cannot be") as caught:
        postgres.connect(settings)
    assert SECRET not in str(caught.value)
