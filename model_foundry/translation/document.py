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

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

from model_foundry.translation import front_matter, sentences
from model_foundry.translation.inline import Piece, moved, part
from model_foundry.translation.languages import joined
from model_foundry.translation.markdown import Block, BlockKind, inline_pieces, parse
from model_foundry.translation.marks import MisfitError, closes, outgoing
from model_foundry.translation.regions import Spans, keep_names, without_regions
from model_foundry.translation.splice import Change, put_back

SegmentKind = Literal["paragraph", "heading", "cell", "term", "title", "front_matter"]
FRONT_MATTER_KEYS: Final = ("title", "subtitle", "description")
MAX_TOKENS: Final = 600
# Longer paragraphs are put back in stretches: each is read again a few times, which adds up.
_LONG: Final = 1_500
_SHORT: Final = 300
_BESIDE: Final = 40


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
    block: Block = field(repr=False)
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
        self.parsed = parse(source)
        blocks = without_regions(self.parsed)
        self._fields: dict[Block, front_matter.Field] = {}
        for each in front_matter.fields(source, self.parsed.front, self.front_matter_keys):
            block = _field_block(each)
            self._fields[block if keep is None else keep_names(block, keep)] = each
        if keep is not None:
            blocks = [keep_names(block, keep) for block in blocks]
        stretches = (each for block in blocks for each in _stretches(block))
        drafts = [draft for block in (*self._fields, *stretches) for draft in _drafts(block, marks)]
        numbered = (_segment(str(number), draft) for number, draft in enumerate(drafts))
        self.segments = tuple(
            short for segment in numbered for short in self._shortened(segment, max_tokens)
        )

    @property
    def unplaced(self) -> list[tuple[int, str]]:
        """Lines and texts of blocks that have no segment: not found in the source, or too deep."""
        return self.parsed.unplaced

    def _shortened(self, segment: Segment, max_tokens: int) -> Iterator[Segment]:
        parts = self.split(segment) if sentences.estimated_tokens(segment.text) > max_tokens else ()
        if not parts:
            yield segment
        for each in parts:
            yield from self._shortened(each, max_tokens)

    def split(self, segment: Segment, *, halves: bool = True) -> tuple[Segment, ...]:
        """The segment in smaller ones: sentences; else what stands between its marks; else clauses;
        else words. Empty when it is as small as it gets. Many sentences are two `halves` first."""
        drafts = _split(segment, halves=halves)
        return tuple(
            _segment(f"{segment.part}.{number}", draft) for number, draft in enumerate(drafts)
        )

    def span(self, segment: Segment) -> tuple[int, int]:
        """Where a segment stands in the source."""
        if in_front := self._fields.get(segment.block):
            return in_front.start, in_front.end
        first, last = segment.pieces[0], segment.pieces[-1]
        return segment.block.starts[first.start], segment.block.ends[last.end - 1]

    def misfit(
        self,
        segment: Segment,
        translation: str,
        beside: Mapping[Segment, str] = MappingProxyType({}),
    ) -> str | None:
        """Why a translation cannot stand in its segment's place; None if it can.

        `beside` are translations that were found to fit before: those of the same block count. Of
        a block that is not short only what is near is read again; `render` reads all of it.
        """
        block = segment.block
        try:
            if len(block.content) > _SHORT and block.kind in {"paragraph", "rest"}:
                block, pieces = _near(block, segment.pieces)
                self._replacement(
                    block, [(replace(segment, block=block, pieces=pieces), translation)]
                )
            else:
                near = [(each, text) for each, text in beside.items() if each.block is block]
                self._replacement(block, [*near, (segment, translation)])
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
        by_block: dict[Block, list[tuple[Segment, str]]] = {}
        for segment, translation in translations.items():
            if translation != segment.text:
                by_block.setdefault(segment.block, []).append((segment, translation))
        for block, changes in by_block.items():
            yield self._replacement(block, changes)

    def _replacement(
        self, block: Block, changes: Sequence[tuple[Segment, str]]
    ) -> tuple[int, int, str]:
        try:
            if not all(any(map(str.isalnum, text)) for _, text in changes):
                raise MisfitError("there are no words in the translation")
            new = [
                Change(each.pieces, text, each.marks) for each, text in changes if text != each.text
            ]
            place = put_back(block, new, self.parsed.env)
            in_front = self._fields.get(block)
            return in_front.replacement(place[2]) if in_front else place
        except ValueError as error:
            line = min(segment.line for segment, _ in changes)
            misfit = MisfitError(f"line {line}: {error}")
            misfit.line = line
            raise misfit from error


# --- cutting ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draft:
    kind: SegmentKind
    block: Block
    pieces: tuple[Piece, ...]


def _segment(part_name: str, draft: _Draft) -> Segment:
    block, pieces = draft.block, draft.pieces
    marks = any(piece.kind != "text" for piece in pieces)
    text = outgoing(pieces, block.content) if marks else "".join(piece.text for piece in pieces)
    line = block.line + block.content.count("\n", 0, pieces[0].start)
    return Segment(part_name, draft.kind, line, text, marks, block, pieces)


_KINDS: Final[dict[BlockKind, SegmentKind]] = {
    "paragraph": "paragraph",
    "rest": "paragraph",
    "heading": "heading",
    "setext": "heading",
    "cell": "cell",
    "term": "term",
    "title": "title",
    "front_matter": "front_matter",
}


def _field_block(field_: front_matter.Field) -> Block:
    """A text of front matter as a block: what is no language in it is kept, as anywhere."""
    content = joined(field_.value)
    starts, ends = list(range(len(content))), list(range(1, len(content) + 1))
    pieces = inline_pieces(content, {})
    return Block("front_matter", field_.line, content, starts, ends, pieces, content)


def _stretches(block: Block) -> Iterator[Block]:
    """A long paragraph in several, cut at the ends of sentences or words outside of any mark."""
    if len(block.content) <= _LONG or block.kind != "paragraph":
        yield block
        return
    content, first, number = block.content, 0, 0
    while first < len(content):
        last, pieces = _stretch(block.pieces, number, first, len(content))
        while number < len(block.pieces) and block.pieces[number].end <= last:
            number += 1
        yield Block(
            "rest" if first else "paragraph",
            block.line + content.count("\n", 0, first),
            content[first:last],
            block.starts[first:last],
            block.ends[first:last],
            [moved(piece, -first) for piece in pieces],
            block.source,
        )
        first = last


def _near(block: Block, pieces: Sequence[Piece]) -> tuple[Block, tuple[Piece, ...]]:
    """Some of a block's pieces and what is beside them, as a block, and these pieces in it."""
    depths = [0]
    for piece in block.pieces:
        depths.append(depths[-1] + (piece.kind == "open") - (piece.kind == "close"))
    known = block.pieces
    first = next(at for at, piece in enumerate(known) if piece.end > pieces[0].start)
    last = first
    while last + 1 < len(known) and known[last + 1].start < pieces[-1].end:
        last += 1
    for beside in (0, 1):  # around the marks that are open, then around what is beside them
        if beside:
            first -= first > 0 and known[first - 1].kind != "break"
            last += last + 1 < len(known) and known[last + 1].kind != "break"
        while depths[first] > 0:
            first -= 1
        while depths[last + 1] > 0:
            last += 1
    start, end = known[first].start, known[last].end
    if known[first].kind == "text":
        start = max(start, min(pieces[0].start, known[first].end) - _BESIDE)
    if known[last].kind == "text":
        end = min(end, max(pieces[-1].end, known[last].start) + _BESIDE)
    near = [
        _cut(piece, max(start, piece.start), min(end, piece.end)) if piece.kind == "text" else piece
        for piece in known[first : last + 1]
    ]
    begins = first == 0 or known[first - 1].kind == "break"
    return Block(
        "paragraph" if begins and start == known[first].start and block.kind != "rest" else "rest",
        block.line + block.content.count("\n", 0, start),
        block.content[start:end],
        block.starts[start:end],
        block.ends[start:end],
        [moved(piece, -start) for piece in near],
        block.source,
    ), tuple(moved(piece, -start) for piece in pieces)


def _drafts(block: Block, marks: bool) -> Iterator[_Draft]:
    kind = _KINDS[block.kind]
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


def _stretch(
    pieces: Sequence[Piece], number: int, first: int, size: int
) -> tuple[int, list[Piece]]:
    """The end of a stretch from `first` on, and its pieces, of which `number` is the first."""
    taken: list[Piece] = []
    depth = 0
    for at in range(number, len(pieces)):
        piece = pieces[at]
        start = max(piece.start, first)
        if piece.kind == "text" and depth == 0 and piece.end - first > _LONG:
            end = _cut_at(_cut(piece, start, first + _LONG)) if start < first + _LONG else start
            if end > start:
                return end, [*taken, _cut(piece, start, end)]
        if piece.start < start:
            piece = _cut(piece, start, piece.end)
        depth += (piece.kind == "open") - (piece.kind == "close")
        taken.append(piece)
        # Beside a line end a stretch would not read as it does within its paragraph.
        if depth == 0 and piece.end - first > _LONG and piece.kind in {"text", "close"}:
            return piece.end, taken
    return size, taken


def _cut(piece: Piece, start: int, end: int) -> Piece:
    low = bisect_left(piece.chars, start, key=lambda char: char[1])
    chars = piece.chars[low : bisect_right(piece.chars, end, lo=low, key=lambda char: char[2])]
    return Piece("text", start, end, chars=chars)


def _cut_at(piece: Piece) -> int:
    """Where a text is cut: the last end of a sentence, or word, in it."""
    text = piece.text
    for places in (sentences.sentence_ends(text), sentences.word_ends(text)):
        if places:
            return piece.chars[places[-1] - 1][2]
    return piece.chars[-1][2] if piece.chars else piece.start


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
        elif kept[0].kind == "open" and closes(kept)[0] == len(kept) - 1:
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


def _split(segment: Segment, *, halves: bool) -> list[_Draft]:
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
        return cut(_halved(text, ends) if halves else ends)
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
