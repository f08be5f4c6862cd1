"""The vault: Markdown notes in English and Japanese, and BM25 over their paragraphs.

Belongs here: reading and ranking notes. Does not: tools as a model sees them (`tools`).
"""

import math
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

NAME: Final = "homelab"
RANKING: Final = "bm25"
PACKAGED: Final = Path(__file__).with_name("vault")

# Okapi BM25's usual constants: how soon a repeated term stops counting, how much length matters.
_K1: Final = 1.2
_B: Final = 0.75
_STOP_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by do does for from had has how in is it its look not of on or that "
        "the their this to up was were what when where which who why will with you your",
    )
)
_RUN: Final = re.compile(
    r"(?P<word>[a-z0-9]+)|(?P<japanese>[\u3041-\u3096\u30a1-\u30fc\u3400-\u4dbf\u4e00-\u9fff]+)"
)


class Hit(NamedTuple):
    """A note that matches, with its best paragraph and that paragraph's score."""

    path: str
    score: float
    chunk: str


class Search(NamedTuple):
    """What a search found, best first, and how long it took."""

    hits: list[Hit]
    duration_ms: float


class _Chunk(NamedTuple):
    path: str
    text: str
    counts: Counter[str]
    length: int


class Vault:
    """Notes by path, relative to the vault; indexed once, in memory."""

    def __init__(self, notes: dict[str, str]) -> None:
        self._notes = notes
        self._chunks = [chunk for path, text in notes.items() for chunk in _chunks(path, text)]
        self._mean_length = sum(chunk.length for chunk in self._chunks) / len(self._chunks)
        frequency = Counter(term for chunk in self._chunks for term in chunk.counts)
        total = len(self._chunks)
        self._weight = {
            term: math.log(1 + (total - count + 0.5) / (count + 0.5))
            for term, count in frequency.items()
        }

    @classmethod
    def packaged(cls) -> Self:
        """The vault that travels with the package."""
        files = sorted(PACKAGED.rglob("*.md"))
        return cls(
            {file.relative_to(PACKAGED).as_posix(): file.read_text("utf-8") for file in files}
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """Every note's path."""
        return tuple(self._notes)

    def read(self, path: str) -> str | None:
        """A note's text; None where there is no such note."""
        return self._notes.get(path)

    def search(self, query: str, top_k: int) -> Search:
        """At most `top_k` notes, each by its best paragraph; none where no term of the query is."""
        started = time.perf_counter()
        wanted = set(terms(query))
        best: dict[str, Hit] = {}
        for chunk in self._chunks:
            score = self._score(wanted, chunk)
            if score > 0 and (chunk.path not in best or score > best[chunk.path].score):
                best[chunk.path] = Hit(chunk.path, score, chunk.text)
        hits = sorted(best.values(), key=lambda hit: (-hit.score, hit.path))[:top_k]
        return Search(hits, (time.perf_counter() - started) * 1000)

    def _score(self, wanted: set[str], chunk: _Chunk) -> float:
        saturation = _K1 * (1 - _B + _B * chunk.length / self._mean_length)
        return sum(
            self._weight[term] * count * (_K1 + 1) / (count + saturation)
            for term in wanted
            if (count := chunk.counts[term])
        )


def terms(text: str) -> Iterator[str]:
    """English words but stop words, without a plural s; Japanese as overlapping pairs."""
    for run in _RUN.finditer(unicodedata.normalize("NFKC", text).lower()):
        if word := run["word"]:
            if word not in _STOP_WORDS:
                yield word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" else word
        elif len(japanese := run["japanese"]) == 1:
            yield japanese
        else:
            yield from (japanese[i : i + 2] for i in range(len(japanese) - 1))


def _chunks(path: str, text: str) -> Iterator[_Chunk]:
    """A note's paragraphs; the title counts as part of each."""
    title, *paragraphs = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    for paragraph in paragraphs:
        counts = Counter(terms(f"{title} {paragraph}"))
        yield _Chunk(path, paragraph, counts, counts.total())
