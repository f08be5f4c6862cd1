"""What a person has changed in a translation's file, as translations of its segments.

Three texts are laid side by side: the source, the translation as it was written, and as it is now.
Where they have one skeleton, their segments are the same ones in order; those that read otherwise
now are lessons. What was changed outside of segments cannot be learned, and is told by its line.

Belongs here: from three texts to lessons. Does not: keeping them (`review`), files (`publish`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from model_foundry.translation.document import Document, Segment
from model_foundry.translation.marks import MARKS, MisfitError, numbers_of, outgoing
from model_foundry.translation.regions import Spans
from model_foundry.translation.structure import differences

_WHOLE = 10_000_000  # tokens: no segment is cut for its length


class Lesson(NamedTuple):
    """What a segment's translation is from now on; its line in the edited file."""

    source_text: str
    translated_text: str
    line: int


class Learned(NamedTuple):
    """The lessons, and what could not be learned, in words."""

    lessons: list[Lesson]
    left: list[str]


class Sides(NamedTuple):
    """How the documents are cut, as they are when they are translated."""

    front_matter_keys: Sequence[str]
    marks: bool
    keep: Spans | None

    def document(self, text: str) -> Document:
        return Document(
            text,
            front_matter_keys=self.front_matter_keys,
            max_tokens=_WHOLE,
            marks=self.marks,
            keep=self.keep,
        )


def learn(source: str, written: str, edited: str, sides: Sides) -> Learned:
    """What was changed in a translation since it was written, segment by segment."""
    left = [
        f"its structure: {said}" for said in differences(source, edited, sides.front_matter_keys)
    ]
    if left:
        return Learned([], left[:3])
    was, had, has = (sides.document(text) for text in (source, written, edited))
    kinds = [[segment.kind for segment in each.segments] for each in (was, had, has)]
    if not kinds[0] == kinds[1] == kinds[2]:
        return Learned([], ["it has not as many texts as its source, of the same kinds"])
    lessons = []
    for theirs, before, now in zip(was.segments, had.segments, has.segments, strict=True):
        try:
            if (text := _in_numbers_of(theirs, now)) != _in_numbers_of(theirs, before):
                lessons.append(Lesson(theirs.text, text, now.line))
        except MisfitError as error:
            left.append(f"line {now.line}: {error}")
    outside = _first_difference(_frame(had), _frame(has))
    if outside is not None and not left:
        left.append(f"line {outside}: it is not in a text that is translated")
    return Learned(lessons, left)


def _in_numbers_of(theirs: Segment, ours: Segment) -> str:
    """A segment's text, with the numbers that its source's marks have."""
    if not ours.marks:
        return ours.text
    known: dict[tuple[str, ...], list[int]] = {}
    for at, number in _first_of_each(theirs):
        known.setdefault(_mark(theirs, at), []).append(number)
    renumbered: dict[int, int] = {}
    for at, number in _first_of_each(ours):
        left = known.get(_mark(ours, at))
        if not left:
            raise MisfitError(f"{' '.join(_mark(ours, at)[1:])} is not in the source")
        renumbered[number] = left.pop(0)
    if any(known.values()):
        raise MisfitError("a mark of the source is missing")
    numbers = numbers_of(ours.pieces, ours.block.content).of
    return outgoing(
        ours.pieces,
        ours.block.content,
        {at: renumbered[number] for at, number in numbers.items()},
    )


def _first_of_each(segment: Segment) -> list[tuple[int, int]]:
    """Where each number stands first."""
    seen: dict[int, int] = {}
    for at, number in sorted(numbers_of(segment.pieces, segment.block.content).of.items()):
        seen.setdefault(number, at)
    return [(at, number) for number, at in seen.items()]


def _mark(segment: Segment, at: int) -> tuple[str, ...]:
    """What a mark is: code to the letter, a link by its target."""
    pieces = segment.pieces
    piece = pieces[at]
    if piece.kind == "open" and piece.name not in MARKS:
        return piece.name, *piece.target
    numbers = numbers_of(pieces, segment.block.content).of
    last = at
    while numbers.get(last + 1) == numbers[at]:
        last += 1
    return "opaque", segment.block.content[piece.start : pieces[last].end]


def _frame(document: Document) -> list[tuple[str, int]]:
    """The document without its segments: each character that is left, and its line."""
    spans = sorted(document.span(segment) for segment in document.segments)
    out: list[tuple[str, int]] = []
    at, line = 0, 1
    for start, end in [*spans, (len(document.source), len(document.source))]:
        for char in document.source[at:start]:
            out.append((char, line))
            line += char == "\n"
        out.append(("\0", line))
        line += document.source.count("\n", start, end)
        at = max(at, end)
    return out


def _first_difference(was: Sequence[tuple[str, int]], now: Sequence[tuple[str, int]]) -> int | None:
    for (before, _), (after, line) in zip(was, now, strict=False):
        if before != after:
            return line
    if len(was) != len(now):
        return (now if len(now) > len(was) else was)[min(len(was), len(now)) - 1][1]
    return None
