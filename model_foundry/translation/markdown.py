"""A Markdown document's blocks, with the place of their text in the source.

markdown-it-py says on which lines a block stands. Its text is found again in these lines, behind
the prefixes of quotes and lists.

Belongs here: from a document to blocks with pieces. Does not: what is translated (`document`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final, Literal

from markdown_it.token import Token

from model_foundry.translation import front_matter
from model_foundry.translation.dialect import INLINE, MARKDOWN
from model_foundry.translation.inline import ATTRIBUTES, Char, Piece, part

BlockKind = Literal[
    "paragraph", "heading", "setext", "cell", "term", "title", "rest", "front_matter"
]


@dataclass(slots=True, eq=False)
class Block:
    """A block with text of its own. `starts[i]` and `ends[i]`: where its i-th character is in the
    source; `line` counts from 1. A `rest` is what follows in a paragraph that was long."""

    kind: BlockKind
    line: int
    content: str
    starts: list[int]
    ends: list[int]
    pieces: list[Piece]
    source: str


@dataclass(slots=True, eq=False)
class Parsed:
    """A document's tokens and blocks; `unplaced` are those whose text was not found, or
    nests too deep, by line."""

    source: str
    front: front_matter.Front | None
    tokens: list[Token]
    blocks: list[Block]
    unplaced: list[tuple[int, str]]
    env: dict[str, Any]
    first_line: int

    @property
    def indented_prose(self) -> set[int]:
        """The lines, from 1 below the front matter, of what is indented and no code in our dialect
        alone: admonitions and definitions."""
        spans = [
            each.map
            for each in self.tokens
            if each.map and each.type in {"admonition_open", "dl_open", "footnote_reference_open"}
        ]
        return {line + 1 for first, last in spans for line in range(first, last)}


_LINE_END: Final = re.compile(r"\r\n?|\n")
_TASK: Final = re.compile(r"\[[ xX]\][ \t\n]+")
_DEEPEST: Final = 24
_LABEL: Final = re.compile(r"[ \t]\^[A-Za-z0-9-]+\Z")
_ALERT: Final = re.compile(r"\[![\w-]+\][+-]?[ \t]*")


def inline_pieces(content: str, env: dict[str, Any]) -> list[Piece]:
    """The pieces of an inline text; `env` knows the document's reference definitions."""
    return INLINE.pieces(content, MARKDOWN, env)


def block_tokens(text: str) -> list[Token]:
    """The tokens of a text that is a document by itself."""
    return MARKDOWN.parse(text, {})


def parse(source: str) -> Parsed:
    """A document's tokens, and its blocks with the place of their text in the source."""
    front = front_matter.find(source)
    start = front.end if front else len(front_matter.BOM) * source.startswith(front_matter.BOM)
    lines: list[str] = []
    offsets: list[int] = []
    at = start
    for end in _LINE_END.finditer(source, start):
        lines.append(source[at : end.start()])
        offsets.append(at)
        at = end.end()
    lines.append(source[at:])
    offsets.append(at)
    body = "\n".join(lines)
    env: dict[str, Any] = {}
    tokens = MARKDOWN.parse(body, env)
    first_line = len(_LINE_END.findall(source[:start])) + 1
    reader = _Reader(source, lines, offsets, env.get("rows", {}), first_line)
    blocks = list(reader.blocks(tokens))
    return Parsed(source, front, tokens, blocks, reader.unplaced, env, first_line)


class _Reader:
    """Finds the text of each block in the lines of the source."""

    def __init__(
        self,
        source: str,
        lines: list[str],
        offsets: list[int],
        rows: dict[int, int],
        first_line: int,
    ) -> None:
        self._source, self._lines, self._offsets, self._rows = source, lines, offsets, rows
        self._first_line = first_line
        self.unplaced: list[tuple[int, str]] = []
        self._body_starts = [0]
        for line in lines:
            self._body_starts.append(self._body_starts[-1] + len(line) + 1)

    def blocks(self, tokens: Sequence[Token]) -> Iterator[Block]:
        column = 0
        for before, token in zip([None, *tokens], tokens, strict=False):
            if token.type == "tr_open":
                column = 0
            if token.type != "inline" or before is None:
                continue
            kind = _kind(before)
            column += kind == "cell"
            line = token.map[0] if token.map else 0
            if not token.content.strip():
                continue
            if kind == "title" and '"' not in self._lines[line]:
                continue  # made of the admonition's name, or classes of it
            place = self._place(kind, token.content, line, column - 1)
            pieces = token.meta["pieces"]
            if kind == "paragraph":
                pieces = _headed(token.content, pieces)
            pieces = token.meta["pieces"] = _tailed(token.content, pieces)
            if place is None or _depth(pieces) > _DEEPEST:
                self.unplaced.append((line + self._first_line, token.content))
                continue
            yield Block(kind, line + self._first_line, token.content, *place, pieces, self._source)

    def _place(
        self, kind: BlockKind, content: str, line: int, column: int
    ) -> tuple[list[int], list[int]] | None:
        if kind == "cell":
            return self._cell(content, line, column)
        if kind in {"heading", "title"}:
            text = self._lines[line]
            pattern = (
                rf"#{{1,6}}[ \t]+\s*({re.escape(content)})\s*?(?:[ \t]+#+)?\s*$"
                if kind == "heading"
                else rf'"({re.escape(content)})"[^"]*$'
            )
            match = re.search(pattern, text.replace("\0", "\ufffd"))
            return self._run(line, match.start(1), len(content)) if match else None
        starts: list[int] = []
        ends: list[int] = []
        rows = content.split("\n")
        for number, row in enumerate(rows):
            text = self._lines[line + number]
            indent = len(row) - len(row.lstrip(" \t"))
            words = row[indent:]
            # Of the last row the parser has taken what Python calls space, of others nothing.
            tail = " \t" if number + 1 < len(rows) else None
            at = len(text.rstrip(tail)) - len(words.rstrip(tail))
            if text.replace("\0", "\ufffd")[at : at + len(words)] != words:
                return None
            begin = self._offsets[line + number] + at
            if number:  # the line end before takes this line's prefix with it
                ends[-1] = begin
            starts += [begin] * indent
            ends += [begin] * indent
            starts += range(begin, begin + len(words))
            ends += range(begin + 1, begin + 1 + len(words))
            if number + 1 < len(rows):  # the line's end
                starts.append(begin + len(words))
                ends.append(begin + len(words))
        return starts, ends

    def _run(self, line: int, column: int, size: int) -> tuple[list[int], list[int]]:
        begin = self._offsets[line] + column
        return list(range(begin, begin + size)), list(range(begin + 1, begin + size + 1))

    def _cell(self, content: str, line: int, column: int) -> tuple[list[int], list[int]] | None:
        begin = self._rows[line] - self._body_starts[line]
        text = self._lines[line][begin:].rstrip()
        cells: list[list[Char]] = [[]]
        for at, char in enumerate(text):
            offset = self._offsets[line] + begin + at
            if char != "|":
                cells[-1].append((char, offset, offset + 1))
            elif at and text[at - 1] == "\\":
                cells[-1][-1] = ("|", offset - 1, offset + 1)
            else:
                cells.append([])
        if not cells[0]:
            del cells[0]
        chars = cells[column]
        while chars and chars[0][0].isspace():
            chars = chars[1:]
        while chars and chars[-1][0].isspace():
            chars = chars[:-1]
        if "".join(char for char, _, _ in chars).replace("\0", "\ufffd") != content:
            return None
        return [start for _, start, _ in chars], [end for _, _, end in chars]


_KINDS: Final[dict[str, BlockKind]] = {
    "th_open": "cell",
    "td_open": "cell",
    "dt_open": "term",
    "admonition_title_open": "title",
}


def _kind(before: Token) -> BlockKind:
    if before.type == "heading_open":
        return "heading" if before.markup.startswith("#") else "setext"
    return _KINDS.get(before.type, "paragraph")


def _depth(pieces: Sequence[Piece]) -> int:
    """How many marks are open at most: no writer nests them by the dozen."""
    opened = accumulate((each.kind == "open") - (each.kind == "close") for each in pieces)
    return max(opened, default=0)


def _shadow(content: str, piece: Piece) -> str:
    """A piece's text with its line ends, without what an escape or an entity wrote."""
    return "".join(
        content[start]
        if content[start:end] == char or content[start:end].startswith("\n")
        else "\0"
        for char, start, end in piece.chars
    )


def _tailed(content: str, pieces: list[Piece]) -> list[Piece]:
    """What is read at a block's ends alone, as breaks: attributes, Obsidian's label."""
    found = list(pieces)
    ends = [0] if len(found) == 1 else [0, len(found) - 1]
    for at in ends:
        piece = found[at] if found else None
        if piece and piece.name == "braces" and ATTRIBUTES.match(content, piece.start):
            found[at] = replace(piece, kind="break", name="fixed")
    if found and found[-1].kind == "text" and (label := _LABEL.search(_shadow(content, found[-1]))):
        chars = found[-1].chars
        place = Piece(
            "break", chars[label.start()][1], chars[-1][2], "label", chars=chars[label.start() :]
        )
        found[-1:] = [*([part(found[-1], 0, label.start())] if label.start() else []), place]
    return found


def _headed(content: str, pieces: list[Piece]) -> list[Piece]:
    """A paragraph's task box or alert name, and the line end after it, as breaks."""
    first = pieces[0] if pieces else None
    if first is None or first.kind != "text":
        return pieces
    shadow = _shadow(content, first)
    if task := _TASK.match(shadow):
        size = task.end()
        head = [Piece("break", first.start, first.chars[size - 1][2], "task")]
        return [
            *head,
            *([part(first, size, len(first.chars))] if size < len(shadow) else []),
            *pieces[1:],
        ]
    if not (alert := _ALERT.match(shadow)):
        return pieces
    size = alert.end()
    head = [Piece("break", first.start, first.chars[size - 1][2], "alert")]
    rest = [*([part(first, size, len(first.chars))] if size < len(shadow) else []), *pieces[1:]]
    line_end = content.find("\n")
    for number, piece in enumerate(rest):
        for at, (_, start, end) in enumerate(piece.chars):
            if start <= line_end < end:
                before = [part(piece, 0, at)] if at else []
                after = [part(piece, at + 1, len(piece.chars))] if at + 1 < len(piece.chars) else []
                return [
                    *head, *rest[:number], *before, Piece("break", start, end, "alert"),
                    *after, *rest[number + 1 :],
                ]  # fmt: skip
    return head + rest
