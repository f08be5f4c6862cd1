"""The lines of a batch file, read in bounded memory."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

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
