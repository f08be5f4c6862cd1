"""Texts, whatever is in them: what PostgreSQL can hold, what stands behind space. Pure."""

import re
from collections.abc import Sequence
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPACE: Final = re.compile(r"\s*")


def paired(pieces: Sequence[str]) -> str:
    """The text of the pieces.

    Halves of a surrogate pair that stand side by side become their character; a half alone, and
    U+0000, become U+FFFD.
    """
    text = "".join(pieces)
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")


def after_space(text: str, at: int) -> int:
    """Where the text goes on, at this place or behind the space that begins there."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
