"""How a segment with marks is sent, and read when it comes back.

Emphasis and links are sent as Markdown; a link's target, and everything else that is not to be
touched, as a number (`` `1` ``, `[text](2)`).

What must be kept is the `Shape`: which marks there are, how they nest, whether words are in them.
Marks beside each other may change places, as words do. Partners (`<b>`, `</b>`) are a mark around
what is between them, so they keep their order; what divides (`{% else %}`, a tag without partner)
keeps to its side what is before and after it.

Belongs here: from pieces to what is sent, from what came back to its parts, whether both have one
shape. Does not: how they are written into the document (`splice`).
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from model_foundry.translation.inline import Piece
from model_foundry.translation.tags import Role, roles


class MisfitError(ValueError):
    """A translation that cannot stand in its segment's place; the text says why, `line` where."""

    line: int = 0


MARKS: Final = {"strong": "**", "em": "*", "s": "~~"}
_OPENS: Final = {"link": "[", "image": "![", "note": "["}
_TAKEN: Final = re.compile(r"[\\`*\[\]]|~(?=~)|(?<=~)~")
_TOKEN: Final = re.compile(
    r"\\([\\`*\[\]~!])|`\s?(\d{1,4})\s?`|(!?\[)|\]\s?[(（]\s?(\d{1,4})\s?[)）]|(\*+)|(~~)"
)
_SHORT: Final = 120


def closes(pieces: Sequence[Piece]) -> dict[int, int]:
    """Where each mark that is opened is closed, by place in the list."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, piece in enumerate(pieces):
        if piece.kind == "open":
            opened.append(at)
        elif piece.kind == "close" and opened:
            found[opened.pop()] = at
    return found


class Numbers(NamedTuple):
    """The number of each opaque piece (neighbours may share one) and of each link, at both ends;
    and by number what opens, closes or divides, partners under that of the one that opens."""

    of: dict[int, int]
    roles: dict[int, tuple[Role, int]]


def numbers_of(pieces: Sequence[Piece], content: str) -> Numbers:
    """The numbers of a segment's pieces."""
    found = roles(pieces, content)
    special = found.opens.keys() | found.closes.keys() | found.divides
    # Partners with nothing but opaque pieces between them are as opaque as those.
    solid = {at for at in found.opens if _is_solid(pieces, at, found.opens[at])}
    special -= solid | {found.opens[at] for at in solid}
    ends = closes(pieces)
    numbers: dict[int, int] = {}
    by_number: dict[int, tuple[Role, int]] = {}
    last, is_special = 0, False
    for at, piece in enumerate(pieces):
        if at in numbers or piece.kind == "text" or piece.name in MARKS:
            continue
        beside = piece.kind == "opaque" and at > 0 and pieces[at - 1].kind == "opaque"
        if beside and not (is_special and at in special):
            is_special = is_special or at in special
        else:
            last += 1
            is_special = at in special
        numbers[at] = last
        if piece.kind == "open":
            numbers[ends[at]] = last
        if at in special:
            if at in found.opens:
                by_number[last] = "opens", last
            elif at in found.closes:
                by_number[last] = "closes", numbers[found.closes[at]]
            else:
                by_number[last] = "divides", last
    return Numbers(numbers, by_number)


def _is_solid(pieces: Sequence[Piece], start: int, end: int) -> bool:
    return all(pieces[at].kind == "opaque" for at in range(start, min(end, start + 64) + 1)) and (
        end - start < 64
    )


def outgoing(
    pieces: Sequence[Piece], content: str, numbers: Mapping[int, int] | None = None
) -> str:
    """What is sent for the pieces of a segment; `numbers` instead of their own, where they are
    another's."""
    out = ""
    numbers = numbers_of(pieces, content).of if numbers is None else numbers
    for at, piece in enumerate(pieces):
        if piece.kind == "text":
            out += _TAKEN.sub(r"\\\g<0>", piece.text)
        elif piece.kind == "opaque":
            if not (at and pieces[at - 1].kind == "opaque" and numbers[at] == numbers[at - 1]):
                out += f"`{numbers[at]}`"
        elif piece.name in MARKS:
            out += MARKS[piece.name]
        elif piece.kind == "open":
            if piece.name != "image" and out.endswith("!") and not out.endswith("\\!"):
                out = out[:-1] + "\\!"
            out += _OPENS[piece.name]
        else:
            out += f"]({numbers[at]})"
    return out


@dataclass
class _Frame:
    name: str
    label: str = ""
    has_words: bool = False
    words_here: bool = False
    inner: list[str] = field(default_factory=list)
    stretches: list[str] = field(default_factory=list)
    at: int = 0
    bang: bool = False

    def divide(self, what: str) -> None:
        counts = Counter(self.inner)
        said = [name if n == 1 else f"{n}× {name}" for name, n in sorted(counts.items())]
        words = ["words"] if self.words_here else []
        self.stretches += [", ".join(words + said), what]
        self.inner, self.words_here = [], False

    def shape(self) -> str:
        self.divide("")
        return " | ".join(self.stretches[:-1])


class Shape:
    """What a text is made of beside its words, gathered from its start to its end.

    It is one string, in which what may change places is sorted.
    """

    def __init__(self) -> None:
        self._stack = [_Frame("")]
        self.tally: Counter[str] = Counter()

    @property
    def top(self) -> _Frame:
        """The innermost mark that is open."""
        return self._stack[-1]

    @property
    def depth(self) -> int:
        """How many marks are open."""
        return len(self._stack) - 1

    def text(self, words: str) -> None:
        """Words, or what stands between them."""
        if any(map(str.isalnum, words)):
            self.top.has_words = self.top.words_here = True

    def opaque(self, what: str) -> None:
        """What may change its place."""
        self.top.inner.append(what)
        self.tally[what] += 1

    def divides(self, what: str) -> None:
        """What may not."""
        self.tally[what] += 1
        self.top.divide(what)

    def opens(self, name: str, label: str = "", *, at: int = 0, bang: bool = False) -> None:
        """A mark around what follows."""
        self._stack.append(_Frame(name, label, at=at, bang=bang))

    def closes(self, said: str) -> None:
        """The end of the innermost mark; `said` is what it is."""
        frame = self._stack.pop()
        shape = f"{said}({frame.shape()})"
        if len(shape) > _SHORT:
            digest = blake2b(shape.encode(), digest_size=8).hexdigest()
            shape = f"{shape[: _SHORT - 20]}…{digest}"
        self.top.inner.append(shape)
        self.tally[said] += 1
        if frame.has_words:
            self.top.has_words = self.top.words_here = True

    def said(self) -> str:
        """The shape of it all."""
        return self.top.shape()


def shape_of(pieces: Sequence[Piece], content: str, numbers: Numbers | None = None) -> Shape:
    """The shape of pieces; with numbers as what is sent, else with what they are."""
    shape = Shape()
    found = roles(pieces, content) if numbers is None else None
    for at, piece in enumerate(pieces):
        if piece.kind == "text":
            shape.text(piece.text)
        elif piece.kind == "open":
            shape.opens(piece.name)
        elif piece.kind == "close":
            target, title = piece.target
            said = " ".join(filter(None, [piece.name, target, title and json.dumps(title)]))
            shape.closes(_shown(piece.name, numbers.of.get(at, 0)) if numbers else said)
        elif numbers is not None:
            number = numbers.of[at]
            if not (at and pieces[at - 1].kind == "opaque" and numbers.of[at - 1] == number):
                _number(shape, number, numbers.roles)
        else:
            what = "line break" if piece.kind == "break" else content[piece.start : piece.end]
            if found and at in found.opens:
                shape.opens("pair", what)
            elif found and at in found.closes:
                shape.closes(f"{shape.top.label}…{what}")
            elif found and at in found.divides:
                shape.divides(what)
            else:
                shape.opaque(what)
    return shape


def _number(shape: Shape, number: int, by_number: Mapping[int, tuple[Role, int]]) -> None:
    role, partner = by_number.get(number, (None, 0))
    if role == "opens":
        shape.opens("pair", str(number))
    elif role == "closes":
        if shape.top.name != "pair" or shape.top.label != str(partner):
            raise MisfitError(f"`{number}` in backticks does not close what `{partner}` opens")
        shape.closes(f"`{partner}`…`{number}` in backticks")
    elif role == "divides":
        shape.divides(_shown("opaque", number))
    else:
        shape.opaque(_shown("opaque", number))


class Part(NamedTuple):
    """A part of a translation: words, an opaque number, or where a mark begins or ends."""

    kind: Literal["text", "opaque", "open", "close"]
    name: str = ""
    number: int = 0
    text: str = ""


def parts_of(pieces: Sequence[Piece], content: str, translation: str) -> list[Part]:
    """The parts of a segment's translation, in its order.

    Raises:
        MisfitError: its marks are not those of the segment, or do not pair off.
    """
    numbers = numbers_of(pieces, content)
    kinds = {
        number: pieces[at].name for at, number in numbers.of.items() if pieces[at].kind != "opaque"
    }
    parts, theirs = _incoming(translation, kinds, numbers.roles)
    ours = shape_of(pieces, content, numbers)
    if ours.said() != theirs.said():
        lost, new = ours.tally - theirs.tally, theirs.tally - ours.tally
        said = [
            *(f"{what} is missing" for what in lost),
            *(f"{what} is not in the source or there once more" for what in new),
        ]
        raise MisfitError("; ".join(said) or "its marks are nested, ordered or filled differently")
    return parts


def _incoming(
    translation: str, kinds: Mapping[int, str], by_number: Mapping[int, tuple[Role, int]]
) -> tuple[list[Part], Shape]:
    """Marks pair off by nesting alone, as models write them: Markdown's rules of what may stand
    beside a star do not suit scripts without spaces.
    """
    shape = Shape()
    parts: list[Part] = []

    def mark(name: str) -> None:
        if shape.top.name == name:
            shape.closes(_shown(name, 0))
            parts.append(Part("close", name))
        else:
            shape.opens(name)
            parts.append(Part("open", name))

    def text(words: str) -> None:
        if words:
            shape.text(words)
            parts.append(Part("text", text=words))

    at = 0
    for match in _TOKEN.finditer(translation):
        text(translation[at : match.start()])
        at = match.end()
        escaped, opaque, opened, closed, stars, strike = match.groups()
        if escaped:
            text(escaped)
        elif opaque:
            _number(shape, int(opaque), by_number)
            parts.append(Part("opaque", number=int(opaque)))
        elif opened:
            shape.opens("bracket", at=len(parts), bang=opened == "![")
            parts.append(Part("open", "bracket"))
        elif closed:
            _close(shape, parts, int(closed), kinds)
        elif strike:
            mark("s")
        else:
            while stars:
                name = _next_stars(shape.top.name, len(stars))
                mark(name)
                stars = stars[len(MARKS[name]) :]
    text(translation[at:])
    if shape.depth:
        name = shape.top.name
        sign = (
            f"`{shape.top.label}` in backticks" if name == "pair" else f"`{MARKS.get(name, '[')}`"
        )
        raise MisfitError(f"{sign} is opened and not closed")
    return parts, shape


def _close(shape: Shape, parts: list[Part], number: int, kinds: Mapping[int, str]) -> None:
    frame = shape.top
    name = kinds.get(number)
    if frame.name != "bracket" or name not in _OPENS:
        raise MisfitError(f"`]({number})` closes no link")
    shape.closes(_shown(name, number))
    parts[frame.at] = Part("open", name, number)
    parts.append(Part("close", name, number))
    if frame.bang and name != "image":
        parts[frame.at] = Part("open", name, number, text="!")


def _next_stars(top: str, size: int) -> str:
    """What the first of a run of stars are: they close what is open before they open anything."""
    if top == "strong" and size >= 2:
        return "strong"
    if size != 2:
        return "em"  # `***` opens an em with a strong in it, as CommonMark reads it
    return "strong"


def _shown(name: str, number: int) -> str:
    if name == "opaque":
        return f"`{number}` in backticks"
    if name in MARKS:
        return f"{MARKS[name]}…{MARKS[name]}"
    return f"{_OPENS[name]}…]({number})"
