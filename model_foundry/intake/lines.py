"""Lines of files as people keep events: NDJSON, plain or packed with gzip or Zstandard.

What a file is, its first bytes say, not its name. What an event is, others decide.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import pyarrow as pa

from model_foundry.errors import FoundryError

PARQUET_MAGIC: Final = b"PAR1"
# JetStream takes no message of more.
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
# What a broken Zstandard stream gave in the read that failed is lost: little.
_ZSTD_CHUNK_BYTES: Final = 8 * 1024
_MAGIC_BYTES: Final = 6
_BOM: Final = b"\xef\xbb\xbf"
_UNREADABLE: Final = {
    PARQUET_MAGIC: "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def opened(name: str | Path) -> BinaryIO:
    """A file, or standard input for `-`.

    Raises:
        FoundryError: it is none, or must not be read.
    """
    try:
        # Of its own, without a buffer: one that a thread holds for ever breaks Python's exit.
        return open(0, "rb", buffering=0, closefd=False) if name == "-" else open(name, "rb")
    except OSError as error:
        raise FoundryError(f"{name} cannot be read: {error.strerror or error}") from None


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file, unpacked, each chunk as soon as it is there.

    Raises:
        FoundryError: it is packed in a way that is not read here.
        OSError, EOFError, zlib.error: it is cut off or damaged, after all that comes before.
    """
    buffered = (
        file
        if isinstance(file, io.BufferedReader)
        else io.BufferedReader(cast(io.RawIOBase, file), _CHUNK_BYTES)
    )
    magic = buffered.peek(_MAGIC_BYTES)[:_MAGIC_BYTES]
    for start, kind in _UNREADABLE.items():
        if magic.startswith(start):
            raise FoundryError(f"this is {kind}, not lines of UTF-8, plain, .gz or .zst")
    read: Callable[[], bytes]
    if magic.startswith(b"\x1f\x8b"):
        unpacked = gzip.GzipFile(fileobj=buffered)
        read = lambda: unpacked.read1(_CHUNK_BYTES)  # noqa: E731
    elif magic.startswith(b"\x28\xb5\x2f\xfd") or magic[1:4] == b"\x2a\x4d\x18":
        stream = pa.CompressedInputStream(pa.PythonFile(buffered, mode="r"), "zstd")
        read = lambda: stream.read(_ZSTD_CHUNK_BYTES)  # noqa: E731
    else:
        read = lambda: buffered.read1(_CHUNK_BYTES)  # noqa: E731
    while chunk := read():
        yield chunk


def lines(content: Iterable[bytes]) -> Iterator[bytes]:
    """Every line, blank ones included, so that they can be counted; the last needs no end.

    Raises:
        FoundryError: the content breaks off or is damaged, or a line has no end; the line is
            named, and what was complete before it has been handed out.
    """
    number = 1
    rest: list[bytes] = []
    waiting = 0
    try:
        for chunk in content:
            first, *others = chunk.split(b"\n")
            rest.append(first)
            waiting += len(first)
            if waiting > MAX_LINE_BYTES:
                raise FoundryError(
                    f"line {number} has more than {MAX_LINE_BYTES:,} bytes. "
                    "An event is one line: is this a JSON array, or indented?"
                )
            if others:
                yield b"".join(rest)
                yield from others[:-1]
                number += len(others)
                rest, waiting = [others[-1]], len(others[-1])
    except (OSError, EOFError, zlib.error) as error:
        raise FoundryError(
            f"line {number}: the file is cut off or damaged there ({error})"
        ) from None
    yield b"".join(rest)


def body_of(line: bytes, number: int) -> bytes:
    """What a line holds: without line ends, blanks and, on the first, a byte order mark."""
    return (line.removeprefix(_BOM) if number == 1 else line).strip()
