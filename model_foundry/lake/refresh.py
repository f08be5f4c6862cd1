"""Bringing a day of the lake up to PostgreSQL: append what is new, replace what changed, merge.

Rows are streamed: memory does not grow with the day.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence, Set
from datetime import date
from typing import Any, Final, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.lake.catalog import Catalog, name_of
from model_foundry.lake.keep import keep_schema, schema_is_for
from model_foundry.lake.parquet import Footer, State, read_footer, write_rows
from model_foundry.lake.place import Lake, LakeFile, has_gap, lake_of, live
from model_foundry.lake.source import Source, source_of
from model_foundry.settings import Settings

_READ_ROWS: Final = 8_192


class LakeDay(NamedTuple):
    """One day of one table in the lake.

    Attributes:
        refreshed: something was written now.
        files: of which the day consists, in order; they stay for the time of a query
            (`lake_grace_s`), whatever comes after.
    """

    table: str
    day: date
    rows: int
    bytes: int
    refreshed: bool
    files: tuple[LakeFile, ...]


class Known(NamedTuple):
    """A file, and what it says of itself."""

    file: LakeFile
    footer: Footer


@contextlib.contextmanager
def locked(
    settings: Settings, name: str, day: date, held: psycopg.Connection[Any] | None = None
) -> Iterator[psycopg.Connection[Any]]:
    """Nobody else writes this day of this table or summary; the connection is in autocommit.

    `held` is the connection of another lock, to be used for this one too.
    """
    key = (f"lake {name} {day}",)
    if held is not None:
        held.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", key)
        try:
            yield held
        finally:
            if not held.closed:
                held.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)
        return
    with contextlib.closing(postgres.connect(settings)) as connection:
        connection.autocommit = True
        with locked(settings, name, day, connection):
            yield connection


def refresh_day(
    settings: Settings, table: str, day: date, held: psycopg.Connection[Any] | None = None
) -> LakeDay:
    """Make the lake's copy of a day equal to PostgreSQL's, if it is not already.

    Batches that it lacks are appended; a day whose batches changed, or whose files are lost or
    damaged, is written anew. What PostgreSQL has dropped, or does not know, is left as it is.
    `held` is the connection of a lock that the caller has.

    Raises:
        FoundryError: a file is damaged that PostgreSQL cannot give again.
    """
    lake = lake_of(settings)
    with locked(settings, table, day, held) as connection:
        catalog = Catalog(connection, lake, table, day)
        listed = lake.files(table, day)
        written = False
        with source_of(connection, table, day) as source:
            if not schema_is_for(lake, table, source.columns):
                keep_schema(lake, table, source.schema(settings), source.columns)
            adopt(catalog, listed)
            if source.has_rows:
                written = _bring_up(settings, source, catalog, listed)
            if written:
                _merge_tail(settings, catalog, source.layer)
        if written:
            listed = tidy(settings, catalog)
        else:
            follow(settings, catalog, listed)
        return _day(lake, table, day, live(listed), refreshed=written)


def compact_day(settings: Settings, table: str, day: date) -> int:
    """Merge each layer of a day into one file, tidy up, and return how many were merged.

    One that lacks a part, or has a damaged one, stays as it is: merged, it would cover the part
    that is restored, and look whole.
    """
    lake = lake_of(settings)
    merged = 0
    with locked(settings, table, day) as connection:
        catalog = Catalog(connection, lake, table, day)
        listed = lake.files(table, day)
        files = live(listed)
        torn = {file.layer for file in catalog.lost(listed)}
        for layer in {file.layer for file in files} - torn:
            parts = [file for file in files if file.layer == layer]
            if len(parts) > 1 and not has_gap(parts) and all(map(lake.is_intact, parts)):
                _merge(catalog, [known_file(lake, part) for part in parts])
                merged += len(parts)
        tidy(settings, catalog)
    return merged


def tidy_day(settings: Settings, name: str, day: date) -> None:
    """Remove what no reader can still need of a day, of a summary's too."""
    lake = lake_of(settings)
    with locked(settings, name, day) as connection:
        tidy(settings, Catalog(connection, lake, name, day))


def tidy(settings: Settings, catalog: Catalog) -> list[LakeFile]:
    """Likewise, of whoever has the day's lock. Returns what is listed then."""
    lake, name, day = catalog.lake, catalog.name, catalog.day
    stay = follow(settings, catalog)
    listed = lake.tidy(name, day, settings.lake_grace_s, stay=stay)
    catalog.settle(listed, settings.lake_grace_s)
    return listed


def follow(
    settings: Settings, catalog: Catalog, listed: Sequence[LakeFile] | None = None
) -> Set[str]:
    """Have the Iceberg catalog name what is live, if there is one; the names of what must stay."""
    if settings.lake_catalog is None:
        return frozenset()
    from model_foundry.lake.iceberg import follow_day  # noqa: PLC0415 - of an extra, and takes 0.5 s

    if listed is None:
        listed = catalog.lake.files(catalog.name, catalog.day)
    return follow_day(settings, catalog, listed)


def adopt(catalog: Catalog, listed: Sequence[LakeFile]) -> None:
    """Have files known that lie there and are not: of an older home, or of a death."""
    known = {name_of(each.file) for each in catalog.known()}
    found = {}
    for file in listed:
        if name_of(file) not in known:
            with contextlib.suppress(FoundryError):  # damaged: found when it is read
                found[file] = known_file(catalog.lake, file).footer
    catalog.add(found)


def _bring_up(
    settings: Settings, source: Source, catalog: Catalog, listed: Sequence[LakeFile]
) -> bool:
    """Append to, or replace, the files of PostgreSQL's layer; whether anything was written."""
    of_layer = [file for file in listed if file.layer == source.layer]
    current = live(of_layer)
    lost = [file for file in catalog.lost(listed) if file.layer == source.layer]
    states = [] if lost else _states(catalog.lake, source, current)
    if states and states[-1].version == source.version:
        return False
    batches = source.batches()
    known = {batch: mark for state in states for batch, mark in state.batches.items()}
    if states and known.items() <= batches.items():
        new = batches.keys() - known.keys()
        first = current[-1].last + 1
        return bool(new) and _write(settings, source, catalog, (first, first), batches, only=new)
    last = catalog.next_no(source.layer, listed)
    return _write(settings, source, catalog, (0, last), batches)


def _states(lake: Lake, source: Source, current: Sequence[LakeFile]) -> list[State]:
    """What the files of PostgreSQL's layer hold; nothing if one is lost, damaged or outdated."""
    states = []
    expected = 0
    for file in current:
        try:
            state = known_file(lake, file).footer.state
        except FoundryError:
            lake.remove(file)
            return []
        if state is None or state.columns != source.columns or file.first != expected:
            return []
        states.append(state)
        expected = file.last + 1
    return states


def _write(
    settings: Settings,
    source: Source,
    catalog: Catalog,
    numbers: tuple[int, int],
    batches: dict[str, int],
    *,
    only: set[str] | None = None,
) -> bool:
    lake, table, day = catalog.lake, source.table, source.day
    wanted = batches if only is None else {batch: batches[batch] for batch in sorted(only)}
    state = State(str(source.version), source.columns, wanted)
    with (
        lake.written(table, day) as path,
        source.streams(settings, only) as readers,
    ):
        rows = write_rows(path, readers[0].schema, state, *readers)
        if only is not None and not rows:
            return False  # its batches have rows in other tables only
        first, last = numbers
        part = lake.part(path, table, day, layer=source.layer, first=first, last=last)
        catalog.publish(path, part, Footer(rows, state, None))
        return True


def _merge_tail(settings: Settings, catalog: Catalog, layer: int) -> None:
    """Once there are too many files, merge the last ones: never one larger than those after it.

    So a row is merged about as often as the day doubles, and the large file is left alone.
    """
    lake = catalog.lake
    files = [file for file in lake.live(catalog.name, catalog.day) if file.layer == layer]
    if len(files) <= settings.lake_max_parts:
        return
    tail = [files.pop(), files.pop()]
    while files and files[-1].bytes <= sum(file.bytes for file in tail):
        tail.append(files.pop())
    _merge(catalog, [known_file(lake, file) for file in reversed(tail)])


def _merge(catalog: Catalog, parts: Sequence[Known]) -> None:
    lake, table, day = catalog.lake, catalog.name, catalog.day
    states = [part.footer.state for part in parts if part.footer.state is not None]
    batches = {batch: mark for state in states for batch, mark in state.batches.items()}
    state = State(states[-1].version, states[-1].columns, batches)
    first, last = parts[0].file, parts[-1].file
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(lake.written(table, day))
        opened = [stack.enter_context(lake.fs.open(part.file.path, "rb")) for part in parts]
        readers = [pq.ParquetFile(file, pre_buffer=False) for file in opened]
        rows = (batch for reader in readers for batch in reader.iter_batches(_READ_ROWS))
        written = write_rows(path, readers[-1].schema_arrow, state, rows)
        part = lake.part(path, table, day, layer=first.layer, first=first.first, last=last.last)
        catalog.publish(path, part, Footer(written, state, None))


def _day(
    lake: Lake, table: str, day: date, files: Sequence[LakeFile], *, refreshed: bool
) -> LakeDay:
    return LakeDay(
        table,
        day,
        rows=sum(known_file(lake, file).footer.rows for file in files),
        bytes=sum(file.bytes for file in files),
        refreshed=refreshed,
        files=tuple(files),
    )


def known_file(lake: Lake, file: LakeFile) -> Known:
    """Read a file's footer.

    Raises:
        FoundryError: it is damaged.
    """
    try:
        return Known(file, _footer(lake, file))
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise FoundryError(
            f"{file.path} is damaged ({reason}). If PostgreSQL still has the day, materialize "
            "`lake`; otherwise restore the file from a backup, or delete it to go on without it."
        ) from None


@functools.lru_cache(maxsize=128)
def _footer(lake: Lake, file: LakeFile) -> Footer:
    """Read once: a file is never written again."""
    with lake.fs.open(file.path, "rb") as opened:
        return read_footer(opened)
