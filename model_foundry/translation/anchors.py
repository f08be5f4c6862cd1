"""Anchors of headings: a translated heading keeps the one that its source's links name.

A site makes a heading's anchor of its words, so a translated heading has another one. The source's
is written beside it, as an explicit id (`## Titel {#title}`) where the site's dialect has one, as
an HTML anchor elsewhere.

Belongs here: which anchors a document's headings have, and writing them. Does not: links (`links`).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from model_foundry.translation.markdown import Block, parse

Written = Literal["attribute", "html", "none"]
Slugger = Literal["github", "python-markdown", "vitepress"]


class Style(NamedTuple):
    """How anchors are written, and how the site makes one of a heading's words."""

    written: Written
    slugger: Slugger


class Heading(NamedTuple):
    """A heading's place; `explicit`: the anchor that it says itself."""

    line: int
    end: int
    words: str
    explicit: str | None
    is_closed: bool


_EXPLICIT: Final = re.compile(
    r"\{:?\s*[^{}\n]*?#([^\s{}]+)[^{}\n]*\}\s*\Z|\{/\*\s*#?([^\s*]+)\s*\*/\}\s*\Z"
    r"|<\w+\s[^<>]*?\b(?:id|name)\s*=\s*[\"']([^\"'<>]+)[\"']"
)
_LABEL: Final = re.compile(r"^\(([^()\s]+)\)=[ \t]*$", re.MULTILINE)
_HTML_ID: Final = re.compile(r"<[A-Za-z][^<>]*?\s(?:id|name)\s*=\s*[\"']([^\"'<>]+)[\"']")
_FIT_ID: Final = re.compile(r"[^\s{}\"'<>&]+")
_PUNCTUATION: Final = re.compile(r"[\s~`!@#$%^&*()\-_+=\[\]{}|\\;:\"'“”‘’<>,.?/]+")
_SITES: Final[dict[str, Style]] = {
    "docusaurus.config.js": Style("attribute", "github"),
    "docusaurus.config.ts": Style("attribute", "github"),
    "docusaurus.config.mjs": Style("attribute", "github"),
    ".vitepress": Style("attribute", "vitepress"),
    "hugo.toml": Style("attribute", "github"),
    "hugo.yaml": Style("attribute", "github"),
    "_config.yml": Style("attribute", "github"),  # Jekyll, whose Markdown is kramdown
    "mkdocs.yml": Style("html", "python-markdown"),
}
GITHUB: Final = Style("html", "github")
_UP: Final = 12


def style_of(source: Path) -> Style:
    """The style of the site that a file belongs to: by what lies in its folder, or above it."""
    for folder in list(source.absolute().parents)[:_UP]:
        for name, style in _SITES.items():
            if (folder / name).exists():
                return _mkdocs(folder / name) if name == "mkdocs.yml" else style
        if (folder / ".git").exists():
            break
    return GITHUB


def _mkdocs(path: Path) -> Style:
    """Its settings may turn the ids of `attr_list` on, and anchors of any script."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return Style(
        "attribute" if re.search(r"^\s*-\s*attr_list\b", text, re.MULTILINE) else "html",
        "github" if "slugify" in text else "python-markdown",
    )


def headings(text: str) -> list[Heading]:
    """A document's headings in their order."""
    return [
        Heading(
            block.line,
            block.ends[-1],
            _words(block),
            _explicit(block),
            block.kind == "heading" and _rest_of_line(text, block.ends[-1]).strip() != "",
        )
        for block in parse(text).blocks
        if block.kind in {"heading", "setext"}
    ]


def anchors(found: Sequence[Heading], slugger: Slugger) -> list[str]:
    """The anchor of each heading: what it says itself, else what the site makes of its words."""
    slug, join = _SLUGGERS[slugger]
    taken: dict[str, int] = {}
    out = []
    for heading in found:
        if heading.explicit:
            out.append(heading.explicit)
            continue
        wanted = name = slug(heading.words)
        while name in taken or (slugger == "python-markdown" and not name):
            taken[wanted] = taken.get(wanted, 0) + 1
            name = f"{wanted}{join}{taken[wanted]}"
        taken.setdefault(name, 0)
        out.append(name)
    return out


def all_anchors(text: str, slugger: Slugger) -> set[str]:
    """Everything in a document that a link may name behind `#`."""
    found = {*anchors(headings(text), slugger), *_HTML_ID.findall(text), *_LABEL.findall(text)}
    return found | {"", "top"}


def wanted_anchors(source: str, translation: str, style: Style) -> list[str | None]:
    """For each heading the anchor that is to be written, where the translation would have another.

    Empty where the two have not as many headings.
    """
    theirs, ours = headings(source), headings(translation)
    if style.written == "none" or len(theirs) != len(ours):
        return []
    had, has = (anchors(each, style.slugger) for each in (theirs, ours))
    return [
        was if was != now and heading.explicit is None and _FIT_ID.fullmatch(was) else None
        for was, now, heading in zip(had, has, theirs, strict=True)
    ]


def anchored(text: str, wanted: Sequence[str | None], style: Style) -> str:
    """The document with these anchors at its headings."""
    if not any(wanted):
        return text
    out, at = [], 0
    for heading, anchor in zip(headings(text), wanted, strict=True):
        if anchor:
            out += [text[at : heading.end], f" {_anchor(anchor, heading, style)}"]
            at = heading.end
    return "".join([*out, text[at:]])


def unanchored(text: str, source: str, style: Style) -> str:
    """The translation of a source without the anchors that `anchored` may have given it."""
    theirs, ours = headings(source), headings(text)
    if len(theirs) != len(ours):
        return text
    out, at = [], 0
    for heading, was, anchor in zip(ours, theirs, anchors(theirs, style.slugger), strict=True):
        for written in [] if was.explicit else (f' <a id="{anchor}"></a>', f" {{#{anchor}}}"):
            start = heading.end - len(written)
            if text[start : heading.end] == written and start > at:
                out.append(text[at:start])
                at = heading.end
                break
    return "".join([*out, text[at:]])


def _anchor(anchor: str, heading: Heading, style: Style) -> str:
    is_html = style.written == "html" or heading.is_closed  # `## Title {#id} ##` is read nowhere
    return f'<a id="{anchor}"></a>' if is_html else f"{{#{anchor}}}"


def _rest_of_line(text: str, at: int) -> str:
    return re.split(r"[\r\n]", text[at : at + 400], maxsplit=1)[0]


def _words(block: Block) -> str:
    return "".join(_said(block)).strip()


def _said(block: Block) -> Iterator[str]:
    for piece in block.pieces:
        raw = block.content[piece.start : piece.end]
        if piece.kind == "text":
            yield piece.text
        elif piece.name == "code_inline":
            yield raw.strip("`").strip(" ")
        elif piece.kind == "opaque" and not raw.startswith(("<", "{")):
            yield raw


def _explicit(block: Block) -> str | None:
    found = _EXPLICIT.search(block.content)
    return next(filter(None, found.groups()), None) if found else None


def _github(words: str) -> str:
    kept = [
        char
        for char in words.lower()
        if char in "- " or unicodedata.category(char)[0] in "LNM" or char == "_"
    ]
    return "".join(kept).replace(" ", "-")


def _python_markdown(words: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def _vitepress(words: str) -> str:
    plain = re.sub(r"[\u0300-\u036f\0-\x1f]", "", unicodedata.normalize("NFKD", words))
    slug = re.sub(r"-{2,}", "-", _PUNCTUATION.sub("-", plain)).strip("-")
    return re.sub(r"\A(\d)", r"_\1", slug).lower()


_SLUGGERS: Final[dict[Slugger, tuple[Callable[[str], str], str]]] = {
    "github": (_github, "-"),
    "python-markdown": (_python_markdown, "_"),
    "vitepress": (_vitepress, "-"),
}
