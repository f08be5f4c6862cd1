"""Finding files that are lost or damaged, and having them made again where that is possible."""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import psycopg

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.lake.catalog import Catalog, known_days, lost
from model_foundry.lake.place import Lake, LakeFile, has_gap, lake_of, live
from model_foundry.lake.refresh import adopt, compact_day, known_file, refresh_day
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

Remake = Callable[[Settings, str, date], object]
"""Makes a day of a table or summary again, from what it is made from."""


class Held(NamedTuple):
    """What the lake's copy of PostgreSQL's rows of a day says: its version, its rows."""

    version: str | None
    rows: int


class Damage(NamedTuple):
    """What was wrong with a day.

    `mended`: it was made again. `why`: making it again was tried, and failed.
    """

    name: str
    day: date
    what: str
    mended: bool
    why: str | None = None


class Checked(NamedTuple):
    """What a check came to: all live files and bytes, those of them that were read, damages.

    `strange` are paths of what lies among the files and is none of the lake's.
    """

    files: int
    bytes: int
    files_read: int
    bytes_read: int
    damages: list[Damage]
    strange: list[str]


class _Expected(NamedTuple):
    """What PostgreSQL says of a day: of which layer it has rows, and rows of those before."""

    layer: int | None
    dropped_rows: list[int]


_NOTHING = _Expected(None, [])


def proven_day(settings: Settings, table: str, day: date) -> Held:
    """What the lake's copy of PostgreSQL's rows holds, refreshed, in one file, every byte read.

    A damaged copy is made anew.
    """
    lake = lake_of(settings)
    for _ in range(2):
        refresh_day(settings, table, day)
        with contextlib.closing(postgres.connect(settings)) as connection:
            layer = _expected(connection, table).get(day, _NOTHING).layer
        if layer is None:
            return Held(None, 0)
        files = [file for file in lake.live(table, day) if file.layer == layer]
        damaged = [file for file in files if not lake.is_intact(file)]
        if not damaged:
            break
        for file in damaged:
            lake.remove(file)
    else:
        raise FoundryError(f"{damaged[0].path} was damaged twice: look at the disk it lies on")
    compact_day(settings, table, day)
    footers = [
        known_file(lake, file).footer for file in lake.live(table, day) if file.layer == layer
    ]
    version = footers[-1].state.version if footers and footers[-1].state else None
    return Held(version, sum(footer.rows for footer in footers))


def whole(
    settings: Settings, remakes: Mapping[str, Remake], *, limit_bytes: int | None = None
) -> Checked:
    """Look for lost files everywhere, and read files, in an order drawn anew, up to a limit.

    What PostgreSQL can give again is made again at once, and a summary from the lake. Each folder
    is listed once, and again for a day that was made again.
    """
    lake = lake_of(settings)
    files: list[tuple[str, date, LakeFile]] = []
    damages: list[Damage] = []
    strange: list[str] = []
    with contextlib.closing(postgres.connect(settings)) as connection:
        connection.autocommit = True
        expected = {name: _expected(connection, name) for name in remakes}
        for name, remake in remakes.items():
            # In this order: a file is there before it is known.
            known, listing = known_days(connection, lake, name), lake.listing(name)
            strange += listing.strange
            for day in sorted({*listing.files, *known, *expected[name]}):
                listed = listing.files.get(day, [])
                lost_layers = _lost_layers(lake, listed, known.get(day, []), expected[name], day)
                catalog = Catalog(connection, lake, name, day)
                if not lost_layers:
                    if len(known.get(day, [])) < len(listed):
                        adopt(catalog, listed)
                    files += [(name, day, file) for file in live(listed)]
                    continue
                made = [_can_be_made(remake, expected[name], day, layer) for layer in lost_layers]
                why = _failure(settings, name, day, remake) if any(made) else None
                listed = lake.files(name, day)
                still = {file.layer for file in catalog.lost(listed)}
                for can_be_made, (layer, what) in zip(made, lost_layers.items(), strict=True):
                    mended = can_be_made and why is None and layer not in still
                    tried = why if can_be_made else None
                    damages.append(Damage(name, day, what, mended, tried))
                files += [(name, day, file) for file in live(listed)]
    limit = limit_bytes or settings.lake_check_bytes
    files_read = bytes_read = 0
    for name, day, file in random.sample(files, len(files)):
        if bytes_read >= limit:
            break
        files_read += 1
        bytes_read += file.bytes
        if lake.is_intact(file) or file not in lake.live(name, day):
            continue
        mended = _can_be_made(remakes[name], expected[name], day, file.layer)
        why = None
        if mended:
            lake.remove(file)
            why = _failure(settings, name, day, remakes[name])
        what = f"{file.path} is damaged"
        damages.append(Damage(name, day, what, mended and why is None, why))
    total = sum(file.bytes for _, _, file in files)
    return Checked(len(files), total, files_read, bytes_read, damages, strange)


def _expected(connection: psycopg.Connection[Any], name: str) -> dict[date, _Expected]:
    """What PostgreSQL says of each day of a table; of a summary it knows none."""
    rows = connection.execute(load_sql("postgres/lake/days"), {"table": name}).fetchall()
    return {
        day: _Expected(layer if version != dropped_version else None, dropped_rows)
        for day, version, layer, dropped_version, dropped_rows in rows
    }


def _can_be_made(remake: Remake, expected: Mapping[date, _Expected], day: date, layer: int) -> bool:
    """A summary can; a table's layer, if PostgreSQL has it."""
    return remake is not refresh_day or expected.get(day, _NOTHING).layer == layer


def _lost_layers(
    lake: Lake,
    listed: list[LakeFile],
    known: list[LakeFile],
    expected: Mapping[date, _Expected],
    day: date,
) -> dict[int, str]:
    """What is missing of each layer of a day."""
    if not listed and not known and day >= datetime.now(UTC).date():
        return {}  # nobody has asked for it yet
    found: dict[int, str] = {}
    for file in lost(known, listed):
        found.setdefault(file.layer, f"{file.path} is missing")
    for what, layer in _losses(lake, live(listed), expected.get(day, _NOTHING)):
        found[layer] = f"{found[layer]}, {what}" if layer in found else what
    return found


def _losses(lake: Lake, listed: list[LakeFile], expected: _Expected) -> Iterator[tuple[str, int]]:
    """What is missing of a day, and of which layer."""
    for layer, rows in enumerate(expected.dropped_rows):
        held = [file for file in listed if file.layer == layer]
        with contextlib.suppress(FoundryError):  # a damaged file: found when it is read
            found = sum(known_file(lake, file).footer.rows for file in held)
            if found != rows:
                yield f"{found} of {rows} rows that PostgreSQL has dropped are there", layer
    if expected.layer is not None and expected.layer not in {file.layer for file in listed}:
        yield "its files are missing", expected.layer
    for layer in {file.layer for file in listed}:
        if has_gap(file for file in listed if file.layer == layer):
            yield "a file in its midst is missing", layer


def _failure(settings: Settings, name: str, day: date, remake: Remake) -> str | None:
    """Make a day again; why that could not be done."""
    try:
        remake(settings, name, day)
    except FoundryError as error:
        return " ".join(str(error).split())
    return None
