"""Where a text may be cut, and how long it is for a model.

Belongs here: sentence ends, weaker places to cut at, the estimate of tokens. Nothing of Markdown.
"""

import re
import unicodedata
from math import ceil
from typing import Final

from model_foundry.translation.languages import is_unspaced

_ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof sr jr st vs etc cf al eg ie fig figs no nos vol pp ed eds ca approx dept est
    inc ltd co corp jan feb mar apr jun jul aug sep sept oct nov dec bzw usw z.b d.h u.a e.g i.e
    a.m p.m u.s u.k ph.d
    """.split()  # noqa: SIM905
)
_END: Final = re.compile(
    r"[。！？｡]+[」』）】〕》〉”’\"')\]]*\s*"  # no space needed after these
    r"|[.!?…]+[\"'”’)\]]*\s+"
    r"|[।॥؟۔]+\s*"
)
_CLAUSE: Final = re.compile(r"[、，；：]\s*|[,;:—–]\s+|\s[-—–]\s")
_LAST_WORD: Final = re.compile(r"([^\s(（「\"']+)$")


def sentence_ends(text: str) -> list[int]:
    """Offsets after each sentence but the last, the space after it included.

    A full stop after an abbreviation (`e.g.`, `Dr.`), after one initial (`J. Smith`) or before a
    lower-case letter ends nothing.
    """
    ends = []
    for match in _END.finditer(text):
        if match.end() >= len(text):
            break
        if match[0][0] not in ".…" or _is_full_stop(text, match):
            ends.append(match.end())
    return ends


def _is_full_stop(text: str, match: re.Match[str]) -> bool:
    if text[match.end()].islower():
        return False
    if match[0].rstrip() != ".":
        return True  # several, or a quotation that ends with one
    word = _LAST_WORD.search(text[max(0, match.start() - 24) : match.start()])
    last = word[1].lower().lstrip("[(") if word else ""
    return last not in _ABBREVIATIONS and not (word and len(last) == 1 and word[1].isupper())


def clause_ends(text: str) -> list[int]:
    """Offsets after commas, colons and dashes that something follows."""
    return [match.end() for match in _CLAUSE.finditer(text) if 0 < match.end() < len(text)]


def word_ends(text: str) -> list[int]:
    """Offsets where a word ends: after spaces, and between characters of unspaced scripts."""
    return [
        at
        for at in range(1, len(text))
        if (text[at - 1].isspace() and not text[at].isspace())
        or (
            is_unspaced(text[at - 1])
            and is_unspaced(text[at])
            and unicodedata.category(text[at])[0] == "L"
        )
    ]


def estimated_tokens(text: str) -> int:
    """An upper bound in practice of a text's tokens, without a tokenizer.

    ASCII letters and spaces count a third of a token (English has about a quarter), other ASCII
    one, letters of other alphabets three quarters, Han, kana and Hangul one and a half, emoji and
    the like three: byte-level vocabularies seldom need more, and multilingual ones half of it.
    """
    weight = 0.0
    for character in text:
        if character < "\x80":
            weight += 1 / 3 if character.isalpha() or character.isspace() else 1
        elif character < "\u2e80":
            weight += 0.75
        elif character < "\U00010000":
            weight += 1.5
        else:
            weight += 3
    return ceil(weight)
