"""Glossaries: how terms are to be translated, one file per language pair; and what never is.

`ja-en.yaml`:

    from: ja
    to: en
    terms:
      - { source: スロット, target: slot }
      - { source: 量子化, target: quantization, also: [quantized, quantize] }
      - { source: Go, target: Go, case: true }

or `ja-en.csv`, with the columns `source` and `target`, and `also` (`quantized;quantize`) and `case`
where they are wanted. `do-not-translate.txt` beside them has a name a line, of every language.
"""

import csv
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from model_foundry.errors import FoundryError
from model_foundry.fleet.yaml_file import load_yaml
from model_foundry.translation.languages import canonical, is_unspaced, language_name, wider
from model_foundry.translation.terms import Terms, begins_word

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
MAX_BYTES: Final = 8 * 1024 * 1024
KEPT_FILE: Final = "do-not-translate.txt"
_COLUMNS: Final = ("source", "target", "also", "case")
_TRUTH: Final = {"": None, "true": True, "yes": True, "1": True} | dict.fromkeys(
    ("false", "no", "0"), False
)


class Term(BaseModel):
    """A term, its translation, and what else counts as that translation (`also`).

    Whether its case counts is said by `case`; unsaid, an abbreviation's does: `IT` is not `it`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Text
    target: Text
    also: tuple[Text, ...] = Field((), max_length=20)
    case: bool | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """Source and target, as prompts want them."""
        return self.source, self.target

    @property
    def is_exact(self) -> bool:
        """Whether its case counts."""
        return is_abbreviation(self.source) if self.case is None else self.case


def is_abbreviation(word: str) -> bool:
    """Whether it is written in capitals alone, at least two of them."""
    letters = [char for char in word if char.lower() != char.upper()]
    return len(letters) > 1 and all(map(str.isupper, letters))


class Glossary(BaseModel):
    """The terms of one language pair; `keep` are names that stay as they are, to the letter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_language: str = Field(alias="from")
    target_language: str = Field(alias="to")
    terms: tuple[Term, ...] = Field(max_length=10_000)
    keep: tuple[Text, ...] = Field((), max_length=10_000)

    @field_validator("source_language", "target_language")
    @classmethod
    def _known(cls, code: str) -> str:
        language_name(code)
        return code

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: set[str] = set()
        for term in self.terms:
            said = term.source if term.is_exact else term.source.casefold()
            if said in seen:
                raise ValueError(f"the term {term.source!r} is there twice")
            seen.add(said)
        return self

    @property
    def version(self) -> str:
        """A digest of it all: another whenever one changes."""
        kept = "\n".join(self.keep)
        return version_of(self.terms) + (hashlib.sha256(kept.encode()).hexdigest()[:8] * bool(kept))

    def terms_in(self, text: str) -> list[Term]:
        """The terms that occur in a text, in its order; of overlapping ones the longest."""
        places = self._terms.places(text)
        return list(dict.fromkeys(self.terms[number] for _, _, number in places))

    def kept_in(self, text: str) -> list[tuple[int, int]]:
        """Where names that stay as they are stand in a text."""
        return [(start, end) for start, end, _ in self._kept.places(text)]

    @cached_property
    def _terms(self) -> Terms:
        return Terms([each.source for each in self.terms], [each.is_exact for each in self.terms])

    @cached_property
    def _kept(self) -> Terms:
        return Terms(self.keep, [True] * len(self.keep))


def glossary_for(folder: Path, source: str, target: str) -> Glossary | None:
    """The glossary of a language pair in a folder, or of its languages without their regions, with
    what is never translated; None if there is nothing of it. It is read when it has changed.

    Raises:
        FoundryError: it is wrong; file, line and field are named.
    """
    kept = folder / KEPT_FILE
    path = _path(folder, source, target)
    if path is None and not kept.is_file():
        return None
    return _loaded(path, _state(path), kept, _state(kept), canonical(source), canonical(target))


def _path(folder: Path, source: str, target: str) -> Path | None:
    for pair in product(wider(source), wider(target)):
        stems = dict.fromkeys(("-".join(pair), "-".join(pair).lower()))
        found = [
            path
            for stem in stems
            for suffix in ("yaml", "yml", "csv")
            if (path := folder / f"{stem}.{suffix}").is_file()
        ]
        if len(found) > 1 and len({path.resolve() for path in found}) > 1:
            names = " and ".join(path.name for path in found)
            raise FoundryError(f"{folder} has two glossaries of one language pair: {names}")
        if found:
            return found[0]
    return None


def _state(path: Path | None) -> tuple[int, int] | None:
    try:
        stat = path.stat() if path else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat else None


@lru_cache(maxsize=64)
def _loaded(
    path: Path | None, _state: object, kept: Path, _kept_state: object, source: str, target: str
) -> Glossary:
    if path is None:
        glossary = Glossary.model_validate({"from": source, "to": target, "terms": []})
    else:
        glossary = load_glossary(path)
        said = f"{glossary.source_language}-{glossary.target_language}"
        if path.stem.lower() != said.lower():
            raise FoundryError(
                f"{path} is for {glossary.source_language} → {glossary.target_language}, "
                "not for what its name says"
            )
    names = load_kept(kept) if kept.is_file() else ()
    keep = tuple(dict.fromkeys((*glossary.keep, *names)))
    return glossary.model_copy(update={"keep": keep})


def load_glossary(path: Path) -> Glossary:
    """The glossary that a YAML or CSV file holds.

    Raises:
        FoundryError: one line `FILE:LINE: FIELD: what is wrong` for each fault.
    """
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise FoundryError(f"{path}: larger than {MAX_BYTES} bytes")
    if path.suffix == ".csv":
        return _from_csv(path)
    return load_yaml(path, Glossary)


def load_kept(path: Path) -> tuple[str, ...]:
    """The names that a file holds, one a line; a line that begins with `#` is a comment.

    Raises:
        FoundryError: it cannot be read, or a line is too long.
    """
    found = []
    for number, line in enumerate(_read(path).splitlines(), start=1):
        name = line.strip()
        if len(name) > 200:
            raise FoundryError(f"{path}:{number}: longer than 200 characters")
        if name and not name.startswith("#"):
            found.append(name)
    return tuple(dict.fromkeys(found))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise FoundryError(f"{path}: larger than {MAX_BYTES} bytes")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FoundryError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FoundryError(f"{path}: not UTF-8: {error}") from error


def _from_csv(path: Path) -> Glossary:
    source, target = _pair_of(path)
    reader = csv.DictReader(StringIO(_read(path)), strict=True)
    terms: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        if not {"source", "target"} <= set(columns) or set(columns) - set(_COLUMNS):
            raise FoundryError(
                f"{path}:1: the first line must name the columns source and target, and may name "
                f"also and case; it names {', '.join(columns) or 'none'}"
            )
        for row in reader:
            line = reader.line_num
            if None in row:
                raise FoundryError(f"{path}:{line}: more cells than columns")
            said = {name: (value or "").strip() for name, value in row.items()}
            if not any(said.values()):
                continue
            if (case := said.get("case", "").lower()) not in _TRUTH:
                raise FoundryError(f"{path}:{line}: case: true or false, not {case!r}")
            also = [each.strip() for each in said.get("also", "").split(";") if each.strip()]
            terms.append(
                {"source": said["source"], "target": said["target"], "also": also}
                | {"case": _TRUTH[case]}
            )
            lines.append(line)
    except csv.Error as error:
        raise FoundryError(f"{path}:{reader.line_num}: not CSV: {error}") from error
    try:
        return Glossary.model_validate({"from": source, "to": target, "terms": terms})
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_url=False):
            where = fault["loc"]
            number = where[1] if len(where) > 1 else None
            line = lines[number] if isinstance(number, int) else 1
            field = ".".join(map(str, where[2:])) or "file"
            faults.append(f"{path}:{line}: {field}: {fault['msg'].removeprefix('Value error, ')}")
        raise FoundryError("\n".join(dict.fromkeys(faults))) from None


def _pair_of(path: Path) -> tuple[str, str]:
    parts = path.stem.split("-")
    for cut in range(1, len(parts)):
        pair = "-".join(parts[:cut]), "-".join(parts[cut:])
        try:
            return canonical(pair[0]), canonical(pair[1])
        except ValueError:
            continue
    raise FoundryError(f"{path}: its name must be that of a language pair, as ja-en.csv")


def version_of(terms: Sequence[Term]) -> str:
    """A digest of these terms; empty for none.

    With the terms of one segment it is the part of the glossary that can have changed that
    segment's translation: an edit of the glossary asks anew only for the segments it concerns.
    """
    if not terms:
        return ""
    said = [
        [term.source, term.target, sorted(term.also), *([] if term.case is None else [term.case])]
        for term in terms
    ]
    canonical = json.dumps(sorted(said, key=repr), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def terms_used(terms: Sequence[Term], translation: str) -> list[Term]:
    """Those of a segment's terms whose translation, or another that counts, its translation has.

    It may have an ending (`slots`), and be written large at the start of a sentence.
    """
    return [
        term
        for term in terms
        if any(_is_said(word, translation) for word in (term.target, *term.also))
    ]


def _is_said(word: str, text: str) -> bool:
    pattern = r"\s+".join(map(re.escape, word.split()))
    flags = re.NOFLAG if is_abbreviation(word) else re.IGNORECASE
    return any(
        is_unspaced(text[match.start()]) or begins_word(text, match.start())
        for match in re.finditer(pattern, text, flags)
    )
