"""Where a template tag, an expression in braces or a JSX tag ends.

Braces nest, and strings in them may hold more: no regular expression finds their ends. What is
looked at in vain is charged to a budget, so that a text full of openers takes no quadratic time.

Belongs here: from the offset of an opener to that of its end. Does not: what is made of it.
"""

import re
from collections.abc import MutableMapping
from typing import Any, Final

_PAIRS: Final = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"), ("{/*", "*/}"), ("{#-", "-#}"))
_SIGN: Final = re.compile(r"[{}\"'`\\]")
_NAME: Final = re.compile(r"</?[A-Za-z][\w.:-]*(?=[\s/>])")
_ATTRIBUTE: Final = re.compile(r"\s+|[^\s\"'<>/={}]+|=|\"[^\"]*\"|'[^']*'|/(?=>)")
_RAW: Final = frozenset(
    "raw comment highlight verbatim mermaid math katex latex chart codeblock code".split()  # noqa: SIM905
)
_TEMPLATE: Final = re.compile(r"\{%-?\s*(\w+)|\{\{[<%]\s*([\w/.-]+)")
SHARE: Final = 20


def budget(holder: MutableMapping[str, Any], text: str) -> list[int]:
    """How many characters may still be looked at in vain; one for each text."""
    left: list[int] = holder.setdefault("scan budget", [SHARE * len(text) + 20_000])
    return left


def brace_end(text: str, at: int, end: int, left: list[int]) -> int:
    """The offset after what the `{` at an offset begins; -1 if it does not end before `end`."""
    if left[0] <= 0:
        return -1
    found = _brace_end(text, at, end)
    if found < 0:
        left[0] -= end - at
        return -1
    return _raw_end(text, at, found, end, left)


def _brace_end(text: str, at: int, end: int) -> int:
    for opener, closer in _PAIRS:
        if text.startswith(opener, at):
            found = text.find(closer, at + len(opener), end)
            return found + len(closer) if found >= 0 else -1
    depth = 0
    place = at
    while sign := _SIGN.search(text, place, end):
        place = sign.end()
        if sign[0] == "{":
            depth += 1
        elif sign[0] == "}":
            depth -= 1
            if depth == 0:
                return place
        elif sign[0] == "\\":
            place += 1
        elif sign[0] == "`" or text[place - 2] in " \t\n=([{,:?+>":
            closing = text.find(sign[0], place, end)
            if closing >= 0 and (sign[0] == "`" or "\n" not in text[place:closing]):
                place = closing + 1
    return -1


def _raw_end(text: str, at: int, found: int, end: int, left: list[int]) -> int:
    """After the tag that ends a raw region, where the tag at an offset begins one."""
    tag = _TEMPLATE.match(text, at, found)
    name = (tag[1] or tag[2]) if tag else ""
    if name not in _RAW or text.startswith("/>}}", found - 4):
        return found
    closing = re.compile(
        rf"\{{%-?\s*end{name}\s*-?%\}}"
        if text[at + 1] == "%"
        else rf"\{{\{{[<%]\s*/\s*{name}\s*[>%]\}}\}}"
    ).search(text, found, end)
    if closing is None:
        left[0] -= end - found
        return found
    return closing.end()


def tag_end(text: str, at: int, end: int, left: list[int]) -> int:
    """The offset after the HTML or JSX tag that the `<` at an offset begins; -1 if it is none."""
    if text.startswith(("<>", "</>"), at):
        return text.index(">", at) + 1
    name = _NAME.match(text, at, end)
    if name is None or left[0] <= 0:
        return -1
    place = name.end()
    while place < end:
        if text[place] == ">":
            return place + 1
        if text[place] == "{":
            following = brace_end(text, place, end, left)
        else:
            part = _ATTRIBUTE.match(text, place, end)
            following = part.end() if part else -1
        if following < 0:
            left[0] -= place - at
            return -1
        place = following
    left[0] -= place - at
    return -1
