"""Days that earlier code has summarized: which they are, and computing them again.

A summary's file says by which code it was made, and the lake's catalog knows it of every day.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import duckdb

from model_foundry import lake, postgres
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.compute import Rate, code_version
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.own import all_summaries
from model_foundry.summaries.zone import zone_name


class OlderDay(NamedTuple):
    """A day of a summary that earlier code made."""

    name: str
    day: date


class Renewed(NamedTuple):
    """What became of one; `why`: it could not be computed."""

    older: OlderDay
    why: str | None


def older_days(settings: Settings) -> list[OlderDay]:
    """The last day first, all summaries of a day together: each day of the lake is read once.

    Files that the catalog does not know, as of a home from before it, are added first.

    Raises:
        FoundryError: PostgreSQL cannot be asked.
    """
    place, zone = lake.lake_of(settings), zone_name(settings)
    codes = {each.name: code_version(each, zone) for each in all_summaries(settings)}
    asked = {
        "lake": place.address(place.root),
        "names": list(codes),
        "codes": list(codes.values()),
    }
    with contextlib.closing(postgres.connect(settings)) as connection:
        connection.autocommit = True
        for name in codes:
            known = lake.known_days(connection, place, name)
            for day, listed in place.listing(name).files.items():
                if len(known.get(day, [])) < len(listed):
                    lake.adopt(lake.Catalog(connection, place, name, day), listed)
        rows = connection.execute(load_sql("postgres/lake/older_code"), asked).fetchall()
    return [OlderDay(name, day) for name, day in rows]


def renew(
    settings: Settings, days: Sequence[OlderDay], slots: Sequence[Rate] = ()
) -> Iterator[Renewed]:
    """Compute these again, one after the other; whoever stops goes on where he was."""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = ?", [settings.duckdb_memory_limit])
        connection.execute("SET threads = ?", [settings.duckdb_threads])
        for older in days:
            why = None
            try:
                summarize_day(settings, connection, older.name, older.day, slots=slots)
            except (FoundryError, duckdb.Error) as error:
                why = " ".join(str(error).split())
            yield Renewed(older, why)
