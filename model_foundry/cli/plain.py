"""Texts of events as a terminal may show them: nothing in them moves the cursor or hides a word."""

import re
import unicodedata
from typing import Final

from rich.text import Text

_BREAKS: Final = re.compile(r"[ \t\r\n]+")


def plain(value: object, *, most: int | None = None, style: str = "") -> Text:
    """The value's text on one line, its control and direction characters made visible.

    `most`: characters, beyond which it is cut.
    """
    text = "".join(map(_shown, _BREAKS.sub(" ", str(value))))
    if most is not None and len(text) > most:
        text = f"{text[: most - 1]}…"
    return Text(text, style=style)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    # ESC is shown as ␛; what has no picture, as U+FFFD.
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "\ufffd"
