"""What PostgreSQL knows of the lake's files: the table `lake_file`, a row a file.

A listing cannot tell what is missing from it; this can. Readers need none of it. It is written
under the day's lock, in the transaction in which the file appears. A death between the two leaves a
file that is not known: whoever has the lock next adds it, and so a catalog that was lost is made
again from the files, day by day.

Belongs here: what is known of a day, adding to it, what is missing. Does not: the files themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from model_foundry.lake.parquet import Footer, Made, State
from model_foundry.lake.place import Lake, LakeFile, live
from model_foundry.sql import load_sql, text_digest


class Known(NamedTuple):
    """A file as the catalog has it."""

    file: LakeFile
    covered_by: str | None
    is_buried: bool


class Catalog:
    """One day of a table or summary; whoever makes it has the day's lock, or only looks."""

    def __init__(
        self, connection: psycopg.Connection[Any], lake: Lake, name: str, day: date
    ) -> None:
        self.connection = connection
        self.lake = lake
        self.name = name
        self.day = day
        self._key = {"lake": lake.address(lake.root), "table": name, "day": day}
        self._known: list[Known] | None = None

    def known(self) -> list[Known]:
        """Every file that it has, live or dead; asked once, as long as nothing is written."""
        if self._known is None:
            rows = self.connection.execute(load_sql("postgres/lake/files"), self._key).fetchall()
            self._known = [
                Known(
                    self.lake.file(self.name, self.day, numbers, size, at),
                    covered_by,
                    bool(buried_at),
                )
                for *numbers, size, at, covered_by, buried_at in rows
            ]
        return self._known

    def lost(self, listed: Sequence[LakeFile]) -> list[LakeFile]:
        """Those that should be live and are not among the files that are listed."""
        return lost((each.file for each in self.known()), listed)

    def next_no(self, layer: int, listed: Iterable[LakeFile]) -> int:
        """A number above any that a file of the layer ever had: whoever read it, reads anew."""
        files = [*listed, *(each.file for each in self.known())]
        return max((file.last for file in files if file.layer == layer), default=-1) + 1

    def publish(self, written: Path, file: LakeFile, footer: Footer) -> LakeFile:
        """Make a written file appear, known at once."""
        with self.connection.transaction():
            self._note(file, footer)
            self.lake.publish(written, file.path)
        return file

    def add(self, files: Mapping[LakeFile, Footer]) -> None:
        """Know these, which are there."""
        for file, footer in files.items():
            self._note(file, footer)

    def settle(self, listed: Sequence[LakeFile], grace_s: float) -> None:
        """Note which are covered and gone; forget those that nobody can still read."""
        names = {name_of(file) for file in listed}
        known, self._known = self.known(), None
        files = [*listed, *(each.file for each in known if name_of(each.file) not in names)]
        for each in known:
            over = [other for other in files if other.covers(each.file)]
            if not over:
                continue
            widest = name_of(max(over, key=lambda other: (other.last - other.first, other.path)))
            is_listed = name_of(each.file) in names
            if (each.covered_by, each.is_buried) != (widest, not is_listed):
                told = {"covered_by": widest, "listed": is_listed, **_numbers(each.file)}
                self.connection.execute(load_sql("postgres/lake/note_covered"), self._key | told)
        if any(each.is_buried for each in known):
            self.connection.execute(
                load_sql("postgres/lake/forget_buried"), {**self._key, "grace_s": grace_s}
            )

    def _file(self, numbers: Sequence[int], size: int, at: float) -> LakeFile:
        return self.lake.file(self.name, self.day, numbers, size, at)

    def _note(self, file: LakeFile, footer: Footer) -> None:
        self._known = None
        made_of, code = _told(footer)
        told = {"rows": footer.rows, "bytes": file.bytes, "made_of": Jsonb(made_of), "code": code}
        self.connection.execute(
            load_sql("postgres/lake/note_file"), {**self._key, **_numbers(file), **told}
        )


def known_days(
    connection: psycopg.Connection[Any], lake: Lake, name: str
) -> dict[date, list[LakeFile]]:
    """Every file of a table or summary, by day."""
    key = {"lake": lake.address(lake.root), "table": name}
    found: dict[date, list[LakeFile]] = {}
    rows = connection.execute(load_sql("postgres/lake/all_files"), key).fetchall()
    for day, *numbers, size, at in rows:
        found.setdefault(day, []).append(lake.file(name, day, numbers, size, at))
    return found


def lost(known: Iterable[LakeFile], listed: Sequence[LakeFile]) -> list[LakeFile]:
    """Of the files that are known, those that should be live and are not listed."""
    names = {name_of(file) for file in listed}
    gone = [file for file in known if name_of(file) not in names]
    return [file for file in live([*listed, *gone]) if name_of(file) not in names]


def name_of(file: LakeFile) -> str:
    """Its name in the folder: that of the same file, wherever the lake lies."""
    return Path(file.path).name


def _numbers(file: LakeFile) -> dict[str, int]:
    return {"layer": file.layer, "first": file.first, "last": file.last, "crc": file.crc}


def _told(footer: Footer) -> tuple[dict[str, Any], str]:
    match footer.state, footer.made:
        case State(version, columns, batches), _:
            return {"version": version, "batches": len(batches)}, text_digest(columns)
        case _, Made(version, parts):
            return {"parts": parts}, version
        case _:
            return {}, ""
