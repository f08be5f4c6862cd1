"""Relative links of a translation: they work from where it lies, and go to siblings' translations.

Links are found by the parser that segments are cut with, HTML's and JSX's attributes by their
form. Only what leads to a file that is there is changed; a site's own routes stay as they are.

Belongs here: finding links, writing them anew, and what does not lead anywhere. Does not: anchors
(`anchors`), which translations there are (`publish`).
"""

import html
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from markdown_it.common.utils import unescapeAll
from markdown_it.helpers import parseLinkDestination

from model_foundry.errors import FoundryError
from model_foundry.translation.anchors import Slugger, all_anchors
from model_foundry.translation.markdown import Block, Parsed, parse

Form = Literal["markdown", "html", "module"]


class Link(NamedTuple):
    """Where a link goes: `url` as it is meant, and the place in the document that says so."""

    line: int
    start: int
    end: int
    url: str
    form: Form


class Place(NamedTuple):
    """A source, where its translation lies, and what other files' translations are."""

    source: Path
    output: Path
    translation_of: Callable[[Path], Path | None]


_LINE_END: Final = re.compile(r"\r\n?|\n")
_DEFINED: Final = re.compile(r"\[(?:[^\[\]\\]|\\.)+\]:\s*(?:>\s*)*", re.DOTALL)
_SKIPPED: Final = r"<!--.*?-->|<(script|style|textarea)\b.*?</\1\s*>"
_ATTRIBUTE: Final = re.compile(rf"{_SKIPPED}|<[A-Za-z][^<>]*>", re.DOTALL | re.IGNORECASE)
_URL: Final = re.compile(
    r"(?<=[\s\"'])(?:href|src|poster|to)\s*=\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')", re.IGNORECASE
)
_IMPORTED: Final = re.compile(r"\b(?:from|import)\s*(?:\"([^\"\n]+)\"|'([^'\n]+)')")
_PARTS: Final = re.compile(r"(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/#?\\~@]|\Z")
_TO_QUOTE: Final = re.compile(r"[\s%?#()<>\"'`*\[\]{}|^\\\x00-\x1f\x7f&]")
_MARKDOWN: Final = (".md", ".mdx", ".markdown")


def links(text: str) -> list[Link]:
    """A document's links in the order of their places."""
    return sorted(_links(parse(text)), key=lambda link: link.start)


def urls(text: str) -> list[str]:
    """Where a document's links go, in the order of the alphabet."""
    return sorted(link.url for link in links(text))


def relinked(text: str, place: Place) -> str:
    """The document with its links as they must be where its translation lies.

    Raises:
        FoundryError: they would not be read as they were written; the text names the line.
    """
    found = links(text)
    wanted = [localized(link.url, place) for link in found]
    if all(link.url == url for link, url in zip(found, wanted, strict=True)):
        return text
    out, at = [], 0
    for link, url in zip(found, wanted, strict=True):
        if link.url != url:
            out += [text[at : link.start], html.escape(url) if link.form == "html" else url]
            at = link.end
    new = "".join([*out, text[at:]])
    reads = [link.url for link in links(new)]
    if reads != wanted:
        line = next(
            (link.line for link, url, now in zip(found, wanted, reads, strict=False) if url != now),
            found[-1].line,
        )
        raise FoundryError(
            f"line {line}: its link cannot be written anew; "
            "MODEL_FOUNDRY_TRANSLATION_LINKS=false leaves links as they are"
        )
    return new


def localized(url: str, place: Place) -> str:
    """A link of the source, as its translation must have it."""
    if _ABSOLUTE.match(url) or "{" in url:
        return url
    path, rest = _PARTS.fullmatch(url).groups()  # type: ignore[union-attr]  # matches every text
    target, bare = _file(place.source.parent, unquote(path))
    if target is None:
        return url
    translation = place.translation_of(target) if target.suffix in _MARKDOWN else None
    if translation is None and place.output.parent == place.source.parent:
        return url
    new = os.path.relpath(translation or target, place.output.parent)
    if target.suffix in _MARKDOWN and bare is not None:
        new = new[: -len(target.suffix)] + bare
    new = _TO_QUOTE.sub(lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), new)
    if path.startswith("./") and not new.startswith("../"):
        new = f"./{new}"
    return new + "/" * (path.endswith("/") and not new.endswith("/")) + rest


def broken(text: str, path: Path, slugger: Slugger = "github") -> list[tuple[int, str, str]]:
    """Relative links that lead nowhere: line, link, and why."""
    found = []
    known: dict[Path, set[str]] = {}
    for link in links(text):
        if link.form == "module" or "{" in link.url:
            continue
        if _ABSOLUTE.match(link.url) and not link.url.startswith("#"):
            continue
        name, rest = _PARTS.fullmatch(link.url).groups()  # type: ignore[union-attr]
        target, _ = _file(path.parent, unquote(name)) if name else (path, None)
        if target is None:
            found.append((link.line, link.url, "there is no such file"))
            continue
        anchor = unquote(rest.partition("#")[2])
        if anchor and target.suffix in _MARKDOWN:
            if target not in known:
                there = text if target == path else target.read_text("utf-8", errors="replace")
                known[target] = all_anchors(there, slugger)
            if anchor not in known[target]:
                found.append((link.line, link.url, f"{target.name} has no such anchor"))
    return found


def _file(folder: Path, name: str) -> tuple[Path | None, str | None]:
    """The file or folder that a link names; and what it has in place of `.md`, if it leaves that
    out."""
    target = Path(os.path.normpath(folder / name))
    try:
        if target.exists():
            return target, None
        for ending in ("", ".html"):
            if name.endswith("/") or (ending and not name.endswith(ending)):
                continue
            for suffix in _MARKDOWN:
                other = Path(f"{str(target).removesuffix(ending)}{suffix}")
                if other.is_file():
                    return other, ending
    except (OSError, ValueError):
        pass
    return None, None


def _links(parsed: Parsed) -> Iterator[Link]:
    for block in parsed.blocks:
        yield from _of_block(block)
    offsets = [0, *(match.end() for match in _LINE_END.finditer(parsed.source))]

    def lines(span: list[int]) -> tuple[int, int]:
        first, last = (number + parsed.first_line - 1 for number in span)
        end = offsets[last] if last < len(offsets) else len(parsed.source)
        return offsets[first], end

    for reference in parsed.env.get("references", {}).values():
        if "map" in reference:
            yield from _defined(parsed.source, *lines(reference["map"]), reference["href"])
    for token in parsed.tokens:
        if token.map and token.type in {"html_block", "jsx", "module"}:
            start, end = lines(token.map)
            form: Form = "module" if token.type == "module" else "html"
            line = token.map[0] + parsed.first_line
            for first, last, url in _in_code(parsed.source[start:end], form):
                yield Link(line, start + first, start + last, url, form)


def _of_block(block: Block) -> Iterator[Link]:
    for piece in block.pieces:
        line = block.line + block.content.count("\n", 0, piece.start)
        raw = block.content[piece.start : piece.end]
        if piece.kind == "close" and piece.name in {"link", "image"} and raw.startswith("]("):
            at = piece.start + 2
            while block.content[at : at + 1].isspace():
                at += 1
            found = parseLinkDestination(block.content, at, piece.end)
            if found.ok and found.pos > at:
                yield Link(line, block.starts[at], block.ends[found.pos - 1], found.str, "markdown")
        elif piece.kind == "opaque" and piece.name in {"html_inline", "jsx"}:
            for first, last, url in _in_code(raw, "html"):
                start, end = piece.start + first, piece.start + last
                if last > first:
                    yield Link(line, block.starts[start], block.ends[end - 1], url, "html")


def _defined(source: str, start: int, end: int, href: str) -> Iterator[Link]:
    """The target in a reference definition, where it is read as the parser has read it."""
    found = _DEFINED.search(source, start, end)
    if not found:
        return
    target = parseLinkDestination(source, found.end(), end)
    if target.ok and target.pos > found.end() and unquote(target.str) == unquote(href):
        line = len(_LINE_END.findall(source, 0, found.end())) + 1
        yield Link(line, found.end(), target.pos, unescapeAll(target.str), "markdown")


def _in_code(code: str, form: Form) -> Iterator[tuple[int, int, str]]:
    if form == "module":
        for match in _IMPORTED.finditer(code):
            group = 1 if match[1] is not None else 2
            if match[group].startswith("."):
                yield (*match.span(group), match[group])
        return
    for tag in _ATTRIBUTE.finditer(code):
        if tag[0].startswith("<!--") or tag[1]:
            continue
        for match in _URL.finditer(code, tag.start(), tag.end()):
            group = 1 if match[1] is not None else 2
            if match[group]:
                yield (*match.span(group), html.unescape(match[group]))
