"""Looking after the whole lake: every table and summary, checked, mended, merged, counted."""

import functools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries.compute import Rate
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.own import summary_names
from model_foundry.summaries.views import remove_unfinished

if TYPE_CHECKING:
    from model_foundry.lake.iceberg import Following


class Size(NamedTuple):
    """What the lake holds of a table or summary."""

    table: str
    days: int
    files: int
    bytes: int


def mend(settings: Settings, slots: Sequence[Rate] = ()) -> lake.Checked:
    """Find what is lost or damaged; make again what PostgreSQL, or the lake, can give.

    `slots` are the fleet's, of which a summary may ask what they cost.
    """
    remakes: dict[str, lake.Remake] = dict.fromkeys(lake.LAKE_TABLES, lake.refresh_day)
    remakes |= dict.fromkeys(summary_names(settings), functools.partial(_summarize, slots=slots))
    return lake.whole(settings, remakes)


def merge_closed_days(settings: Settings) -> int:
    """One file (of each layer) for every day that has ended; how many were merged.

    What no reader can still need is removed, of summaries too, and of processes that were killed.
    """
    place = lake.lake_of(settings)
    today = datetime.now(UTC).date()
    merged = 0
    for name in (*lake.LAKE_TABLES, *summary_names(settings)):
        listing = place.listing(name)
        for day in sorted(each for each in {*listing.files, *listing.buried} if each < today):
            files = listing.files.get(day, [])
            layers = Counter(file.layer for file in lake.live(files))
            if name in lake.LAKE_TABLES and any(count > 1 for count in layers.values()):
                merged += lake.compact_day(settings, name, day)
            elif len(files) > layers.total() or day in listing.buried:
                lake.tidy_day(settings, name, day)
    for name, day in place.unfinished():
        lake.tidy_day(settings, name, day)
    remove_unfinished(settings)
    return merged


def catalogue(settings: Settings) -> "list[Following]":
    """Have the Iceberg catalog name exactly what is live; empty where there is no such catalog."""
    if settings.lake_catalog is None:
        return []
    from model_foundry.lake.iceberg import follow_everything  # noqa: PLC0415 - of an extra

    return follow_everything(settings, [*lake.LAKE_TABLES, *summary_names(settings)])


def sizes(settings: Settings) -> list[Size]:
    """By table and summary, what is live."""
    place = lake.lake_of(settings)
    found = []
    for name in (*lake.LAKE_TABLES, *summary_names(settings)):
        days = place.listing(name).files
        files = [file for listed in days.values() for file in lake.live(listed)]
        found.append(Size(name, len(days), len(files), sum(file.bytes for file in files)))
    return found


def _summarize(settings: Settings, name: str, day: date, *, slots: Sequence[Rate]) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = ?", [settings.duckdb_memory_limit])
        connection.execute("SET threads = ?", [settings.duckdb_threads])
        try:
            summarize_day(settings, connection, name, day, slots=slots)
        except duckdb.Error as error:
            raise FoundryError(f"{name} {day} cannot be computed: {error}") from error
