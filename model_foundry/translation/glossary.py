"""Glossaries: how terms are to be translated, one YAML file per language pair.

from: ja
to: en
terms:
  - { source: スロット, target: slot }
  - { source: 量子化, target: quantization, also: [quantized, quantize] }
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from model_foundry.fleet.yaml_file import load_yaml
from model_foundry.translation.languages import is_unspaced, language_name

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*\S[^\r\n]*$")]


class Term(BaseModel):
    """A term, its translation, and what else counts as that translation (`also`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Text
    target: Text
    also: tuple[Text, ...] = Field((), max_length=20)

    @property
    def pair(self) -> tuple[str, str]:
        """Source and target, as prompts want them."""
        return self.source, self.target


class Glossary(BaseModel):
    """The terms of one language pair."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_language: str = Field(alias="from")
    target_language: str = Field(alias="to")
    terms: tuple[Term, ...] = Field(max_length=10_000)

    @field_validator("source_language", "target_language")
    @classmethod
    def _known(cls, code: str) -> str:
        language_name(code)
        return code

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: set[str] = set()
        for term in self.terms:
            if term.source.casefold() in seen:
                raise ValueError(f"the term {term.source!r} is there twice")
            seen.add(term.source.casefold())
        return self

    @property
    def version(self) -> str:
        """A digest of the terms: another whenever one changes."""
        return version_of(self.terms)

    def terms_in(self, text: str) -> list[Term]:
        """The terms that occur in a text, in its order; of overlapping ones the longest."""
        found: list[tuple[int, int, Term]] = []
        for term in sorted(self.terms, key=lambda term: -len(term.source)):
            for start, end in _places(term.source, text, inflected=False):
                if all(end <= first or last <= start for first, last, _ in found):
                    found.append((start, end, term))
        return list(dict.fromkeys(term for _, _, term in sorted(found, key=lambda each: each[0])))


def load_glossary(path: Path) -> Glossary:
    """The glossary that a YAML file holds.

    Raises:
        FoundryError: one line `FILE:LINE: FIELD: what is wrong` for each fault.
    """
    return load_yaml(path, Glossary)


def version_of(terms: Sequence[Term]) -> str:
    """A digest of these terms; empty for none.

    With the terms of one segment it is the part of the glossary that can have changed that
    segment's translation: an edit of the glossary asks anew only for the segments it concerns.
    """
    if not terms:
        return ""
    said = [[term.source, term.target, sorted(term.also)] for term in terms]
    canonical = json.dumps(sorted(said), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def terms_used(terms: Sequence[Term], translation: str) -> list[Term]:
    """Those of a segment's terms whose translation, or another that counts, its translation has."""
    return [
        term
        for term in terms
        if any(_places(word, translation, inflected=True) for word in (term.target, *term.also))
    ]


def _places(term: str, text: str, *, inflected: bool) -> list[tuple[int, int]]:
    """Where a term stands as a word of its own; `inflected` lets it have an ending (`slots`)."""
    # A letter of an unspaced script is no part of a word in another: のslotを.
    unspaced = r"[\u3041-\u30ff\u3400-\u9fff]"
    before = "" if is_unspaced(term[0]) else rf"(?:(?<!\w)|(?<={unspaced}))"
    after = "" if inflected or is_unspaced(term[-1]) else rf"(?:(?!\w)|(?={unspaced}))"
    pattern = before + r"\s+".join(map(re.escape, term.split())) + after
    return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
