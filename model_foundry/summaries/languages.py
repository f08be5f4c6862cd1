"""A guess at a text's language from the scripts of its characters, as a BCP 47 tag.

Only what a script tells is said: `ja`, `ko` and `zh`; for all else the script (`und-Latn` is
English as well as German), `und` without letters. A fifth of the letters in an East Asian script
makes a text East Asian: its code and names are often Latin.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_CLASSES: Final = ("", "other letter", "latin", "cyrillic", "kana", "han", "hangul")
_NAMED: Final = {
    "LATIN ": "latin",
    "CYRILLIC ": "cyrillic",
    "HIRAGANA ": "kana",
    "KATAKANA ": "kana",
    "CJK ": "han",
    "HENTAIGANA ": "kana",
    "IDEOGRAPHIC ": "han",
    "HANGUL ": "hangul",
}
_LETTERS_END: Final = 0x40000  # there is none beyond it in Unicode


def languages(texts: Sequence[str]) -> list[str]:
    """The language of each text, at some nanoseconds a character."""
    counts = _counts(texts)
    letters = counts[:, 1:].sum(axis=1)
    latin, cyrillic, kana, han, hangul = counts[:, 2:].T
    east_asian = 5 * (kana + han + hangul) >= letters
    found = np.select(
        [
            letters == 0,
            east_asian & (hangul > kana + han),
            east_asian & (20 * kana >= kana + han),
            east_asian,
            2 * latin >= letters,
            2 * cyrillic >= letters,
        ],
        ["und", "ko", "ja", "zh", "und-Latn", "und-Cyrl"],
        "und-Zyyy",
    )
    named: list[str] = found.tolist()
    return named


def _counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """How many characters of each class a text has: texts × classes."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    encoded = "".join(texts).encode("utf-32-le", "surrogatepass")
    classes = _class_of_each()[np.frombuffer(encoded, np.uint32)]
    text_of_each = np.repeat(np.arange(len(texts)), lengths)
    size = len(_CLASSES)
    counted = np.bincount(text_of_each * size + classes, minlength=len(texts) * size)
    return counted.reshape(len(texts), size)


@cache
def _class_of_each() -> NDArray[np.uint8]:
    """The class of every code point, by its name in Unicode."""
    classes = np.zeros(0x110000, np.uint8)
    for point in range(_LETTERS_END):
        if unicodedata.category(chr(point))[0] == "L":
            name = unicodedata.name(chr(point), "")
            script = next((named for word, named in _NAMED.items() if word in name), None)
            classes[point] = _CLASSES.index(script or "other letter")
    return classes
