"""Cutting a text into the pieces that are translated one by one."""

import re
from typing import NamedTuple

_KANA_OR_HAN = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff]")
_SCRIPTS = {"ja": _KANA_OR_HAN}
_FENCE = re.compile(r"^\s*(```|~~~)")


class Segment(NamedTuple):
    """One line of a text that wants translating; `number` counts all lines, from 0."""

    number: int
    text: str


def segments(text: str, source_language: str) -> list[Segment]:
    """The lines of a text that are written in the source language, without code fences.

    A language whose script is not known here counts as written wherever there is a letter.
    """
    script = _SCRIPTS.get(source_language)
    found = []
    fenced = False
    for number, line in enumerate(text.splitlines()):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        stripped = line.strip()
        is_written = script.search(stripped) if script else any(c.isalpha() for c in stripped)
        if not fenced and is_written:
            found.append(Segment(number, stripped))
    return found
