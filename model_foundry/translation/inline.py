"""Inline Markdown with the place of everything: a flat list of pieces.

markdown-it-py says what an inline text is made of, but not where. This parser does as its own, and
notes besides which rule consumed which characters.

Belongs here: pieces, and what of a text is no language though Markdown sees nothing in it (bare
URLs, addresses, template tags). Does not: blocks (`markdown`), the dialect's rules (`dialect`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from model_foundry.translation.languages import is_unspaced

PieceKind = Literal["text", "open", "close", "opaque", "break"]
Char = tuple[str, int, int]


@dataclass(slots=True)
class Piece:
    """A stretch of inline text; `start` and `end` are offsets in the block's content.

    `text` pieces have `chars`: each decoded character with the offsets of what wrote it. `open` and
    `close` are emphasis (`em`, `strong`, `s`), `link`, `image` and `note`; `target` is where a link
    goes. `opaque` is never touched; nor is a `break`, which ends what is translated as one.
    """

    kind: PieceKind
    start: int
    end: int
    name: str = ""
    target: tuple[str, str] = ("", "")
    chars: list[Char] = field(default_factory=list)
    token: Token | None = None

    @property
    def text(self) -> str:
        return "".join(char for char, _, _ in self.chars)


_URL: Final = r"[A-Za-z0-9_\-.~:/?#\[\]@!$&'()*+,;=%]"
_WORD: Final = r"[^\W\x00-\x7f]\w*"
# Text that is no language: bare URLs and paths, addresses, emoji codes, tokens of chat templates.
# A URL's letters beyond ASCII are its own where it would end with a separator (`/wiki/日本語`).
LITERAL: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:https?|ftps?|wss?|file|nats|postgres(?:ql)?)://"
    rf"(?:{_URL}*[A-Za-z0-9_\-~/#=&%+])?(?:(?<=[/#=&%+_-]){_WORD}(?:{_URL}*[A-Za-z0-9_\-~/#=&%+])?)*"
    rf"|(?<![\w.])www\.{_URL}*[A-Za-z0-9_\-~/#=&%+]"
    r"|(?<![\w.+-])[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+"
    r"|(?<![A-Za-z0-9_:]):[a-z][a-z0-9_+-]*:(?![\w:])"
    rf"|(?<![\w/.\-])\.{{0,2}}(?:/(?:[A-Za-z0-9_.~%-]+|{_WORD})){{2,}}/?(?<![.])"
    r"|<\|[\w.:/-]{1,40}\|>|<\|plamo:|</?s>|\[/?INST\]|<</?SYS>>"
    r"|<(?:start_of_turn|end_of_turn|bos|eos|pad|unk)>",
    re.IGNORECASE,
)
# Attributes of what they stand behind: kramdown, Pandoc, MkDocs, Docusaurus.
ATTRIBUTES: Final = re.compile(r"\{[:#.]|\{ *[#.][\w-]|\{ *[\w:-]+=|\{/\*")
_HTML_NAME: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)")
_LEFT_ALONE: Final = re.compile(
    r"<[^<>]*\s(?:translate\s*=\s*[\"']?no\b|class\s*=\s*[\"'][^\"']*\bnotranslate\b)",
    re.IGNORECASE,
)
_CODE_TAGS: Final = frozenset(
    {"code", "kbd", "samp", "var", "tt", "pre", "script", "style", "textarea", "math", "svg"}
)


class PieceParser(ParserInline):
    """The inline parser, which besides notes what it consumed as pieces, in `state.pieces`."""

    _last: Sequence[Piece] = ()

    def tokenize(self, state: StateInline) -> None:
        rules = self.ruler.getRules("")
        end = state.posMax
        pieces: list[Piece] = state.__dict__.setdefault("pieces", [])
        while state.pos < end:
            at = state.pos
            had_pending = bool(state.pending)
            tokens, known = len(state.tokens), len(pieces)
            consumed = state.level < state.md.options["maxNesting"] and any(
                rule(state, False) for rule in rules
            )
            if not consumed:
                state.pending += state.src[at]
                state.pos += 1
            new = state.tokens[tokens:]
            if not new:
                pieces.append(_text(state.src, at, state.pos))
            else:
                self._note(state.src, (at, state.pos), new[had_pending:] or new, pieces, known)
        if state.pending:
            state.pushPending()

    def _note(
        self, src: str, span: tuple[int, int], new: list[Token], pieces: list[Piece], known: int
    ) -> None:
        start, end = span
        last = new[-1]
        if last.type in {"softbreak", "hardbreak"}:
            while pieces and pieces[-1].kind == "text" and pieces[-1].chars[-1][0] == " ":
                if src[pieces[-1].chars[-1][1]] != " ":
                    break  # an entity
                start = pieces[-1].chars.pop()[1]
                pieces[-1].end = start
                if not pieces[-1].chars:
                    pieces.pop()
            pieces.append(Piece("break", start, end, last.type))
        elif last.type == "text_special" and last.content == src[start:end]:
            pieces.append(_text(src, start, end))  # a backslash before what it does not escape
        elif last.type == "text_special":
            pieces.append(
                Piece("text", start, end, chars=[(char, start, end) for char in last.content[:1]])
            )
            pieces[-1].chars += [(char, end, end) for char in last.content[1:]]
        elif last.type == "text":  # delimiters, which only later become emphasis or text
            at = start
            for token in new:
                size = len(token.content)
                pieces.append(Piece("open", at, at + size, "delimiter", token=token))
                at += size
        elif last.type == "image":
            inner = [moved(piece, start + 2) for piece in self._last] if last.content else []
            target = (str(last.attrs["src"]), str(last.attrs.get("title", "")))
            label = start + 2 + len(last.content)
            pieces.append(Piece("open", start, start + 2, "image", target))
            pieces += inner
            pieces.append(Piece("close", label, end, "image", target))
        elif last.type in {"link_close", "note_close"} and last.markup != "autolink":
            name = last.type.removesuffix("_close")
            opened = next(token for token in new if token.type == f"{name}_open")
            target = (str(opened.attrs.get("href", "")), str(opened.attrs.get("title", "")))
            size = opened.meta.get("size", 1)
            label = pieces[-1].end if len(pieces) > known else start + size
            pieces.insert(known, Piece("open", start, start + size, name, target))
            pieces.append(Piece("close", label, end, name, target))
        else:
            pieces.append(Piece("opaque", start, end, last.type))

    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        state = StateInline(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        self._last = _settled(state.src, state.__dict__.get("pieces", []))
        return state.tokens

    def pieces(self, src: str, md: MarkdownIt, env: Any) -> list[Piece]:
        """What an inline text is made of; `env` knows the document's reference definitions."""
        self.parse(src, md, env, [])
        return _protected(src, self._last)


def _text(src: str, start: int, end: int) -> Piece:
    return Piece("text", start, end, chars=[(src[at], at, at + 1) for at in range(start, end)])


def moved(piece: Piece, by: int) -> Piece:
    """The piece as it is in a text that begins elsewhere."""
    chars = [(char, start + by, end + by) for char, start, end in piece.chars]
    return Piece(piece.kind, piece.start + by, piece.end + by, piece.name, piece.target, chars)


def _settled(src: str, pieces: list[Piece]) -> list[Piece]:
    """Delimiters as what they became; neighbouring texts as one."""
    settled: list[Piece] = []
    half: int | None = None  # where a `**` began, whose first star has no token of its own any more
    for piece in pieces:
        token = piece.token
        if token is None:
            _append(settled, piece)
        elif token.nesting > 0:
            start = piece.start if half is None else half
            settled.append(Piece("open", start, piece.end, token.tag))
            half = None
        elif token.nesting < 0:
            settled.append(Piece("close", piece.start, piece.end, token.tag))
        elif token.content:
            _append(settled, _text(src, piece.start, piece.end))
        elif (
            settled
            and (settled[-1].kind, settled[-1].name) == ("close", "strong")
            and settled[-1].end - settled[-1].start == 1
        ):
            settled[-1].end = piece.end
        else:
            half = piece.start
    return settled


def _append(pieces: list[Piece], piece: Piece) -> None:
    if piece.kind == "text" and pieces and pieces[-1].kind == "text":
        pieces[-1].chars += piece.chars
        pieces[-1].end = piece.end
    else:
        pieces.append(piece)


def _protected(src: str, pieces: Sequence[Piece]) -> list[Piece]:
    """Soft breaks as spaces, literals and what stands in code-like HTML as opaque pieces."""
    texts: list[Piece] = []
    bound = _line_bound(pieces)
    for number, piece in enumerate(pieces):
        if piece.kind == "break" and piece.name == "softbreak" and number not in bound:
            before = texts[-1].chars[-1][0] if texts and texts[-1].chars else ""
            following = pieces[number + 1] if number + 1 < len(pieces) else None
            after = following.chars[0][0] if following and following.chars else ""
            if before and after and is_unspaced(before) and is_unspaced(after):
                texts[-1].end = piece.end
                continue
            space = (" ", piece.start, piece.end)
            _append(texts, Piece("text", piece.start, piece.end, chars=[space]))
        elif _is_attributes_of(src, texts[-1] if texts else None, piece):
            texts[-1] = replace(
                texts[-1],
                end=piece.end,
                target=(texts[-1].target[0] + src[piece.start : piece.end], texts[-1].target[1]),
            )
        else:
            _append(texts, piece)
    found: list[Piece] = []
    for piece in texts:
        found += _literals(src, piece) if piece.kind == "text" else [piece]
    return _code_like(src, found)


def _is_attributes_of(src: str, before: Piece | None, piece: Piece) -> bool:
    """Whether a link or an image has these attributes, which then go where it goes."""
    return (
        piece.name == "braces"
        and before is not None
        and before.kind == "close"
        and before.name in {"link", "image"}
        and before.end == piece.start
        and bool(ATTRIBUTES.match(src, piece.start))
    )


_BOUND: Final = frozenset({"html_inline", "jsx", "braces", "comment"})


def _line_bound(pieces: Sequence[Piece]) -> set[int]:
    """The line ends beside a line of tags and templates alone: it means something as a line."""
    bound: set[int] = set()
    depth = 0
    ends = [-1]
    for number, piece in enumerate([*pieces, Piece("break", 0, 0, "end")]):
        depth += (piece.kind == "open") - (piece.kind == "close")
        if piece.kind != "break" or depth:
            continue
        line = pieces[ends[-1] + 1 : number]
        if any(each.name in _BOUND for each in line) and all(
            each.name in _BOUND or not each.text.strip()
            if each.kind in {"text", "opaque"}
            else False
            for each in line
        ):
            bound |= {ends[-1], number}
        ends.append(number)
    return bound


def _literals(src: str, piece: Piece) -> Iterator[Piece]:
    # Escaped characters, entities and line ends are no part of a literal.
    shadow = "".join(char if src[start:end] == char else "\0" for char, start, end in piece.chars)
    at = 0
    for match in LITERAL.finditer(shadow):
        start, end = match.span()
        if start == end:
            continue
        if at < start:
            yield part(piece, at, start)
        yield Piece("opaque", piece.chars[start][1], piece.chars[end - 1][2], "literal")
        at = end
    if at < len(piece.chars):
        yield part(piece, at, len(piece.chars))


def part(piece: Piece, start: int, end: int) -> Piece:
    """A text piece's characters from `start` to `end`."""
    chars = piece.chars[start:end]
    return Piece("text", chars[0][1], chars[-1][2], chars=chars)


def _code_like(src: str, pieces: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        stop = at
        if piece.name == "html_inline" and (tag := _HTML_NAME.match(src, piece.start)):
            name = tag[2].lower()
            alone = _LEFT_ALONE.match(src, piece.start, piece.end)
            if not tag[1] and (name in _CODE_TAGS or alone):
                stop = _closing(src, pieces, at, name)
        found.append(
            Piece("opaque", piece.start, pieces[stop].end, "html_inline") if stop > at else piece
        )
        at = stop + 1
    return found


def _closing(src: str, pieces: Sequence[Piece], at: int, name: str) -> int:
    """The piece that closes the tag at `at`, if no emphasis or link ends before; else `at`."""
    depth = 0
    for number in range(at + 1, len(pieces)):
        piece = pieces[number]
        depth += (piece.kind == "open") - (piece.kind == "close")
        if depth < 0:
            break
        tag = _HTML_NAME.match(src, piece.start) if piece.name == "html_inline" else None
        if tag and tag[1] and tag[2].lower() == name and depth == 0:
            return number
    return at
