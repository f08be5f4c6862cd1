"""How a segment with marks is sent, and read when it comes back.

Emphasis and links are sent as Markdown; a link's target, and everything else that is not to be
touched, as a number (`` `1` ``, `[text](2)`).

Belongs here: from pieces to what is sent, from what came back to a tree, whether both have the
same marks. Does not: how the tree is written into the document (`splice`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from model_foundry.translation.inline import Piece


class MisfitError(ValueError):
    """A translation that cannot stand in its segment's place; the text says why."""


def close_of(pieces: Sequence[Piece], at: int) -> int:
    depth = 0
    for number in range(at, len(pieces)):
        depth += (pieces[number].kind == "open") - (pieces[number].kind == "close")
        if depth == 0:
            return number
    return -1


MARKS: Final = {"strong": "**", "em": "*", "s": "~~"}
_OPENS: Final = {"link": "[", "image": "![", "note": "["}
_TAKEN: Final = re.compile(r"[\\`*\[\]]|~(?=~)|(?<=~)~")
_TOKEN: Final = re.compile(
    r"\\([\\`*\[\]~!])|`\s?(\d{1,4})\s?`|(!?\[)|\]\s?[(（]\s?(\d{1,4})\s?[)）]|(\*+)|(~~)"
)


def outgoing(pieces: Sequence[Piece], numbers: Mapping[int, int] | None = None) -> str:
    """What is sent of these pieces; `numbers` instead of their own, where they are another's."""
    out = ""
    numbers = numbers_of(pieces) if numbers is None else numbers
    for at, piece in enumerate(pieces):
        if piece.kind == "text":
            out += _TAKEN.sub(r"\\\g<0>", piece.text)
        elif piece.kind == "opaque":
            if not (at and pieces[at - 1].kind == "opaque"):
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


def numbers_of(pieces: Sequence[Piece]) -> dict[int, int]:
    """The number of each opaque piece (neighbours share one) and of each link, at both its ends."""
    numbers: dict[int, int] = {}
    last = 0
    for at, piece in enumerate(pieces):
        if at in numbers or piece.kind == "text" or piece.name in MARKS:
            continue
        if piece.kind == "opaque" and at and pieces[at - 1].kind == "opaque":
            numbers[at] = numbers[at - 1]
            continue
        last += 1
        numbers[at] = last
        if piece.kind == "open":
            numbers[close_of(pieces, at)] = last
    return numbers


@dataclass
class Node:
    """A stretch of a text with marks: words, an opaque number, or a mark around others."""

    name: str
    number: int = 0
    text: str = ""
    children: list["Node"] = field(default_factory=list)
    bang: bool = False

    def shape(self) -> tuple[Any, ...]:
        """What must be kept: marks, how they nest, whether words are in them; not the order."""
        inner = Counter(child.shape() for child in self.children if child.name != "text")
        return (
            self.name,
            self.number,
            any(child.has_letters() for child in self.children),
            tuple(sorted(inner.items())),
        )

    def has_letters(self) -> bool:
        return any(map(str.isalnum, self.text)) or any(c.has_letters() for c in self.children)


def _source_tree(pieces: Sequence[Piece]) -> Node:
    numbers = numbers_of(pieces)
    root = Node("root")
    stack = [root]
    for at, piece in enumerate(pieces):
        if piece.kind == "text":
            stack[-1].children.append(Node("text", text=piece.text))
        elif piece.kind == "opaque":
            if not (at and pieces[at - 1].kind == "opaque"):
                stack[-1].children.append(Node("opaque", numbers[at]))
        elif piece.kind == "open":
            node = Node(piece.name, numbers.get(at, 0))
            stack[-1].children.append(node)
            stack.append(node)
        else:
            stack.pop()
    return root


def tree_of(pieces: Sequence[Piece], translation: str) -> Node:
    """The tree of a segment's translation.

    Raises:
        MisfitError: its marks are not those of the segment, or do not pair off.
    """
    numbers = numbers_of(pieces)
    kinds = {
        number: pieces[at].name for at, number in numbers.items() if pieces[at].kind != "opaque"
    }
    tree = _incoming(translation, kinds)
    _check(_source_tree(pieces), tree)
    return tree


def _incoming(translation: str, kinds: Mapping[int, str]) -> Node:
    """Marks pair off by nesting alone, as models write them: Markdown's rules of what may stand
    beside a star do not suit scripts without spaces.
    """
    root = Node("root")
    stack = [root]

    def mark(name: str) -> None:
        if stack[-1].name == name:
            stack.pop()
        else:
            node = Node(name)
            stack[-1].children.append(node)
            stack.append(node)

    def text(words: str) -> None:
        if words:
            stack[-1].children.append(Node("text", text=words))

    at = 0
    for match in _TOKEN.finditer(translation):
        text(translation[at : match.start()])
        at = match.end()
        escaped, opaque, opened, closed, stars, strike = match.groups()
        if escaped:
            text(escaped)
        elif opaque:
            stack[-1].children.append(Node("opaque", int(opaque)))
        elif opened:
            node = Node("bracket", bang=opened == "![")
            stack[-1].children.append(node)
            stack.append(node)
        elif closed:
            _close(stack, int(closed), kinds)
        elif strike:
            mark("s")
        else:
            while stars:
                name = _next_stars(stack[-1].name, len(stars))
                mark(name)
                stars = stars[len(MARKS[name]) :]
    text(translation[at:])
    if len(stack) > 1:
        name = stack[-1].name
        raise MisfitError(f"`{MARKS.get(name, '[')}` is opened and not closed")
    return root


def _close(stack: list[Node], number: int, kinds: Mapping[int, str]) -> None:
    node = stack[-1]
    name = kinds.get(number)
    if node.name != "bracket" or name not in _OPENS:
        raise MisfitError(f"`]({number})` closes no link")
    stack.pop()
    node.name, node.number = name, number
    if node.bang and name != "image":
        stack[-1].children.insert(-1, Node("text", text="!"))


def _next_stars(top: str, size: int) -> str:
    """What the first of a run of stars are: they close what is open before they open anything."""
    if top == "strong" and size >= 2:
        return "strong"
    if size != 2:
        return "em"  # `***` opens an em with a strong in it, as CommonMark reads it
    return "strong"


def _check(source: Node, translation: Node) -> None:
    if source.shape() == translation.shape():
        return
    had, has = _tally(source), _tally(translation)
    lost, new = had - has, has - had
    said = [
        *(f"{_shown(*key)} is missing" for key in lost),
        *(f"{_shown(*key)} is not in the source or there once more" for key in new),
    ]
    raise MisfitError("; ".join(said) or "its marks are nested or filled differently")


def _tally(node: Node) -> Counter[tuple[str, int]]:
    counts: Counter[tuple[str, int]] = Counter()
    for child in node.children:
        if child.name != "text":
            counts[child.name, child.number] += 1
        counts += _tally(child)
    return counts


def _shown(name: str, number: int) -> str:
    if name == "opaque":
        return f"`{number}` in backticks"
    if name in MARKS:
        return f"{MARKS[name]}…{MARKS[name]}"
    return f"{_OPENS[name]}…]({number})"
