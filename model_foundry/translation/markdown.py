"""A Markdown document's blocks, with the place of their text in the source.

markdown-it-py says on which lines a block stands. Its text is found again in these lines, behind
the prefixes of quotes and lists.

Belongs here: from a document to blocks with pieces. Does not: what is translated (`document`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from markdown_it.token import Token

from model_foundry.translation.dialect import INLINE, MARKDOWN
from model_foundry.translation.inline import Char, Piece, part

BOM: Final = "\ufeff"
BlockKind = Literal["paragraph", "heading", "setext", "cell", "term", "title"]


@dataclass(slots=True, eq=False)
class Block:
    """A block with text of its own. `starts[i]` and `ends[i]`: where its i-th character is in the
    source; `line` counts from 1."""

    kind: BlockKind
    line: int
    content: str
    starts: list[int]
    ends: list[int]
    pieces: list[Piece]
    source: str


@dataclass(slots=True, eq=False)
class Parsed:
    """A document's tokens and blocks. `front` is its front matter, `---` lines included."""

    source: str
    front: str
    tokens: list[Token]
    blocks: list[Block]
    env: dict[str, Any]
    first_line: int


_FRONT: Final = re.compile(
    r"(?:---[ \t]*(?:\r\n?|\n)(?:(?:.*?)(?:\r\n?|\n))??(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*(?:\r\n?|\n)(?:(?:.*?)(?:\r\n?|\n))??\+\+\+)"
    r"[ \t]*(?:\r\n?|\n|\Z)",
    re.DOTALL,
)
_LINE_END: Final = re.compile(r"\r\n?|\n")
_TASK: Final = re.compile(r"\[[ xX]\][ \t\0]+")
_ALERT: Final = re.compile(r"\[![\w-]+\][+-]?[ \t]*")


def inline_pieces(content: str, env: dict[str, Any]) -> list[Piece]:
    """The pieces of an inline text; `env` knows the document's reference definitions."""
    return INLINE.pieces(content, MARKDOWN, env)


def block_tokens(text: str) -> list[Token]:
    """The tokens of a text that is a document by itself."""
    return MARKDOWN.parse(text, {})


def parse(source: str) -> Parsed:
    """A document's tokens, and its blocks with the place of their text in the source."""
    start = len(BOM) if source.startswith(BOM) else 0
    match = _FRONT.match(source, start)
    front = match[0] if match else ""
    start += len(front)
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
    return Parsed(source, front, tokens, list(reader.blocks(tokens)), env, first_line)


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
            place = self._place(kind, token.content, line, column - 1)
            if place is None:
                continue
            pieces = token.meta["pieces"]
            if kind == "paragraph":
                pieces = _marked(token.content, pieces, tokens, token)
            yield Block(kind, line + self._first_line, token.content, *place, pieces, self._source)

    def _place(
        self, kind: BlockKind, content: str, line: int, column: int
    ) -> tuple[list[int], list[int]] | None:
        if kind == "cell":
            return self._cell(content, line, column)
        if kind in {"heading", "title"}:
            text = self._lines[line]
            pattern = (
                rf"#{{1,6}}[ \t]+({re.escape(content)})(?:[ \t]+#+)?[ \t]*$"
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
            at = len(text.rstrip(" \t")) - len(words.rstrip(" \t"))
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
        text = self._lines[line][begin:].rstrip(" \t")
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
        while chars and chars[0][0] in " \t":
            chars = chars[1:]
        while chars and chars[-1][0] in " \t":
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


def _marked(
    content: str, pieces: list[Piece], tokens: Sequence[Token], token: Token
) -> list[Piece]:
    """A paragraph's task box or alert name, and the line end after it, as breaks."""
    first = pieces[0] if pieces else None
    if first is None or first.kind != "text":
        return pieces
    shadow = "".join(
        char if content[start:end] == char else "\0" for char, start, end in first.chars
    )
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
