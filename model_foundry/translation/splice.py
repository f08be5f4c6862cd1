"""A block with translations in the place of some of its text, such that it reads as it did.

Belongs here: escaping, spaces that a script needs, the check that the block reads as it should.
Does not: what a segment is (`document`), marks in what was sent and came back (`marks`).
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

from model_foundry.translation.inline import LITERAL, Piece
from model_foundry.translation.languages import is_unspaced, joined
from model_foundry.translation.markdown import Block, block_tokens, inline_pieces
from model_foundry.translation.marks import MARKS, MisfitError, closes, numbers_of, parts_of


@dataclass
class _Item:
    """A stretch of a block that is put together: `content` without line prefixes, `raw` with them.

    `said` is what reading it again must give; `start` and `end` are where it was. A text that is
    `new` knows the character its source began and ended with, where it begins or ends its segment.
    """

    kind: str
    content: str
    raw: str
    said: tuple[Any, ...] = ()
    new: bool = False
    was_first: str = ""
    was_last: str = ""
    start: int = 0
    end: int = 0


class Change(NamedTuple):
    """Pieces of a block, and the translation that takes their place; with marks or without."""

    pieces: tuple[Piece, ...]
    translation: str
    marks: bool


def put_back(block: Block, changes: Sequence[Change], env: dict[str, Any]) -> tuple[int, int, str]:
    """The block's place in the source, and what to write there; `env` is its document's.

    Raises:
        MisfitError: no way was found to write a translation such that it reads as it should.
    """
    if block.kind == "term" and not _stands(block.kind, block.content):
        raise MisfitError("the term is one only for how its text begins")
    items = list(_items(block, sorted(changes, key=lambda change: change.pieces[0].start)))
    _keep_labels(block, items)
    _keep_emphasis(items)
    _keep_words_apart(items)
    reason = ""
    # Front matter is no Markdown to all who read it: nothing is escaped there.
    for thorough in (False,) if block.kind == "front_matter" else (False, True):
        for at_start in (False,) if block.kind == "front_matter" else (False, True):
            candidate = _written(block, items, thorough=thorough, at_start=at_start)
            content = "".join(item.content for item in candidate)
            if not _stands(block.kind, content):
                reason = "it would begin or end a block of its own"
            elif _said(item.said for item in candidate) != _said(
                _piece_says(content, piece) for piece in inline_pieces(content, env)
            ):
                reason = "it would read as other Markdown than the source's"
            else:
                raw = "".join(item.raw for item in candidate)
                return block.starts[0], block.ends[-1], raw
    raise MisfitError(reason)


def _items(block: Block, changes: Sequence[Change]) -> Iterator[_Item]:
    at = 0
    for pieces, translation, marks in changes:
        if pieces[0].start < at:
            raise MisfitError("a segment and a part of it are both translated")
        yield from _kept(block, at, pieces[0].start)
        if marks:
            new = list(_translated(block, pieces, translation))
        else:
            new = [_new_text(joined(translation))]
        if new[0].new:
            new[0].was_first = pieces[0].text[:1]
        if new[-1].new:
            new[-1].was_last = pieces[-1].text[-1:]
        yield from new
        at = pieces[-1].end
    yield from _kept(block, at, len(block.content))


def _kept(block: Block, start: int, end: int) -> Iterator[_Item]:
    """The block's own pieces between two offsets, and what lies between the pieces."""
    at = start
    for piece in block.pieces:
        if start == end or piece.end <= start or piece.start >= end:
            continue
        first, last = max(piece.start, start), min(piece.end, end)
        if at < first:
            yield _item(block, "space", at, first)
        if piece.kind == "text":
            text = "".join(char for char, s, e in piece.chars if s >= first and e <= last)
            yield _item(block, "text", first, last, ("text", text))
        else:
            yield _of(block, piece)
        at = last
    if at < end:
        yield _item(block, "space", at, end)


def _of(block: Block, piece: Piece) -> _Item:
    said = _piece_says(block.content, piece)
    return _item(block, piece.kind, piece.start, piece.end, said)


def _item(block: Block, kind: str, start: int, end: int, said: tuple[Any, ...] = ()) -> _Item:
    raw = block.source[block.starts[start] : block.ends[end - 1]]
    return _Item(kind, block.content[start:end], raw, said, start=start, end=end)


def _new_text(text: str) -> _Item:
    return _Item("text", text, text, ("text", text), new=True)


def _piece_says(content: str, piece: Piece) -> tuple[Any, ...]:
    if piece.kind == "text" or piece.name in {"task", "alert", "label", "kept"}:
        return ("text", piece.text or content[piece.start : piece.end])
    if piece.name == "hardbreak":
        return ("break",)
    if piece.kind == "opaque" or piece.name == "fixed":
        return ("opaque", content[piece.start : piece.end])
    if piece.kind == "break":
        return ("break", content[piece.start : piece.end].strip(" "))
    return (piece.kind, piece.name, piece.target)


def _said(parts: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is read, one text after another as one, without space: that is no structure."""
    merged: list[tuple[Any, ...]] = []
    for each in parts:
        if each and each[0] == "text":
            text = "".join(each[1].split())
            if merged and merged[-1][0] == "text":
                text = merged.pop()[1] + text
            if text:
                merged.append(("text", text))
        elif each:
            merged.append(each)
    return merged


def _translated(block: Block, pieces: Sequence[Piece], translation: str) -> Iterator[_Item]:
    numbers = numbers_of(pieces, block.content).of
    parts = parts_of(pieces, block.content, joined(translation))
    ends = closes(pieces)
    opaque: dict[int, list[Piece]] = {}
    marks: dict[tuple[str, int], deque[tuple[Piece, Piece]]] = {}
    for at, piece in enumerate(pieces):
        if piece.kind == "opaque":
            opaque.setdefault(numbers[at], []).append(piece)
        elif piece.kind == "open":
            number = numbers.get(at, 0)
            marks.setdefault((piece.name, number), deque()).append((piece, pieces[ends[at]]))
    closing: list[Piece] = []
    for each in parts:
        if each.kind == "text":
            yield _new_text(each.text)
        elif each.kind == "opaque":
            yield from (_of(block, piece) for piece in opaque[each.number])
        elif each.kind == "close":
            yield _of(block, closing.pop())
        else:
            if each.text:
                yield _new_text(each.text)
            opened, closed = marks[each.name, each.number].popleft()
            closing.append(closed)
            yield _of(block, opened)


def _keep_labels(block: Block, items: Sequence[_Item]) -> None:
    """A label that was its link's text (`[text]`, `[text][]`), written out: that text changes."""
    opened: list[tuple[int, _Item]] = []
    for number, item in enumerate(items):
        if item.kind == "open":
            opened.append((number, item))
        elif item.kind == "close":
            first, start = opened.pop()
            if start.content not in {"[", "!["} or item.content not in {"]", "][]"}:
                continue
            label = block.content[start.end : item.start]
            if "".join(each.content for each in items[first + 1 : number]) != label:
                item.content = item.raw = f"][{' '.join(label.split())}]"
                if block.kind == "cell":
                    item.raw = item.content.replace("|", "\\|")


def _is_emphasis(item: _Item) -> bool:
    return item.kind in {"open", "close"} and item.said[1] in MARKS


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def _keep_emphasis(items: list[_Item]) -> None:
    """What CommonMark needs to see emphasis, where scripts without spaces do not give it.

    A space outside, where a mark stands between a letter and punctuation (`**「強い」**は`); stars
    in place of underscores beside a letter.
    """
    opened: list[int] = []
    for at, item in enumerate(items):
        if not _is_emphasis(item):
            continue
        if item.kind == "open":
            opened.append(at)
            continue
        start = opened.pop()
        beside = (_around(items, start)[0], _around(items, at)[1])
        if item.content[0] == "_" and any(map(str.isalnum, beside)):
            for each in (items[start], item):
                each.content = each.raw = "*" * len(each.content)
    spaces = []
    for at, item in enumerate(items):
        if _is_emphasis(item):
            before, after = _around(items, at)
            inner, outer = (after, before) if item.kind == "open" else (before, after)
            if inner and _is_punctuation(inner) and outer.strip() and not _is_punctuation(outer):
                spaces.append(at + (item.kind == "close"))
    for at in reversed(spaces):
        items.insert(at, _Item("space", " ", " "))


def _around(items: Sequence[_Item], at: int) -> tuple[str, str]:
    """The characters before and after a run of emphasis marks; empty at the block's ends."""
    sign = items[at].content[0]
    first = last = at
    while first and items[first - 1].content.strip(sign) == "":
        first -= 1
    while last + 1 < len(items) and items[last + 1].content.strip(sign) == "":
        last += 1
    before = items[first - 1].content[-1] if first else ""
    after = items[last + 1].content[0] if last + 1 < len(items) else ""
    return before, after


def _keep_words_apart(items: list[_Item]) -> None:
    """A space between words of a script with spaces, where one of them was of a script without."""
    solid = [number for number, item in enumerate(items) if item.kind in {"text", "opaque"}]
    found = []
    for left, right in pairwise(solid):
        between = items[left + 1 : right]
        if any(item.kind in {"space", "break"} for item in between):
            continue
        was = items[left].was_last or items[right].was_first
        if not was or not is_unspaced(was):
            continue
        if _ends_word(items[left]) and _begins_word(items[right]):
            closing = next((n for n, each in enumerate(between) if each.kind == "open"), None)
            found.append(right if closing is None else left + 1 + closing)
    for at in reversed(found):
        items.insert(at, _Item("space", " ", " "))


def _ends_word(item: _Item) -> bool:
    char = item.content[-1:]
    return item.kind == "opaque" or (char.isalnum() and not is_unspaced(char)) or char in _AFTER


def _begins_word(item: _Item) -> bool:
    char = item.content[:1]
    return item.kind == "opaque" or (char.isalnum() and not is_unspaced(char)) or char in _BEFORE


_AFTER: Final = frozenset(".,;:!?)]}%\"'”’")
_BEFORE: Final = frozenset("([{\"'“‘")
_FAR: Final = re.compile(r"\$(?=\$)|(?<=\$)\$|%(?=[%}])|(?<=%)%")
_SPECIAL: Final = re.compile(
    r"[\\`*_{}\[\]~$^:]|%(?=[%}])|(?<=%)%|\+(?=\+)|<(?=[A-Za-z/!?>])|&(?=#?[A-Za-z0-9])|!(?=\[)"
)
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")
_ORDERED: Final = re.compile(r"\d{1,9}(?=[.)])")
_TAG: Final = re.compile(r"\A<(?=[A-Za-z/!?>])")  # might go on over lines that follow
_MODULE: Final = re.compile(r"[ie](?=mport|xport)")


def _written(
    block: Block, items: Sequence[_Item], *, thorough: bool, at_start: bool
) -> list[_Item]:
    """The items with their new texts escaped: `thorough`, every sign that can be Markdown inside of
    a line; `at_start`, what can begin a block at a line's start, and what can end a heading."""
    out: list[_Item] = []
    before = "x" if block.kind in {"rest", "front_matter"} else ""
    for number, item in enumerate(items):
        written = item
        if item.new:
            text = item.content
            if block.kind == "title":
                text = text.replace('"', "'")
            said = ("text", text)
            # What would end a block that began far above.
            text = _escaped(text) if thorough else _FAR.sub(r"\\\g<0>", text)
            if not before or before.endswith("\n"):
                text = _start_escaped(text) if at_start else _TAG.sub(r"\\<", text)
            if at_start and block.kind == "heading" and number == len(items) - 1:
                text = re.sub(r"#\s*$", r"\\#", text)
            raw = text.replace("|", "\\|") if block.kind == "cell" else text
            written = replace(item, content=text, raw=raw, said=said)
        out.append(written)
        before = (before + written.content)[-1:] or before
    return out


def _escaped(text: str) -> str:
    at = {match.start() for match in _SPECIAL.finditer(text)}
    for literal in LITERAL.finditer(text):
        sign = _PUNCTUATION.search(text, literal.start())
        at |= {sign.start()} if sign else set()
    return "".join(f"\\{char}" if number in at else char for number, char in enumerate(text))


def _start_escaped(text: str) -> str:
    if number := _ORDERED.match(text):
        return f"{number[0]}\\{text[number.end() :]}"
    if _MODULE.match(text):
        return f"&#{ord(text[0])};{text[1:]}"
    if _PUNCTUATION.match(text) and not text.startswith("\\"):
        return "\\" + text
    return text


def _stands(kind: str, content: str) -> bool:
    """Whether a block's content, read as what its block is, is that block and nothing else."""
    if kind == "title":
        return '"' not in content
    if kind == "front_matter":
        return True
    cell = content.replace("|", "\\|")
    text, types = {
        "paragraph": (f"x\n\n{content}", ["paragraph_open"] * 2),
        "rest": (f"x{content}", ["paragraph_open"]),
        "heading": (f"# {content}", ["heading_open"]),
        "setext": (f"{content}\n===", ["heading_open"]),
        "term": (f"{content}\n: x", ["dl_open", "dt_open", "dd_open", "paragraph_open"]),
        "cell": (f"|x|\n|-|\n|{cell}|", _CELL),
    }[kind]
    tokens = block_tokens(text)
    if [token.type for token in tokens if token.nesting == 1] != types:
        return False
    contents = [token.content for token in tokens if token.type == "inline"]
    own = contents[0] if kind == "term" else contents[-1]
    return own == ("x" if kind == "rest" else "") + content.rstrip()


_CELL: Final = [
    "table_open", "thead_open", "tr_open", "th_open", "tbody_open", "tr_open", "td_open",
]  # fmt: skip
