"""A Markdown document in segments: cut, asked one by one, put back.

**What is a segment.** The text of one block (a heading, a paragraph, a table cell, a front matter
title …), or its sentences when it is too long. A translator sees words, with their sentence whole:

- Emphasis and link texts stay in the segment as Markdown, because a sentence's words change places
  in translation, and its marks go with them. Models know these marks.
- What must not be translated (code, a link's target, HTML, math, a wiki link, a footnote's label)
  is a number in a mark that models know as well: `` `1` `` and `[text](2)`. It is never sent.
- A translation in which a mark is missing, doubled or new is refused. `split` then gives the texts
  between the marks as segments of their own, which are sent without any: word order suffers, but
  nothing can break. For models that lose marks (`marks=False`) that is done at once.

So the quality of whole sentences is had where the model can do it, and safety everywhere.

**How it is put back.** Each translation replaces exactly its segment's characters in the source;
all other bytes stay. It is put on one line: the prefixes of continuation lines go away with the
line ends they followed. Signs that would begin Markdown are escaped where reading the block again
shows that they would, and only there. What cannot be made to read as it should is a `MisfitError`.

Belongs here: segments and their splitting. Does not: marks (`marks`), escaping (`splice`), what a
good translation is (`quality`), whether two documents have one skeleton (`structure`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

from model_foundry.translation import front_matter, sentences
from model_foundry.translation.inline import Piece, part
from model_foundry.translation.languages import joined
from model_foundry.translation.markdown import Block, parse
from model_foundry.translation.marks import MisfitError, close_of, outgoing
from model_foundry.translation.regions import Spans, keep_names, without_regions
from model_foundry.translation.splice import Change, put_back

SegmentKind = Literal["paragraph", "heading", "cell", "term", "title", "front_matter"]
FRONT_MATTER_KEYS: Final = ("title", "subtitle", "description")
MAX_TOKENS: Final = 600


@dataclass(frozen=True, eq=False)
class Segment:
    """A text to translate. `part` names it within its document: `7`, and `7.1` once it is split.

    `line` counts from 1. `text` is what is sent; with `marks`, its emphasis, links and numbered
    stand-ins must come back.
    """

    part: str
    kind: SegmentKind
    line: int
    text: str
    marks: bool
    block: Block | front_matter.Field = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)


class Document:
    """A Markdown text with its own line ends and byte order mark (read it with `newline=""`).

    Its `segments` are in the order of the source. `max_tokens` is the longest that one may be, by
    `sentences.estimated_tokens`; `front_matter_keys` are the top-level keys that are translated;
    `keep` says where in a text names stand that are never sent.
    """

    def __init__(
        self,
        source: str,
        *,
        front_matter_keys: Sequence[str] = FRONT_MATTER_KEYS,
        max_tokens: int = MAX_TOKENS,
        marks: bool = True,
        keep: Spans | None = None,
    ) -> None:
        self.source = source
        self.front_matter_keys = tuple(front_matter_keys)
        self._parsed = parse(source)
        fields = front_matter.fields(source, self._parsed.front, self.front_matter_keys)
        blocks = without_regions(self._parsed)
        if keep is not None:
            blocks = [keep_names(block, keep) for block in blocks]
        drafts = [
            *(_Draft("front_matter", each, ()) for each in fields),
            *(draft for block in blocks for draft in _drafts(block, marks)),
        ]
        numbered = (_segment(str(number), draft) for number, draft in enumerate(drafts))
        self.segments = tuple(
            short for segment in numbered for short in self._shortened(segment, max_tokens)
        )

    def _shortened(self, segment: Segment, max_tokens: int) -> Iterator[Segment]:
        parts = self.split(segment) if sentences.estimated_tokens(segment.text) > max_tokens else ()
        if not parts:
            yield segment
        for each in parts:
            yield from self._shortened(each, max_tokens)

    def split(self, segment: Segment) -> tuple[Segment, ...]:
        """The segment in smaller ones: sentences; else what stands between its marks; else clauses;
        else words. Empty when it is as small as it gets."""
        drafts = _split(segment)
        return tuple(
            _segment(f"{segment.part}.{number}", draft) for number, draft in enumerate(drafts)
        )

    def misfit(
        self,
        segment: Segment,
        translation: str,
        beside: Mapping[Segment, str] = MappingProxyType({}),
    ) -> str | None:
        """Why a translation cannot stand in its segment's place; None if it can.

        `beside` are translations that were found to fit before: those of the same block count.
        """
        neighbours = {each: text for each, text in beside.items() if each.block is segment.block}
        try:
            list(self._replacements({**neighbours, segment: translation}))
        except MisfitError as error:
            return str(error)
        return None

    def render(self, translations: Mapping[Segment, str]) -> str:
        """The document with these segments translated, all others as they are.

        Raises:
            MisfitError: a translation cannot stand in its place, or two of the segments overlap.
        """
        out = []
        at = 0
        for start, end, text in sorted(self._replacements(translations)):
            out += [self.source[at:start], text]
            at = end
        return "".join([*out, self.source[at:]])

    def _replacements(self, translations: Mapping[Segment, str]) -> Iterator[tuple[int, int, str]]:
        by_block: dict[Block | front_matter.Field, list[tuple[Segment, str]]] = {}
        for segment, translation in translations.items():
            if translation != segment.text:
                by_block.setdefault(segment.block, []).append((segment, translation))
        for block, changes in by_block.items():
            try:
                if not all(any(map(str.isalnum, text)) for _, text in changes):
                    raise MisfitError("there are no words in the translation")
                if isinstance(block, Block):
                    new = [Change(each.pieces, text, each.marks) for each, text in changes]
                    yield put_back(block, new, self._parsed.env)
                else:
                    yield block.replacement(joined(changes[0][1]))
            except ValueError as error:
                line = min(segment.line for segment, _ in changes)
                raise MisfitError(f"line {line}: {error}") from error


# --- cutting ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draft:
    kind: SegmentKind
    block: Block | front_matter.Field
    pieces: tuple[Piece, ...]


def _segment(part_name: str, draft: _Draft) -> Segment:
    if isinstance(draft.block, Block):
        marks = any(piece.kind != "text" for piece in draft.pieces)
        text = outgoing(draft.pieces) if marks else "".join(p.text for p in draft.pieces)
    else:
        marks, text = False, joined(draft.block.value)
    line = draft.block.line
    if isinstance(draft.block, Block) and draft.pieces:
        line += draft.block.content.count("\n", 0, draft.pieces[0].start)
    return Segment(part_name, draft.kind, line, text, marks, draft.block, draft.pieces)


def _drafts(block: Block, marks: bool) -> Iterator[_Draft]:
    kind: SegmentKind = "heading" if block.kind == "setext" else block.kind
    for unit in _units(block.pieces):
        for pieces in [trimmed] if (trimmed := _trimmed(unit)) and marks else _runs(trimmed):
            yield _Draft(kind, block, pieces)


def _units(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """What stands between breaks; one inside emphasis or a link is opaque instead."""
    unit: list[Piece] = []
    depth = 0
    for piece in pieces:
        depth += (piece.kind == "open") - (piece.kind == "close")
        if piece.kind == "break" and depth == 0:
            yield unit
            unit = []
        else:
            unit.append(replace(piece, kind="opaque") if piece.kind == "break" else piece)
    yield unit


def _has_letters(pieces: Iterable[Piece]) -> bool:
    return any(char.isalpha() for piece in pieces for char in piece.text)


def _trimmed(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Without space around it, nor a mark that encloses all of it; empty without a letter."""
    kept = list(pieces)
    while True:
        if not _has_letters(kept):
            return ()
        if kept[0].kind == "text" and kept[0].text[0].isspace():
            kept[:1] = _stripped(kept[0])
        elif kept[-1].kind == "text" and kept[-1].text[-1].isspace():
            kept[-1:] = _stripped(kept[-1])
        elif kept[0].kind == "open" and close_of(kept, 0) == len(kept) - 1:
            kept = kept[1:-1]
        else:
            return tuple(kept)


def _stripped(piece: Piece) -> list[Piece]:
    text = piece.text
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return [part(piece, start, end)] if start < end else []


def _runs(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, ...]]:
    """Each text between marks that has a letter."""
    for piece in pieces:
        if piece.kind == "text" and (run := _trimmed([piece])):
            yield run


def _split(segment: Segment) -> list[_Draft]:
    if not isinstance(segment.block, Block):
        return []
    pieces = segment.pieces
    flat = [
        (number, at, char)
        for number, piece in enumerate(pieces)
        for at, char in enumerate(piece.text if piece.kind == "text" else "\ufffc")
    ]
    text = "".join(char for _, _, char in flat)
    depth = 0
    outside = set()  # offsets at which no mark is open
    for offset, (number, _, _) in enumerate(flat):
        if depth == 0:
            outside.add(offset)
        depth += (pieces[number].kind == "open") - (pieces[number].kind == "close")

    def cut(offsets: Sequence[int]) -> list[_Draft]:
        bounds = [0, *offsets, len(text)]
        return [
            _Draft(segment.kind, segment.block, trimmed)
            for start, end in pairwise(bounds)
            if (trimmed := _trimmed(_between(pieces, flat, start, end)))
        ]

    ends = [offset for offset in sentences.sentence_ends(text) if offset in outside]
    if ends:
        return cut(_halved(text, ends))
    if segment.marks:
        return [_Draft(segment.kind, segment.block, run) for run in _runs(pieces)]
    for places in (sentences.clause_ends(text), sentences.word_ends(text)):
        if places:
            return cut([min(places, key=lambda at: abs(at - len(text) / 2))])
    return []


def _halved(text: str, ends: Sequence[int]) -> list[int]:
    """The sentence end that is nearest to the middle; all of them once there are few."""
    return list(ends) if len(ends) < 3 else [min(ends, key=lambda at: abs(at - len(text) / 2))]


def _between(
    pieces: Sequence[Piece], flat: Sequence[tuple[int, int, str]], start: int, end: int
) -> list[Piece]:
    found: list[Piece] = []
    spans: dict[int, list[int]] = {}
    for number, at, _ in flat[start:end]:
        spans.setdefault(number, [at, at])[1] = at + 1
    for number, (first, last) in spans.items():
        piece = pieces[number]
        found.append(part(piece, first, last) if piece.kind == "text" else piece)
    return found
