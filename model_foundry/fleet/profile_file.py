"""Which slots are in use, said by one line of a file such as a CLAUDE.md: `naughty x translator`.

The line stands alone (a list mark, backticks and a `# comment` behind it may be there); `×` does as
well as `x`. The file is read whenever a profile is asked for, so that saving it is switching.
"""

import re
from pathlib import Path
from typing import Final

from model_foundry.errors import FoundryError

MAX_BYTES: Final = 1024 * 1024
_SLOT: Final = r"[A-Za-z][A-Za-z0-9_-]*"
_LINE: Final = re.compile(
    rf"\s*(?:[-*]\s+)?`?(?P<slots>{_SLOT}(?:\s+[x×]\s+{_SLOT})+)`?\s*(?:\#.*)?"
)


def is_path(profile: str) -> bool:
    """Whether a profile is given as a file: names of profiles have neither / nor `.`."""
    return "/" in profile or "." in profile


def chosen_slots(path: Path) -> tuple[int, tuple[str, ...]]:
    """The line's number, and the slots that it names.

    Raises:
        FoundryError: the file cannot be read, or has no such line, or several that differ.
    """
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match:
            found.setdefault(tuple(re.split(r"\s+[x×]\s+", match["slots"])), number)
    if not found:
        raise FoundryError(
            f"{path}: no line says which slots are in use. Looked for: slot names with x between "
            "them, alone on a line, such as `naughty x kindergarten x translator`."
        )
    if len(found) > 1:
        lines = ", ".join(str(number) for number in found.values())
        raise FoundryError(f"{path}: lines {lines} name different slots; keep one of them")
    [(slots, number)] = found.items()
    return number, slots


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FoundryError(f"profile file {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FoundryError(f"profile file {path} is larger than {MAX_BYTES} bytes")
    return content.decode("utf-8", errors="replace")
