"""What of a document is left alone: regions between comments, and names that stay as they are.

    <!-- translate: false -->          in MDX: {/* translate: false */}
    …
    <!-- translate: true -->

Belongs here: where such regions are, and names as pieces that are never sent. Does not: a whole
document with `translate: false` in its front matter (`article`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from model_foundry.translation.inline import Piece, part
from model_foundry.translation.markdown import Block, Parsed

Spans = Callable[[str], Sequence[tuple[int, int]]]

_COMMENT: Final = re.compile(
    r"(?:<!--|\{/\*)\s*translate:\s*(?P<on>true|on|yes)?(?P<off>false|off|no)?\s*(?:-->|\*/\})",
    re.IGNORECASE,
)


def without_regions(parsed: Parsed) -> list[Block]:
    """The document's blocks that are to be translated."""
    bounds = list(_switches(parsed))
    return [block for block in parsed.blocks if not _is_off(block.line, bounds)]


def _switches(parsed: Parsed) -> Iterator[tuple[int, bool]]:
    for token in parsed.tokens:
        if token.map and token.type in {"html_block", "template", "inline"}:
            for match in _COMMENT.finditer(token.content):
                if token.type == "inline" and match[0] != token.content.strip():
                    continue  # within a paragraph it says nothing
                if bool(match["on"]) != bool(match["off"]):
                    line = token.map[0] + token.content.count("\n", 0, match.start())
                    yield line + parsed.first_line, match["off"] is not None


def _is_off(line: int, switches: Sequence[tuple[int, bool]]) -> bool:
    return next((off for at, off in reversed(switches) if at <= line), False)


def keep_names(block: Block, spans: Spans) -> Block:
    """The block with the names in its texts as pieces that are never touched."""
    pieces: list[Piece] = []
    for piece in block.pieces:
        pieces += _split(block, piece, spans) if piece.kind == "text" else [piece]
    return replace(block, pieces=pieces)


def _split(block: Block, piece: Piece, spans: Spans) -> Iterator[Piece]:
    at = 0
    for start, end in spans(piece.text):
        first, last = piece.chars[start][1], piece.chars[end - 1][2]
        if block.content[first:last].split() != piece.text[start:end].split():
            continue  # written with escapes or entities
        if at < start:
            yield part(piece, at, start)
        yield Piece("opaque", first, last, "kept")
        at = end
    if at < len(piece.chars):
        yield part(piece, at, len(piece.chars))
