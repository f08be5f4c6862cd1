"""Where the lake is, and which of a day's files are live: names, listing, publishing, burying."""

import contextlib
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import fsspec
from fsspec.implementations.local import LocalFileSystem

from model_foundry.errors import FoundryError
from model_foundry.lake.reading import Reading
from model_foundry.settings import Settings
from model_foundry.settings.files import make_home
from model_foundry.whole_file import new_file

_NAME: Final = re.compile(r"day=(\d{4}-\d\d-\d\d)\.(\d+)-(\d+)-(\d+)-([0-9a-f]{8})\.parquet")
# What a pattern would not take literally.
_MAGIC: Final = re.compile(r"[*?[]")
_CHUNK: Final = 1 << 20
_OLD_S: Final = 3600.0
# A path, or a URL that tells no secret wherever it is shown: in views, and in errors of others.
_SHOWN: Final = re.compile(r"(?!.*://).*|\w[\w+.:-]*://(?!.*:.*@)[^?#]*", re.DOTALL)


class LakeFile(NamedTuple):
    """One complete file of a day.

    Attributes:
        path: in the lake's filesystem.
        layer, first, last: what it holds, see the package.
        crc: CRC-32 of its bytes, from its name.
        changed_at: seconds since the epoch.
    """

    path: str
    layer: int
    first: int
    last: int
    crc: int
    bytes: int
    changed_at: float

    def covers(self, other: "LakeFile") -> bool:
        """Whether this file is worth more than the other, which is then dead."""
        return (
            self.layer == other.layer
            and self.first <= other.first
            and self.last >= other.last
            and (self.last - self.first, self.path) > (other.last - other.first, other.path)
        )


class Listing(NamedTuple):
    """A table's folder.

    Attributes:
        files: complete ones of each day, live or dead.
        buried: days with files that no reader is shown any more.
        strange: paths of what is none of the lake's.
    """

    files: dict[date, list[LakeFile]]
    buried: set[date]
    strange: list[str]


def live(files: Iterable[LakeFile]) -> list[LakeFile]:
    """Those that no other covers, in order: what a day holds. Views do the same in SQL."""
    known = list(files)
    return sorted(
        (file for file in known if not any(other.covers(file) for other in known)),
        key=lambda file: (file.layer, file.first),
    )


def has_gap(files: Iterable[LakeFile]) -> bool:
    """Whether a part between these live files of one layer, or before them, is missing."""
    last = -1
    for file in sorted(files, key=lambda each: each.first):
        if file.first != last + 1:
            return True
        last = file.last
    return False


class Lake:
    """A folder in some filesystem, as fsspec knows them."""

    def __init__(self, url: str, home: Path) -> None:
        if not _SHOWN.fullmatch(url):
            raise FoundryError(
                "MODEL_FOUNDRY_LAKE_URL holds more than where the lake is: a URL without user, "
                "password, ? and #. Keys come from the environment, as in AWS_SECRET_ACCESS_KEY or "
                "FSSPEC_SFTP_PASSWORD."
            )
        try:
            self.fs, root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise FoundryError(
                f"MODEL_FOUNDRY_LAKE_URL cannot be used: {error}. "
                "For s3:// install model-foundry[s3]."
            ) from None
        self._home = home
        self.root: str = root.rstrip("/")
        self.is_local = isinstance(self.fs, LocalFileSystem)
        self._scratch = Path(self.root if self.is_local else home / "lake") / ".writing"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lake) and (self.fs, self.root) == (other.fs, other.root)

    def __hash__(self) -> int:
        return hash((self.fs, self.root))

    def folder(self, name: str) -> str:
        """The folder of a table (or a summary)."""
        return f"{self.root}/{name}"

    def schema_path(self, name: str) -> str:
        """The file that says which columns a table has, without rows."""
        return f"{self.root}/.columns/{name}.parquet"

    def columns_kept(self) -> list[tuple[str, int, float]]:
        """Every table whose columns are kept; differs as soon as those of one do."""
        return sorted(
            (entry["name"], entry["size"], _changed_at(entry))
            for entry in self._entries(f"{self.root}/.columns")
        )

    def register_in(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a DuckDB connection read this lake, without an extension."""
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        if not self.is_local and not connection.filesystem_is_registered(protocol):
            connection.register_filesystem(Reading(self.fs))

    def address(self, path: str) -> str:
        """A path as DuckDB is given it."""
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    def pattern(self, name: str) -> str:
        """What matches every listed file of a table, and others, as DuckDB is given it.

        In a local lake buried files are symbolic links, which `**` leaves out.
        """
        folder = _literally(self.address(self.folder(name)))
        return f"{folder}/{'**' if self.is_local else '*.parquet'}"

    def within_reach(self) -> list[str]:
        """Folders that DuckDB has to reach to read this lake; it takes a pattern for a path."""
        root = self.address(self.root)
        return sorted({f"{root}/", f"{_literally(root)}/"})

    def days(self, name: str) -> list[date]:
        """The days of a table that have files, ascending."""
        return sorted(self.listing(name).files)

    def files(self, name: str, day: date) -> list[LakeFile]:
        """Every complete file of a day, live or dead."""
        return self.listing(name).files.get(day, [])

    def listing(self, name: str) -> "Listing":
        """What lies in a table's folder, from one look at it."""
        found = Listing({}, set(), [])
        for entry in self._entries(self.folder(name)):
            path = str(entry["name"])
            match = _NAME.fullmatch(Path(path).name)
            day = _date(match[1]) if match else None
            if match is None or day is None:
                if entry["type"] != "directory" or Path(path).name[0] != ".":
                    found.strange.append(path)
            elif entry.get("islink"):
                found.buried.add(day)
            elif entry["type"] == "file":
                found.files.setdefault(day, []).append(_file(entry, match))
        return found

    def live(self, name: str, day: date) -> list[LakeFile]:
        """A day's live files, in order."""
        return live(self.files(name, day))

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        try:
            return list(self.fs.ls(folder, detail=True))
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def written(self, name: str, day: date | None) -> Iterator[Path]:
        """A local file to be written; gone after the block unless it was published."""
        make_home(self._home)
        self._scratch.mkdir(parents=True, exist_ok=True)
        path = new_file(self._scratch, f"{name}.{day}.")
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def publish(self, written: Path, target: str) -> None:
        """Make a written file appear in the lake: whole, or not at all."""
        if not self.is_local:
            self.fs.put_file(str(written), target)
            return
        with written.open("rb") as file:
            os.fsync(file.fileno())
        os.utime(written)  # from now on it covers others
        parent = Path(target).parent
        parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
        handle = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def file(
        self, name: str, day: date, numbers: Sequence[int], size: int, changed_at: float
    ) -> LakeFile:
        """The file of this layer, first, last and CRC, whether it is there or not."""
        layer, first, last, crc = numbers
        told = f"{layer}-{first:06d}-{last:06d}-{crc:08x}"
        path = f"{self.folder(name)}/day={day.isoformat()}.{told}.parquet"
        return LakeFile(path, layer, first, last, crc, size, changed_at)

    def part(
        self, written: Path, name: str, day: date, *, layer: int, first: int, last: int
    ) -> LakeFile:
        """What a written file will be once it is published under these numbers."""
        crc, size = _crc_of(written.open("rb")), written.stat().st_size
        return self.file(name, day, (layer, first, last, crc), size, time.time())

    def is_intact(self, file: LakeFile) -> bool:
        """Whether the bytes are those that were written; read from end to end."""
        try:
            return _crc_of(self.fs.open(file.path, "rb")) == file.crc
        except OSError:
            return False

    def remove(self, file: LakeFile) -> None:
        """Delete a file now: it is damaged, so that no reader can use it."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(file.path)

    def tidy(self, name: str, day: date, grace_s: float) -> list[LakeFile]:
        """Remove what no reader can still need; under the day's lock. Returns what is listed then.

        A file that was covered `grace_s` ago is unlisted; when it has been so for as long, whoever
        listed it before has ended, and it is deleted. A listing and the opening of what it names
        are two moments: a file that is listed until it is deleted would be missing in between.
        """
        before = time.time() - grace_s
        for leftover in self._scratch.glob(f"{name}.{day}.*"):
            leftover.unlink(missing_ok=True)  # of a process that was killed
        if self.is_local:
            self._delete_buried(Path(self.folder(name)), day, before)
        files = self.files(name, day)
        listed = []
        for file in files:
            covered_at = [other.changed_at for other in files if other.covers(file)]
            if covered_at and min(covered_at) < before:
                self._bury(file)
            else:
                listed.append(file)
        return listed

    def unfinished(self) -> set[tuple[str, date]]:
        """Of which tables and days there is a file that is being written, or never will be.

        (Those of no day are written in a moment, and removed here once they are old.)
        """
        found = set()
        for path in self._scratch.glob("*.*.*.tmp"):
            name, text, _ = path.name.split(".", 2)
            if (day := _date(text)) is not None:
                found.add((name, day))
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < time.time() - _OLD_S:
                    path.unlink()
        return found

    def _bury(self, file: LakeFile) -> None:
        if not self.is_local:
            self.remove(file)
            return
        path = Path(file.path)
        grave = Path(self.root) / ".dead" / path.relative_to(self.root)
        grave.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.link(path, grave)
        with self.written(path.parent.name, None) as link:
            link.unlink()
            link.symlink_to(os.path.relpath(grave, path.parent))
            link.replace(path)

    def _delete_buried(self, folder: Path, day: date, before: float) -> None:
        for path in folder.glob(f"day={day.isoformat()}.*"):
            if path.is_symlink() and path.lstat().st_mtime < before:
                grave = path.parent / path.readlink()
                path.unlink()
                grave.unlink(missing_ok=True)


def lake_of(settings: Settings) -> Lake:
    """The lake of these settings.

    Raises:
        FoundryError: no filesystem is installed for its URL.
    """
    return Lake(settings.lake_url or str(settings.home / "lake"), settings.home)


def _literally(path: str) -> str:
    return _MAGIC.sub(r"[\g<0>]", path)


def _file(entry: dict[str, Any], match: re.Match[str]) -> LakeFile:
    layer, first, last = (int(number) for number in match.groups()[1:4])
    changed_at, crc = _changed_at(entry), int(match[5], 16)
    return LakeFile(str(entry["name"]), layer, first, last, crc, entry["size"], changed_at)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None  # 2026-02-31


def _changed_at(entry: dict[str, Any]) -> float:
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("created") or 0.0
    return changed.timestamp() if isinstance(changed, datetime) else float(changed)


def _crc_of(opened: Any) -> int:
    crc = 0
    with opened as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc
