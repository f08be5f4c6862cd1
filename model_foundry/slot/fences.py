"""JSON that a model put into a Markdown fence. Pure.

Belongs here: finding the one JSON text in an answer. Does not: whether it is wanted (`outcome`).
"""

import re
from typing import Final

import msgspec

_OPENING: Final = re.compile(r"(`{3,}|~{3,})[^`]*")
_ON_ONE_LINE: Final = re.compile(r"```(?:json)?([^\n]*)```", re.IGNORECASE)


def json_within(text: str) -> str | None:
    """The text itself, if it is JSON, else the JSON in its only fence; None if neither is."""
    for candidate in (text, *_only(_fenced(text))):
        if _is_json(candidate):
            return candidate
    return None


def _only(blocks: list[str]) -> list[str]:
    return blocks if len(blocks) == 1 else []


def _fenced(text: str) -> list[str]:
    """What stands in fences; one that is never closed reaches to the end."""
    if on_one_line := _ON_ONE_LINE.fullmatch(text.strip()):
        return [on_one_line[1]]
    blocks: list[list[str]] = []
    fence = ""
    for line in text.split("\n"):
        sign = line.strip()
        if not fence:
            if opening := _OPENING.fullmatch(sign):
                fence = opening[1]
                blocks.append([])
        elif sign.startswith(fence) and not sign.strip(fence[0]):
            fence = ""
        else:
            blocks[-1].append(line)
    return ["\n".join(lines) for lines in blocks]


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True
