"""A secret in what a server or a library said: taken out, however it is spelled there. Pure."""

import html
import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
# A shorter key (`none`, `lm-studio`) is a word that a model's answer may hold.
ANSWER_KEY_MIN_CHARS: Final = 16
# A piece of a key that is cut off, or sent in parts, is taken out from this length on.
PIECE_MIN_CHARS: Final = 12
# Every piece so long has one of these at a multiple of the step.
_GRAM: Final = 8
_STEP: Final = PIECE_MIN_CHARS - _GRAM + 1
_ESCAPE: Final = re.compile(
    r"\\+u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})|&#[xX]0*([0-9a-fA-F]{1,6});|&#0*([0-9]{1,7});"
    r"|\\+(?=[^\\u])"
)


def mask_of(*keys: str | None) -> Callable[[str], str]:
    """What replaces keys in a text: as they are, escaped, with blanks collapsed, in pieces."""
    known = sorted({key for key in keys if key}, key=len)[::-1]
    if not known:
        return str
    wanted = sorted({each for key in known for each in _spellings(key)}, key=len)[::-1]
    pattern = re.compile("|".join(re.escape(each) for each in wanted))
    pieces = [_pieces_of(key) for key in known if len(key) >= ANSWER_KEY_MIN_CHARS]

    def mask(text: str) -> str:
        text = pattern.sub(MASK, text)
        if "\\" in text or "%" in text or "&#" in text:
            meant = _ESCAPE.sub(_sign, text)
            for key in known:
                if key in meant:
                    text = _spelled(key).sub(MASK, text)
        for without in pieces:
            text = without(text)
        return text

    return mask


def _spellings(key: str) -> set[str]:
    spellings = {
        key,
        " ".join(key.split()),
        json.dumps(key)[1:-1],
        json.dumps(json.dumps(key))[3:-3],
        repr(key)[1:-1],
        html.escape(key),
        html.escape(key, quote=False),
        quote(key, safe=""),
        quote(key),
        quote_plus(key),
    }
    return (spellings | {json.dumps(each)[1:-1] for each in spellings}) - {""}  # within JSON, too


def _sign(escape: re.Match[str]) -> str:
    """What an escape stands for."""
    digits = escape[1] or escape[2] or escape[3]
    number = int(digits, 16) if digits else int(escape[4]) if escape[4] else None
    return "" if number is None else chr(number) if number <= 0x10FFFF else "\ufffd"


def _spelled(key: str) -> re.Pattern[str]:
    """A key of which any sign may be escaped, in any way."""
    signs = []
    for sign in key:
        code = ord(sign)
        ways = [rf"\\*{re.escape(sign)}", rf"\\+u{code:04x}", rf"&#x0*{code:x};", rf"&#0*{code};"]
        if code < 0x80:
            ways.append(f"%{code:02x}")
        signs.append(f"(?:{'|'.join(ways)})")
    return re.compile("".join(signs), re.IGNORECASE)


def _pieces_of(key: str) -> Callable[[str], str]:
    """What takes pieces of a key out of a text."""
    places: dict[str, list[int]] = {}
    for place in range(len(key) - _GRAM + 1):
        places.setdefault(key[place : place + _GRAM], []).append(place)

    def without(text: str) -> str:
        kept, done = [], 0
        for at in range(0, len(text) - _GRAM + 1, _STEP):
            if at < done or text[at : at + _GRAM] not in places:
                continue
            first, last = max(
                (_widest(key, place, text, at, done) for place in places[text[at : at + _GRAM]]),
                key=lambda found: found[1] - found[0],
            )
            if last - first >= PIECE_MIN_CHARS:
                kept += [text[done:first], MASK]
                done = last
        return "".join((*kept, text[done:])) if kept else text

    return without


def _widest(key: str, place: int, text: str, at: int, done: int) -> tuple[int, int]:
    """From where to where the text goes as the key does around these places of both."""
    before = 0
    while before < min(place, at - done) and key[place - before - 1] == text[at - before - 1]:
        before += 1
    after = 0
    while after < min(len(key) - place, len(text) - at) and key[place + after] == text[at + after]:
        after += 1
    return at - before, at + after
