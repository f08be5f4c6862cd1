"""Many terms looked for in a text at once, as words of its script.

One automaton (Aho–Corasick) holds all terms, so that a text is read once, however many they are.
What is a word depends on the script: Latin and the like put something between words, Korean hangs
particles on them, katakana is a word as far as it goes, Han and Thai show no ends.

Belongs here: where terms stand. Does not: what they are for (`glossary`).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal

from ahocorasick_rs import AhoCorasick, MatchKind

Kind = Literal["spaced", "hangul", "katakana", "free", ""]
Place = tuple[int, int, int]

_ODD_SPACE: Final = re.compile(r"[^\S ]|\s{2}")
_SPACE: Final = re.compile(r"\s+")
_KATAKANA: Final = re.compile(r"[\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f]")
_FREE: Final = re.compile(
    r"[\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〆"
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
_HANGUL: Final = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
# What Korean hangs on a noun, several of them in a row: 슬롯들에서는.
_PARTICLES: Final = re.compile(
    r"(?:들|은|는|이|가|을|를|의|에|에서|에게|께|께서|한테|와|과|랑|이랑|하고|로|으로|로서|으로서|로써|으로써|도|만|까지|부터"
    r"|마다|처럼|보다|이나|나|이란|란|라는|이라는|이며|이고|이다|입니다|인|일|이라도|라도|조차|밖에|뿐|대로|같이){1,3}"
)


class Terms:
    """Terms that are looked for together; of those that are `exact` the case counts too."""

    def __init__(self, terms: Sequence[str], exact: Sequence[bool]) -> None:
        self._terms = [_SPACE.sub(" ", term.strip()) for term in terms]
        self._exact = exact
        folded = [_folded(term) for term in self._terms]
        # Those that differ in their case alone are one pattern.
        self._patterns: dict[str, list[int]] = {}
        for number, term in enumerate(folded):
            self._patterns.setdefault(term, []).append(number)
        self._numbers = list(self._patterns.values())
        self._automaton = (
            AhoCorasick(list(self._patterns), matchkind=MatchKind.Standard)
            if self._patterns
            else None
        )

    def places(self, text: str) -> list[Place]:
        """Start, end and number of the terms in a text, in its order; of those that overlap the
        longest."""
        if self._automaton is None:
            return []
        plain, offsets = _on_one_line(text)
        found = []
        for pattern, start, end in self._automaton.find_matches_as_indexes(
            _folded(plain), overlapping=True
        ):
            if not (begins_word(plain, start) and ends_word(plain, end)):
                continue
            for number in self._numbers[pattern]:
                if not self._exact[number] or plain[start:end] == self._terms[number]:
                    found.append((start - end, not self._exact[number], start, end, number))
                    break
        taken = bytearray(len(plain))
        places = []
        for _, _, start, end, number in sorted(found):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                places.append((offsets[start], offsets[end - 1] + 1, number))
        return sorted(places)


def begins_word(text: str, start: int) -> bool:
    """Whether a word may begin here."""
    return start == 0 or not _joined(text[start], text[start - 1])


def ends_word(text: str, end: int) -> bool:
    """Whether a word may end here: a Korean one with its particles."""
    if end == len(text) or not _joined(text[end - 1], text[end]):
        return True
    if _kind(text[end - 1]) != "hangul":
        return False
    particles = _PARTICLES.match(text, end)
    return particles is not None and (
        particles.end() == len(text) or _kind(text[particles.end()]) != "hangul"
    )


def _joined(edge: str, beside: str) -> bool:
    """Whether a term's first or last character is one word with that beside it."""
    other = _kind(beside)
    return other not in {"free", ""} and other == (_kind(edge) or "spaced")


def _kind(char: str) -> Kind:
    if char.isascii():
        return "spaced" if char.isalnum() or char == "_" else ""
    if _FREE.match(char):
        return "free"
    if _KATAKANA.match(char):
        return "katakana"
    if _HANGUL.match(char):
        return "hangul"
    return "spaced" if char.isalnum() or unicodedata.category(char)[0] == "M" else ""


def _folded(text: str) -> str:
    """Without case, and as long as it was."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(each if len(each := char.casefold()) == 1 else char for char in text)


def _on_one_line(text: str) -> tuple[str, Sequence[int]]:
    """The text with single spaces, and where each of its characters was."""
    if not _ODD_SPACE.search(text):
        return text, range(len(text))
    out: list[str] = []
    offsets: list[int] = []
    for at, char in enumerate(text):
        if not char.isspace():
            out.append(char)
        elif not out or out[-1] != " ":
            out.append(" ")
        else:
            continue
        offsets.append(at)
    return "".join(out), offsets
