"""Texts from outside as a terminal may show them: nothing in them moves the cursor, hides a word,
or is taken for markup."""

import json
import re
import unicodedata
from typing import Any, Final

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


def plain_lines(text: str) -> str:
    """A text of several lines, its characters as `plain` shows them."""
    return "".join(c if c in "\n\t" else _shown(c) for c in text.replace("\r\n", "\n"))


def json_line(value: Any) -> str:
    """A value as JSON, with an escape for every character that a terminal might obey."""
    return escaped(json.dumps(value, ensure_ascii=False, default=str))


def escaped(text: str) -> str:
    """JSON text, the same to who reads it, with such escapes in its strings."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    # ESC is shown as ␛; what has no picture, as U+FFFD.
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "\ufffd"


def _escaped(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
