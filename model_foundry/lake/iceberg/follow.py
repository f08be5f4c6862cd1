"""Making the catalog name what is live, and nothing else: one commit for all that is not so.

What it names is compared file by file, so it does not matter who died where. Of one table one
commits at a time: days wait for each other that long.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import ValidationError
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, Transaction

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.lake.catalog import Catalog, name_of
from model_foundry.lake.iceberg.tables import (
    UNREADABLE,
    Tables,
    add_columns,
    alone,
    day_column,
    opened,
)
from model_foundry.lake.iceberg.upkeep import expire, is_due, merge_manifests, sweep
from model_foundry.lake.keep import schema_of
from model_foundry.lake.place import Lake, LakeFile, lake_of, live
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

log = logging.getLogger(__name__)


class Following(NamedTuple):
    """What became of a table.

    Attributes:
        files: that it names now.
        changed: whether it had named others.
        faults: why some of the lake's files are not among them, or none is.
    """

    name: str
    files: int
    changed: bool
    faults: list[str]


class _Noted(NamedTuple):
    """What `lake_file` says of a file: whether the catalog has it, or since when no more."""

    day: date
    file: LakeFile
    rows: int
    is_catalogued: bool
    left_at: float | None


class _Followed:
    """A table or summary of the lake, and what PostgreSQL knows of its files."""

    def __init__(
        self, settings: Settings, connection: psycopg.Connection[Any], lake: Lake, name: str
    ) -> None:
        self.settings = settings
        self.lake = lake
        self.name = name
        self._connection = connection
        self._key = {"lake": lake.address(lake.root), "table": name}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else commits to this table."""
        with alone(self._connection, f"lake catalog {self._key['lake']} {self.name}"):
            yield

    def noted(self, day: date | None) -> dict[str, _Noted]:
        """What is known of the files of a day, or of all days; by address, as everything here."""
        rows = self._connection.execute(
            load_sql("postgres/lake/catalogued"), {**self._key, "day": day}
        ).fetchall()
        found = (
            _Noted(of, self.lake.file(self.name, of, numbers, 0, 0.0), *told)
            for of, *numbers, told in ((*row[:5], row[5:]) for row in rows)
        )
        return {self.lake.address(each.file.path): each for each in found}

    def note(self, files: Sequence[_Noted], *, is_catalogued: bool) -> None:
        """The catalog has these now, or has them no more."""
        if files:
            told = {
                "days": [each.day for each in files],
                "layers": [each.file.layer for each in files],
                "firsts": [each.file.first for each in files],
                "lasts": [each.file.last for each in files],
                "crcs": [each.file.crc for each in files],
            }
            self._connection.execute(
                load_sql("postgres/lake/note_catalogued"),
                {**self._key, **told, "is_catalogued": is_catalogued, "at": time.time()},
            )

    def bring_up(self, tables: Tables, day: date | None) -> Following:
        """Have the table name what is live of a day, or of every day; made if there is none."""
        schema = schema_of(self.lake, self.name)
        if schema is None:
            return Following(self.name, 0, changed=False, faults=[])
        table = tables.load(self.name)
        if table is not None:
            try:
                return self._commit(table, schema, day)
            except (*UNREADABLE, _OtherColumnsError):
                pass  # it cannot become what it should be
        return self._commit(tables.make(self.name, schema), schema, None)

    def _commit(self, table: Table, schema: pa.Schema, day: date | None) -> Following:
        listing = self.lake.listing(self.name).files
        files = {
            self.lake.address(file.path): file
            for of, listed in listing.items()
            if day in {None, of}
            for file in live(listed)
        }
        noted, named = self.noted(day), self._named(table, schema, day)
        new = [
            file
            for each, file in files.items()
            if each not in named and (each not in noted or noted[each].rows)
        ]
        gone = [file for each, file in named.items() if each not in files]
        unfit: dict[LakeFile, str] = {}
        with table.transaction() as transaction:
            _take_in(transaction, schema)
            added = list(self._data_files(table, transaction, new, unfit))
            if added or gone:
                update = transaction.update_snapshot()
                with update.overwrite() if gone else update.fast_append() as snapshot:
                    for data_file in added:
                        snapshot.append_data_file(data_file)
                    for data_file in gone:
                        snapshot.delete_data_file(data_file)
                expire(transaction, self.settings.lake_grace_s)
        has = [each for each in noted if each in files and files[each] not in unfit]
        has_not = [
            each
            for each, told in noted.items()
            if each not in has and (told.is_catalogued or each in named)
        ]
        self.note(
            [noted[each] for each in has if not noted[each].is_catalogued], is_catalogued=True
        )
        self.note([noted[each] for each in has_not], is_catalogued=False)
        count = len(named) + len(added) - len(gone)
        faults = [f"{name_of(file)}: {why}" for file, why in unfit.items()]
        return Following(self.name, count, changed=bool(added or gone), faults=faults)

    def _named(self, table: Table, schema: pa.Schema, day: date | None) -> dict[str, DataFile]:
        """The files that the table names now, of a day or of all days."""
        column = day_column(self.name, schema)
        whole = day is None or column is None
        scan = table.scan() if whole else table.scan(f"{column} = '{day}'")
        named = {task.file.file_path: task.file for task in scan.plan_files()}
        if day is None:
            return named
        return {
            each: file for each, file in named.items() if Path(each).name.startswith(f"day={day}.")
        }

    def _data_files(
        self,
        table: Table,
        transaction: Transaction,
        files: Sequence[LakeFile],
        unfit: dict[LakeFile, str],
    ) -> Iterator[DataFile]:
        """What Iceberg is to know of these files, from their footers; or why it cannot take one."""
        for file in files:
            path = self.lake.address(file.path)
            try:
                try:
                    data_file = parquet_file_to_data_file(
                        table.io, transaction.table_metadata, path
                    )
                except ValueError:  # it has a column that is no more
                    with self.lake.fs.open(file.path, "rb") as opened_file:
                        _take_in(transaction, pq.read_schema(opened_file), is_current=False)
                    data_file = parquet_file_to_data_file(
                        table.io, transaction.table_metadata, path
                    )
            except Exception as error:  # whatever it is: it is this file's
                unfit[file] = _reason(error)
                continue
            if data_file.record_count:
                yield data_file


class _OtherColumnsError(Exception):
    pass


def _take_in(transaction: Transaction, schema: pa.Schema, *, is_current: bool = True) -> None:
    try:
        add_columns(transaction, schema, is_current=is_current)
    except (ValueError, ValidationError) as error:
        raise _OtherColumnsError(_reason(error)) from None


def follow_day(settings: Settings, catalog: Catalog, listed: Sequence[LakeFile]) -> frozenset[str]:
    """Have the catalog name what is live of a day, under its lock; the names of what must stay.

    These are files that snapshots name, or did until so lately that somebody may be reading them.
    A failure is none of the lake's: it is logged, everything stays, and the next one tries again.

    Raises:
        FoundryError: the catalog is another lake's.
    """
    connection, lake, name, day = catalog.connection, catalog.lake, catalog.name, catalog.day
    followed = _Followed(settings, connection, lake, name)
    before = time.time() - settings.lake_grace_s
    try:
        noted = followed.noted(day)
        shown = {lake.address(file.path) for file in live(listed)} & noted.keys()
        if shown != {each for each, told in noted.items() if told.is_catalogued}:
            with followed.alone(), opened(settings, lake, connection) as tables:
                followed.bring_up(tables, day)
            noted = followed.noted(day)
        dead = {lake.address(file.path) for file in listed} - shown
        if any((noted[each].left_at or before) < before for each in dead & noted.keys()):
            with followed.alone(), opened(settings, lake, connection) as tables:
                _expire(settings, tables.load(name))
    except FoundryError:
        raise
    except Exception as error:  # of PyIceberg, SQLAlchemy, a filesystem
        log.warning("the Iceberg catalog is behind with %s %s: %s", name, day, _reason(error))
        return frozenset(map(name_of, listed))
    return frozenset(
        name_of(told.file)
        for told in noted.values()
        if told.is_catalogued or (told.left_at or 0.0) >= before
    )


def follow_everything(settings: Settings, names: Sequence[str]) -> list[Following]:
    """Compare everything that the catalog names with what is live, and tidy its metadata up.

    A table that is not there, or whose metadata are lost, is made again from the listing.

    Raises:
        FoundryError: the catalog is another lake's.
    """
    lake = lake_of(settings)
    found = []
    with closing(postgres.connect(settings)) as connection:
        connection.autocommit = True
        with opened(settings, lake, connection) as tables:
            for name in tables.names() - set(names):
                tables.drop(name)  # a summary that is no more
            for name in names:
                followed = _Followed(settings, connection, lake, name)
                try:
                    with followed.alone():
                        found.append(followed.bring_up(tables, None))
                        if (table := tables.load(name)) is not None:
                            merge_manifests(table)
                            _expire(settings, table)
                            sweep(lake, table, settings.lake_grace_s)
                except FoundryError:
                    raise
                except Exception as error:
                    found.append(Following(name, 0, changed=False, faults=[_reason(error)]))
    return found


def _expire(settings: Settings, table: Table | None) -> None:
    if table is not None and is_due(table.metadata, settings.lake_grace_s):
        with table.transaction() as transaction:
            expire(transaction, settings.lake_grace_s)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
