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


def mask_of(*keys: str | None) -> Callable[[str], str]:
    """What replaces keys in a text: as they are, escaped, quoted or with their blanks collapsed."""
    wanted = sorted({each for key in keys if key for each in _spellings(key)}, key=len)[::-1]
    if not wanted:
        return str
    pattern = re.compile("|".join(re.escape(each) for each in wanted))
    return lambda text: pattern.sub(MASK, text)


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
