"""A lake in a bucket, as DuckDB is given it: what never changes is asked for once.

DuckDB asks for a file's size and age before each of its looks into it, dozens of times a query, and
each would be a request. A lake file is never written again, so a listing or one look will do; and a
small one is fetched whole, once a connection.
"""

import io
import threading
from collections import OrderedDict, defaultdict
from datetime import datetime
from fnmatch import fnmatchcase
from glob import has_magic
from typing import Any, Final

from fsspec import AbstractFileSystem

_WHOLE_BYTES: Final = 8 << 20
_KEPT_BYTES: Final = 32 << 20


class Reading(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """For one connection, for as long as it is open. Nothing is written through it."""

    cachable = False

    def __init__(self, fs: AbstractFileSystem) -> None:
        super().__init__()
        self.protocol = fs.protocol
        self._fs = fs
        self._known: dict[str, dict[str, Any]] = {}
        self._whole: OrderedDict[str, bytes] = OrderedDict()
        self._fetching: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What is known of a file.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self._fs._strip_protocol(path)
        with self._fetching[path]:
            if path not in self._known:
                self._known[path] = self._fs.info(path)
        return self._known[path]

    def modified(self, path: str) -> datetime:
        """When a file was written."""
        when: datetime = self.info(path).get("LastModified") or self._fs.modified(path)
        return when

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What lies in a folder now; of its files everything is known then."""
        listed = self._fs.ls(path, detail=True)
        for entry in listed:
            if entry["type"] == "file":
                self._known[entry["name"]] = entry
        return listed if detail else [entry["name"] for entry in listed]

    def glob(self, path: str, **_: Any) -> list[str]:
        """Files of a folder, by a pattern of their names; or the one that is named."""
        folder, _slash, pattern = self._fs._strip_protocol(path).rpartition("/")
        if not has_magic(pattern):
            return [f"{folder}/{pattern}"] if self.exists(path) else []
        try:
            listed = self.ls(folder)
        except FileNotFoundError:
            return []
        files = (str(entry["name"]) for entry in listed if entry["type"] == "file")
        return sorted(name for name in files if fnmatchcase(name.rpartition("/")[2], pattern))

    def _open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        if mode != "rb":
            raise PermissionError(f"the lake is read here: {path}")
        path = self._fs._strip_protocol(path)
        size = self.info(path)["size"]
        if size > _WHOLE_BYTES:
            return self._fs.open(path, "rb", size=size)
        return io.BytesIO(self._fetched(path, size))

    def _fetched(self, path: str, size: int) -> bytes:
        with self._fetching[path]:
            if path not in self._whole:
                with self._fs.open(path, "rb", size=size) as file:
                    content: bytes = file.read()
                while self._whole and self._kept() + len(content) > _KEPT_BYTES:
                    self._whole.popitem(last=False)
                self._whole[path] = content
            return self._whole[path]

    def _kept(self) -> int:
        return sum(map(len, list(self._whole.values())))
