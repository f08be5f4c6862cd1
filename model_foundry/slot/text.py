"""Text as PostgreSQL can hold it, out of pieces that each need not be. Pure."""

import re
from collections.abc import Sequence
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def paired(pieces: Sequence[str]) -> str:
    """The text of the pieces.

    Halves of a surrogate pair that stand side by side become their character; a half alone, and
    U+0000, become U+FFFD.
    """
    text = "".join(pieces)
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")
