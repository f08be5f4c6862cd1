"""A file that appears whole or not at all, whoever is killed while it is written."""

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from model_foundry.errors import FoundryError

WRITING: Final = ".writing-"


@contextmanager
def whole_file(path: Path, *, like: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` when it is whole.

    Who may read it: whom the umask lets, and no one who may not read the file that it replaces, or
    the one that it was made from (`like`).

    Raises:
        FoundryError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = new_file(path.parent, WRITING)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            mode = stat.S_IMODE(temporary.stat().st_mode)
            for other in (path, like):
                if other is not None and other.exists():
                    mode &= other.stat().st_mode
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FoundryError(f"{path} cannot be written: {error.strerror}") from error


def new_file(folder: Path, prefix: str) -> Path:
    """An empty file under a name of its own, with the mode that the umask gives it."""
    path = folder / f"{prefix}{uuid.uuid4().hex}.tmp"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path
