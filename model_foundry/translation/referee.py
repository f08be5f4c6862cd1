"""A second opinion on two documents: cmark-gfm, which shares nothing with our parser.

Where ours is blind, it cuts wrongly and finds nothing wrong; GitHub's own does not know our
dialect and sees blocks, marks, targets, code and HTML as its readers will. Both must find that a
translation is built as its source.

The wheel `cmarkgfm` has the C library; its Python functions never free a tree, so that each
document would be kept for good. We call the same library through its documented C interface.

Belongs here: what cmark-gfm sees, and how two of its views differ. Does not: our own view
(`structure`).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any, Final, NamedTuple

from cffi import FFI

from model_foundry.translation import front_matter
from model_foundry.translation.differ import changes

_INTERFACE: Final = """
typedef struct cmark_node cmark_node;
typedef struct cmark_parser cmark_parser;
typedef struct cmark_syntax_extension cmark_syntax_extension;
void cmark_gfm_core_extensions_ensure_registered(void);
cmark_syntax_extension *cmark_find_syntax_extension(const char *name);
cmark_parser *cmark_parser_new(int options);
int cmark_parser_attach_syntax_extension(cmark_parser *parser, cmark_syntax_extension *extension);
void cmark_parser_feed(cmark_parser *parser, const char *buffer, size_t len);
cmark_node *cmark_parser_finish(cmark_parser *parser);
void cmark_parser_free(cmark_parser *parser);
char *cmark_render_xml(cmark_node *root, int options);
void cmark_node_free(cmark_node *node);
void free(void *pointer);
"""
_SOURCEPOS: Final = 1 << 1
_FOOTNOTES: Final = 1 << 13
_DOUBLE_TILDE: Final = 1 << 14
_EXTENSIONS: Final = (b"table", b"strikethrough", b"tasklist")
_TAG: Final = re.compile(r"<(/?)(\w+)([^<>]*?)(/?)>([^<]*)")
_PLACE: Final = re.compile(r"sourcepos=\"(\d+):")
_FORGOTTEN: Final = re.compile(r" (?:sourcepos|xml:space|xmlns)=\"[^\"]*\"")
_VERBATIM: Final = frozenset({"code", "code_block", "html_block", "html_inline"})
_IN_TEXT: Final = frozenset(
    {"text", "softbreak", "linebreak", "code", "html_inline", "emph", "strong", "link", "image",
     "strikethrough"}
)  # fmt: skip
_ELEMENT: Final = re.compile(r"<(/?)([A-Za-z][\w.:-]*)")
_VOID: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)


class _Seen(NamedTuple):
    """A block, with its line from 1; of a text, what it is made of."""

    line: int
    said: str


def disagreements(
    source: str,
    translation: str,
    prose: tuple[Collection[int], Collection[int]] = ((), ()),
) -> list[tuple[int, str]]:
    """What cmark-gfm sees otherwise in a translation than in its source: the source's lines, and
    words; none if it sees one structure. Front matter is left to others.

    On the lines of `prose`, from 1 below the front matter, of source and translation, what is code
    to it is text in our dialect.
    """
    theirs, ours = _view(source, prose[0]), _view(translation, prose[1])
    was, now = [each.said for each in theirs], [each.said for each in ours]
    if was == now:
        return []
    found = []
    for first, last, begin, end in changes(was, now):
        lines = [each.line for each in theirs[first:last]]
        lines = lines or [theirs[max(0, first - 1)].line if theirs else 1]
        before = " ".join(was[first:last])[:80] or "nothing"
        after = " ".join(now[begin:end])[:80] or "nothing"
        found += [
            (line, f"GitHub's parser reads {after} for {before}") for line in sorted(set(lines))
        ]
    return found


def _view(document: str, prose: Collection[int]) -> list[_Seen]:
    front = front_matter.find(document)
    start = front.end if front else len(front_matter.BOM) * document.startswith(front_matter.BOM)
    skipped = document.count("\n", 0, start) or document.count("\r", 0, start)
    return [_Seen(each.line + skipped, each.said) for each in _seen(_xml(document[start:]), prose)]


@cache
def _library() -> tuple[Any, Any, Any]:
    """The interface, the C library in the wheel, and the C runtime that frees its strings."""
    from cmarkgfm import _cmark  # noqa: PLC0415 - loaded once something is translated

    ffi = FFI()
    ffi.cdef(_INTERFACE)
    library = ffi.dlopen(_cmark.__file__)
    library.cmark_gfm_core_extensions_ensure_registered()
    return ffi, library, ffi.dlopen(None)


def _xml(text: str) -> str:
    ffi, library, runtime = _library()
    # A line end is one in all of them; cmark would end a text at its first zero byte.
    encoded = text.replace("\0", "\ufffd").encode()
    options = _SOURCEPOS | _FOOTNOTES | _DOUBLE_TILDE
    parser = library.cmark_parser_new(options)
    try:
        for name in _EXTENSIONS:
            extension = library.cmark_find_syntax_extension(name)
            library.cmark_parser_attach_syntax_extension(parser, extension)
        library.cmark_parser_feed(parser, encoded, len(encoded))
        root = library.cmark_parser_finish(parser)
    finally:
        library.cmark_parser_free(parser)
    try:
        written = library.cmark_render_xml(root, options)
        try:
            xml: str = ffi.string(written).decode()
        finally:
            runtime.free(written)
    finally:
        library.cmark_node_free(root)
    return xml.replace("<<unknown>", "<footnote").replace("</<unknown>>", "</footnote>")


@dataclass
class _Mark:
    """What is around others in a text, with what is in it."""

    name: str
    has_words: bool = False
    inner: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def said(self) -> str:
        words = ["words"] if self.has_words else []
        return f"{self.name}({', '.join([*words, *sorted(self.inner), *self.order])})"


def _seen(xml: str, prose: Collection[int]) -> Iterator[_Seen]:
    line = 1
    text: list[_Mark] = []
    for match in _TAG.finditer(xml, xml.index("<document")):
        closing, name, attributes, empty, content = match.groups()
        if name not in _IN_TEXT:
            if text:
                yield _Seen(line, _whole(text))
                text = []
            if place := _PLACE.search(attributes):
                line = int(place[1])
            if not (closing and name in _VERBATIM):
                details = _FORGOTTEN.sub("", attributes)
                is_prose = name == "code_block" and line in prose
                verbatim = content if name in _VERBATIM and not is_prose else ""
                yield _Seen(line, f"{closing}{name}{details} {verbatim}".strip())
            continue
        text = text or [_Mark("text")]
        if name == "text" and not closing:
            text[-1].has_words |= any(map(str.isalnum, unescape(content)))
        elif name in {"linebreak", "code"} and not closing:
            text[-1].inner.append(f"{name} {content}".strip())
        elif name == "html_inline" and not closing:
            _html(text, unescape(content))
        elif name in {"emph", "strong", "link", "image", "strikethrough"}:
            if closing:
                _end(text, name)
            else:
                text.append(_Mark(name + _FORGOTTEN.sub("", attributes)))
                if empty:
                    _end(text, name)


def _html(text: list[_Mark], tag: str) -> None:
    match = _ELEMENT.match(tag)
    if match is None or tag.endswith("/>") or match[2].lower() in _VOID:
        text[-1].inner.append(tag)
    elif not match[1]:
        text.append(_Mark(tag))
    elif (opened := _ELEMENT.match(text[-1].name)) and opened[2].lower() == match[2].lower():
        _fold(text)
    else:
        text[-1].order.append(tag)


def _end(text: list[_Mark], name: str) -> None:
    """Closes a mark, and elements in it that were not closed: these are told apart from it."""
    while len(text) > 1 and not text[-1].name.startswith(name):
        _loosen(text)
    if len(text) > 1:
        _fold(text)


def _fold(text: list[_Mark]) -> None:
    mark = text.pop()
    text[-1].inner.append(mark.said())
    text[-1].has_words |= mark.has_words


def _loosen(text: list[_Mark]) -> None:
    mark = text.pop()
    text[-1].order += [mark.name, *mark.order]
    text[-1].inner += mark.inner
    text[-1].has_words |= mark.has_words


def _whole(text: list[_Mark]) -> str:
    while len(text) > 1:
        _loosen(text)
    return text[0].said()
