"""The files of a batch: lines that are read in bounded memory, and files that appear whole."""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from model_foundry.errors import FoundryError
from model_foundry.intake.lines import body_of, chunks, opened

LINE_MAX_BYTES: Final = 32 * 1024 * 1024


class LinesFile:
    """The lines of a file, plain or packed with gzip or Zstandard."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = ""
        """SHA-256, in hex, of the content, as of the last whole pass."""

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Each line that is not blank, with its number; None for one of over `LINE_MAX_BYTES`.

        Raises:
            FoundryError: the file cannot be read, is damaged, or is packed in another way.
        """
        digest = hashlib.sha256()
        number = 0
        try:
            with opened(self.path) as file:
                for line in _lines(_digested(chunks(file), digest)):
                    number += 1
                    body = None if line is None else body_of(line, number)
                    if body != b"":
                        yield number, body
        except (OSError, EOFError, zlib.error) as error:
            raise FoundryError(
                f"{self.path} is cut off or damaged after line {number}: {error}"
            ) from None
        self.digest = digest.hexdigest()


def _digested(content: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in content:
        digest.update(chunk)
        yield chunk


def _lines(content: Iterable[bytes]) -> Iterator[bytes | None]:
    """Every line, blank ones included; None for one that is too long."""
    parts: list[bytes] = []
    size = 0
    for chunk in content:
        first, *others = chunk.split(b"\n")
        size += len(first)
        if size <= LINE_MAX_BYTES:
            parts.append(first)
        else:
            parts.clear()
        if others:
            yield None if size > LINE_MAX_BYTES else b"".join(parts)
            yield from others[:-1]
            parts, size = [others[-1]], len(others[-1])
    yield None if size > LINE_MAX_BYTES else b"".join(parts)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` when it is whole.

    Raises:
        FoundryError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FoundryError(f"{path} cannot be written: {error.strerror}") from error
