"""The dialect of Markdown that is read: CommonMark and what articles are written with besides.

GitHub's tables, strikethrough, footnotes; math; definition lists; admonitions; and, by rules of
this module, wiki links, inline footnotes, spans and text directives, braces (templates, attributes,
expressions), links to templates, MDX (imports, exports, JSX), and lines that mean something only
as lines (`:::`, `(label)=`, `{: .note}`, `=== "Tab"`).

Belongs here: rules of the parser. Does not: what is made of its tokens.
"""

import re
from collections.abc import Callable
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
from mdit_py_plugins.dollarmath.index import math_inline_dollar
from mdit_py_plugins.footnote import footnote_plugin

from model_foundry.translation.inline import ATTRIBUTES, PieceParser
from model_foundry.translation.scan import brace_end, budget, tag_end

_WIKI: Final = re.compile(r"!?\[\[[^\[\]\n]+\]\]")
_ESM: Final = re.compile(
    r"import\s+[\"']|import\s+[\w*{][^\n]*(?:from\s+[\"']|\{\s*$|,\s*$)"
    r"|export\s+(?:const|let|var|function|default|class|async)\s+[\w({\[]|export\s+[{*]",
    re.MULTILINE,
)
_DIRECTIVE: Final = re.compile(r":{3,}[^\n]*|::[A-Za-z][^\n]*")
# Of MyST, kramdown, Obsidian, MkDocs, VitePress, Jekyll: nothing but a line of its own.
_LINE: Final = re.compile(
    r"\([\w.: -]+\)=|\{:[^\n]*\}|\^[A-Za-z0-9-]+|={3}[!+]*[ \t]+\"[^\"\n]*\"|-{1,2}8<-{1,2}[^\n]*"
    r"|<<<[ \t]*[@./][^\n]*|\[\[?_?(?:TOC|toc)_?\]?\]|%%[^\n]*%%"
    r"|\[[^\]\n]+\]:[ \t]*[^\n]*\{[{%][^\n]*"
)
_OPTION: Final = re.compile(r":[\w-]+:(?:[ \t][^\n]*)?|---|[\w-]+:(?:[ \t][^\n]*)?")
_CODE_DIRECTIVE: Final = re.compile(
    r"(:{3,})[ \t]*\{(?:code[\w-]*|math|mermaid|raw|eval-rst|toctree|csv-table|graphviz"
    r"|literalinclude)\}"
)
_MATH_PARENS: Final = re.compile(
    r"\\\((?:[^\\\n]|\\(?![()])|\n(?![ \t]*\n))+?\\\)"
    r"|\\\\\((?:[^\\\n]|\\(?!\\[()]))+?\\\\\)|\\\\\[(?:[^\\\n]|\\(?!\\[\[\]]))+?\\\\\]"
)
_MATH_BRACKETS: Final = re.compile(r"\\\[(?:[^\\\n]|\\(?![\[\]]))+?\\\]")
_MATH_SIGN: Final = re.compile(r"[=^_{}+<>]|\\[A-Za-z]")
_KEYS: Final = re.compile(r"\+\+[\w\"-]+(?:\+[\w\"-]+)*\+\+")
_COMMENT: Final = re.compile(r"%%(?:[^%\n]|%(?!%))+%%")
_TEXT_DIRECTIVE: Final = re.compile(r":[a-z][\w-]*\[|!?\[")
_TEMPLATE_TARGET: Final = re.compile(r"\(\s*([^\s(){}]*)(?=\{[{%])")
_TARGET_PART: Final = re.compile(r"[^\s(){}]+|\([^\s(){}]*\)")
_TITLE: Final = re.compile(r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\s*\)")


def _wiki_link(state: StateInline, silent: bool) -> bool:
    return _whole(state, silent, _WIKI, "wiki_link")


def _jsx(state: StateInline, silent: bool) -> bool:
    """A tag that HTML would not take for one."""
    if state.src[state.pos] != "<":
        return False
    left = budget(state.__dict__, state.src)
    return _take(state, silent, tag_end(state.src, state.pos, state.posMax, left), "jsx")


def _braces(state: StateInline, silent: bool) -> bool:
    """A template tag, an expression, or attributes."""
    if state.src[state.pos] != "{":
        return False
    left = budget(state.__dict__, state.src)
    return _take(state, silent, brace_end(state.src, state.pos, state.posMax, left), "braces")


def _math(state: StateInline, silent: bool) -> bool:
    """MathJax's signs: `\\(…\\)`, and `\\[…\\]` where it does not read as escaped brackets."""
    if state.src[state.pos] != "\\":
        return False
    if _whole(state, silent, _MATH_PARENS, "math"):
        return True
    match = _MATH_BRACKETS.match(state.src, state.pos, state.posMax)
    return bool(match and _MATH_SIGN.search(match[0][2:-2])) and _whole(
        state, silent, _MATH_BRACKETS, "math"
    )


_dollar_math = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)


def _dollars(state: StateInline, silent: bool) -> bool:
    """Math between dollars, GitHub's with backticks too; no other code is swallowed by it."""
    start, known = state.pos, len(state.tokens)
    pending = state.pending
    if state.src[start] != "$" or not _dollar_math(state, silent):
        return False
    inner = state.src[start : state.pos].strip("$")
    if "`" in inner and not (inner[0] == inner[-1] == "`" and inner.count("`") == 2):
        del state.tokens[known:]
        state.pos, state.pending = start, pending
        return False
    return True


def _keys(state: StateInline, silent: bool) -> bool:
    return _whole(state, silent, _KEYS, "keys")


def _comment(state: StateInline, silent: bool) -> bool:
    return _whole(state, silent, _COMMENT, "comment")


def _whole(state: StateInline, silent: bool, pattern: re.Pattern[str], name: str) -> bool:
    match = pattern.match(state.src, state.pos, state.posMax)
    return _take(state, silent, match.end() if match else -1, name)


def _take(state: StateInline, silent: bool, end: int, name: str) -> bool:
    if end < 0:
        return False
    if not silent:
        state.push(name, "", 0).content = state.src[state.pos : end]
    state.pos = end
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
        _push_around(state, "note", (start + 2, end), "")
    state.pos = end + 1
    return True


def _span(state: StateInline, silent: bool) -> bool:
    """Words that attributes are for (`[words]{.mark}`), a text directive (`:abbr[words]{…}`), a
    link to a template (`[words]({{ url }}/x)`)."""
    start = state.pos
    opened = _TEXT_DIRECTIVE.match(state.src, start, state.posMax)
    if opened is None:
        return False
    state.pos, before = opened.end() - 1, state.pos
    label = parseLinkLabel(state, opened.end() - 1)
    state.pos = before
    if label < 0:
        return False
    end = label + 1
    follows = state.src[end : end + 1]
    left = budget(state.__dict__, state.src)
    is_named = opened[0][0] == ":"
    if follows == "(" and not is_named:
        end = _template_target(state.src, end, state.posMax, left)
    elif follows == "{" and opened[0] != "![" and _is_attributes(state.src, end):
        end = brace_end(state.src, end, state.posMax, left)
    elif not is_named:
        return False
    if end < 0:
        return False
    if not silent:
        _push_around(
            state, "link", (opened.end(), label), opened[0][:-1] + state.src[label + 1 : end]
        )
    state.pos = end
    return True


def _push_around(state: StateInline, name: str, inner: tuple[int, int], target: str) -> None:
    opened = state.push(f"{name}_open", "a", 1)
    opened.attrs = {"href": target}
    opened.meta = {"size": inner[0] - state.pos}
    maximum = state.posMax
    state.pos, state.posMax = inner
    state.md.inline.tokenize(state)
    state.posMax = maximum
    state.push(f"{name}_close", "a", -1)


def _is_attributes(text: str, at: int) -> bool:
    return bool(ATTRIBUTES.match(text, at))


def _template_target(text: str, at: int, end: int, left: list[int]) -> int:
    """The end of a link's `(…)` with template tags in its target; -1 if it is no such."""
    head = _TEMPLATE_TARGET.match(text, at, end)
    if head is None:
        return -1
    place = head.end()
    while place < end:
        if closed := _TITLE.match(text, place, end):
            return closed.end()
        if text[place] == "{":
            following = brace_end(text, place, end, left)
        else:
            part = _TARGET_PART.match(text, place, end)
            following = part.end() if part else -1
        if following < 0:
            return -1
        place = following
    return -1


def _line(state: StateBlock, start: int) -> str:
    return state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]


def _directive(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line that begins with `:::`, with the options below it, or a leaf directive `::name`."""
    if state.is_code_block(start) or not _DIRECTIVE.fullmatch(line := _line(state, start)):
        return False
    if silent:
        return True
    stop = start + 1
    if code := _CODE_DIRECTIVE.match(line):
        while stop < end and not _line(state, stop).startswith(code[1]):
            stop += 1
        stop = min(stop + 1, end)
    elif line.lstrip(":").lstrip().startswith("{"):
        stop = _options_end(state, stop, end)
    _push_lines(state, "directive", start, stop)
    return True


def _options_end(state: StateBlock, stop: int, end: int) -> int:
    if stop < end and _line(state, stop).rstrip() == "---":
        for line in range(stop + 1, end):
            if _line(state, line).rstrip() == "---":
                return line + 1
            if not _OPTION.fullmatch(_line(state, line).rstrip()):
                return stop
    while stop < end and re.fullmatch(r":[\w-]+:(?:[ \t].*)?", _line(state, stop)):
        stop += 1
    return stop


def _own_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line that means something only as one."""
    if state.is_code_block(start) or not _LINE.fullmatch(_line(state, start).rstrip()):
        return False
    if not silent:
        _push_lines(state, "line", start, start + 1)
    return True


def _template(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Template tags and expressions alone on their lines, over blank ones too."""
    at = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not state.src.startswith("{", at):
        return False
    left = budget(state.env, state.src)
    last = state.eMarks[end - 1]
    stop = start
    while True:
        at = brace_end(state.src, at, last, left)
        if at < 0:
            return False
        while state.eMarks[stop] < at:
            stop += 1
        rest = state.src[at : state.eMarks[stop]]
        if not rest.strip():
            break
        at += len(rest) - len(rest.lstrip())
        if state.src[at] != "{":
            return False
    if not silent:
        _push_lines(state, "template", start, stop + 1)
    return True


def _closed_by(
    opening: str, closing: str, name: str
) -> Callable[[StateBlock, int, int, bool], bool]:
    """A rule for what a line begins and another one, before any blank one, ends."""

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        line = _line(state, start).rstrip()
        if state.is_code_block(start) or not line.startswith(opening):
            return False
        if len(line) > len(opening) and name == "math":
            return False
        for stop in range(start + 1, end):
            if name == "math" and state.isEmpty(stop):
                return False
            if _line(state, stop).rstrip().endswith(closing):
                if not silent:
                    _push_lines(state, name, start, stop + 1)
                return True
        return False

    return rule


def _module(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """MDX: imports and exports, up to a blank line outside of their brackets."""
    if state.sCount[start] != 0 or state.level:
        return False
    stop = _blank_after(state, start, end)
    first = state.bMarks[start]
    if not _ESM.match(state.src, first, state.eMarks[stop - 1]):
        return False
    if not silent:
        text = state.src[first : state.eMarks[stop - 1]]
        depth = len(re.findall(r"[{(\[]", text)) - len(re.findall(r"[})\]]", text))
        closing = stop
        while depth > 0 and closing < end:
            text = _line(state, closing)
            depth += len(re.findall(r"[{(\[]", text)) - len(re.findall(r"[})\]]", text))
            closing += 1
        _push_lines(state, "module", start, closing if depth <= 0 else stop)
    return True


def _jsx_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """MDX: a tag alone on its lines, which HTML would not take for one; ends as an HTML block."""
    if state.is_code_block(start):
        return False
    first = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("<", first):
        return False
    left = budget(state.env, state.src)
    close = tag_end(state.src, first, state.eMarks[end - 1], left)
    if close < 0:
        return False
    stop = start
    while state.eMarks[stop] < close:
        stop += 1
    if state.src[close : state.eMarks[stop]].strip():
        return False
    name = state.src[first + 1 : first + 3].lstrip("/")[:1]
    if stop == start and name.islower():
        return False
    if not silent:
        _push_lines(state, "jsx", start, _blank_after(state, stop, end))
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
    md.inline.ruler.at("math_inline", _dollars)
    md.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    md.inline.ruler.before("escape", "mathjax", _math)
    md.inline.ruler.before("backticks", "braces", _braces)
    md.inline.ruler.before("backticks", "keys", _keys)
    md.inline.ruler.before("backticks", "comment", _comment)
    md.inline.ruler.before("link", "wiki_link", _wiki_link)
    md.inline.ruler.before("link", "note", _note)
    md.inline.ruler.before("link", "span", _span)
    md.inline.ruler.after("html_inline", "jsx", _jsx)
    md.inline.ruler2.disable("fragments_join")
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("fence", "directive", _directive, interrupts)
    md.block.ruler.before("fence", "line", _own_line, interrupts)
    md.block.ruler.before("fence", "template", _template, interrupts)
    md.block.ruler.before("fence", "math_lines", _closed_by("\\[", "\\]", "math"), interrupts)
    md.block.ruler.before("fence", "comment", _closed_by("%%", "%%", "comment"), interrupts)
    md.block.ruler.before("reference", "module", _module)
    md.block.ruler.before("html_block", "jsx", _jsx_block)
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    md.core.ruler.at("inline", _inline)
    md.core.ruler.disable("text_join")
    return md


MARKDOWN: Final = _build()
