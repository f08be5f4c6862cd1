"""The dialect of Markdown that is read: CommonMark and what articles are written with besides.

GitHub's tables, strikethrough, footnotes; math; definition lists; admonitions; and, by rules of
this module, wiki links, inline footnotes, directives (`:::`) and MDX (imports, exports, JSX).

Belongs here: rules of the parser. Does not: what is made of its tokens.
"""

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.admon import admon_plugin
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from model_foundry.translation.inline import PieceParser

_WIKI: Final = re.compile(r"!?\[\[[^\[\]\n]+\]\]")
_JSX: Final = re.compile(
    r"</?[A-Z][\w.:-]*(?:\s(?:[^<>{}\"'=]|=|\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\})*)?/?>|</?>"
)
_JSX_START: Final = re.compile(r"</?[A-Z]|</?>")
_ESM: Final = re.compile(
    r"import\s+[\"']|import\s+[\w*{][^\n]*(?:from\s+[\"']|\{\s*$|,\s*$)"
    r"|export\s+(?:const|let|var|function|default|class|async)\s+[\w({\[]|export\s+[{*]",
    re.MULTILINE,
)
_DIRECTIVE: Final = re.compile(r":{3,}[^\n]*|::[A-Za-z][^\n]*")


def _wiki_link(state: StateInline, silent: bool) -> bool:
    return _whole(state, silent, _WIKI, "wiki_link")


def _jsx(state: StateInline, silent: bool) -> bool:
    return state.src[state.pos] == "<" and _whole(state, silent, _JSX, "jsx")


def _whole(state: StateInline, silent: bool, pattern: re.Pattern[str], name: str) -> bool:
    match = pattern.match(state.src, state.pos, state.posMax)
    if not match:
        return False
    if not silent:
        state.push(name, "", 0).content = match[0]
    state.pos = match.end()
    return True


def _note(state: StateInline, silent: bool) -> bool:
    """An inline footnote, `^[text]`."""
    start = state.pos
    if not state.src.startswith("^[", start):
        return False
    end = parseLinkLabel(state, start + 1)
    if end < 0:
        return False
    if not silent:
        state.push("note_open", "", 1)
        state.pos, maximum, state.posMax = start + 2, state.posMax, end
        state.md.inline.tokenize(state)
        state.posMax = maximum
        state.push("note_close", "", -1)
    state.pos = end + 1
    return True


def _directive(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line that begins with `:::`, or a leaf directive `::name`."""
    if state.is_code_block(start):
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not _DIRECTIVE.fullmatch(line):
        return False
    if not silent:
        _push_lines(state, "directive", start, start + 1)
    return True


def _module(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """MDX: imports and exports, up to a blank line."""
    if state.sCount[start] != 0 or state.level:
        return False
    stop = _blank_after(state, start, end)
    first = state.bMarks[start]
    if not _ESM.match(state.src, first, state.eMarks[stop - 1]):
        return False
    if not silent:
        _push_lines(state, "module", start, stop)
    return True


def _jsx_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """MDX: a tag alone on its lines, which HTML would not take for one; ends as an HTML block."""
    if state.is_code_block(start):
        return False
    first = state.bMarks[start] + state.tShift[start]
    if not _JSX_START.match(state.src, first):
        return False
    stop = _blank_after(state, start, end)
    match = _JSX.match(state.src, first, state.eMarks[stop - 1])
    if not match or state.src[match.end() :].split("\n", 1)[0].strip():
        return False
    if not silent:
        _push_lines(state, "jsx", start, stop)
    return True


def _blank_after(state: StateBlock, start: int, end: int) -> int:
    line = start + 1
    while line < end and not state.isEmpty(line) and state.sCount[line] >= state.blkIndent:
        line += 1
    return line


def _push_lines(state: StateBlock, name: str, start: int, stop: int) -> None:
    token = state.push(name, "", 0)
    token.map = [start, stop]
    token.content = state.getLines(start, stop, state.blkIndent, True)
    state.line = stop


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """GitHub's table; where each of its rows begins in its line is noted."""
    found = table(state, start, end, silent)
    if found and not silent:
        rows = state.env.setdefault("rows", {})
        for line in range(start, state.line):
            rows[line] = state.bMarks[line] + state.tShift[line]
    return found


INLINE: Final = PieceParser()


def _inline(state: StateCore) -> None:
    """Inline texts, with their pieces in the token's `meta`."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = []
            token.meta["pieces"] = INLINE.pieces(token.content, state.md, state.env)


def _build() -> MarkdownIt:
    md = MarkdownIt("commonmark")
    md.inline = INLINE
    md.configure("commonmark")
    md.enable(["table", "strikethrough"])
    md.use(admon_plugin).use(amsmath_plugin).use(deflist_plugin)
    md.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)
    md.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    md.inline.ruler.before("link", "wiki_link", _wiki_link)
    md.inline.ruler.before("link", "note", _note)
    md.inline.ruler.before("autolink", "jsx", _jsx)
    md.inline.ruler2.disable("fragments_join")
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("fence", "directive", _directive, interrupts)
    md.block.ruler.before("reference", "module", _module)
    md.block.ruler.before("html_block", "jsx", _jsx_block)
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    md.core.ruler.at("inline", _inline)
    md.core.ruler.disable("text_join")
    return md


MARKDOWN: Final = _build()
