"""The skeleton of a Markdown document, and how two of them differ.

A skeleton is the document's tree with its texts taken out: blocks in their order and nesting; code,
HTML, math, directives, links' targets and reference definitions verbatim; within a block, emphasis,
links and the like in any order, since a sentence's words change places in translation.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from markdown_it.token import Token

from model_foundry.translation import front_matter
from model_foundry.translation.inline import Piece
from model_foundry.translation.markdown import BOM, Parsed, parse

_NAMES: Final = {
    "blockquote": "block quote",
    "bullet_list": "list",
    "ordered_list": "numbered list",
    "list_item": "list item",
    "hr": "thematic break",
    "fence": "code fence",
    "code_block": "indented code",
    "html_block": "HTML",
    "math_block": "math",
    "math_block_label": "math",
    "amsmath": "math",
    "tr": "table row",
    "th": "table head cell",
    "td": "table cell",
    "thead": "table head",
    "tbody": "table body",
    "dl": "definition list",
    "dt": "term",
    "dd": "definition",
    "footnote_reference": "footnote",
    "jsx": "JSX",
    "module": "MDX import or export",
}
_SHOWN: Final = 60


class Bone(NamedTuple):
    """A part of a skeleton: its line from 1, how deep it is nested, what it is, its details."""

    line: int
    level: int
    name: str
    detail: str

    def __str__(self) -> str:
        detail = " ".join(self.detail.split())
        detail = detail if len(detail) <= _SHOWN else detail[: _SHOWN - 1] + "…"
        return f"{self.name} {detail}".strip()


def skeleton(text: str, front_matter_keys: Sequence[str] = ()) -> list[Bone]:
    """The skeleton of a document, with its front matter but for the texts under these keys."""
    parsed = parse(text)
    return [*_front(parsed, front_matter_keys), *_bones(parsed), *_references(parsed)]


def differences(source: str, translation: str, front_matter_keys: Sequence[str] = ()) -> list[str]:
    """How a translation's skeleton differs from its source's, in words; empty if it does not."""
    theirs, ours = skeleton(source, front_matter_keys), skeleton(translation, front_matter_keys)
    bones, new_bones = [bone[1:] for bone in theirs], [bone[1:] for bone in ours]
    if bones == new_bones:
        return []
    matcher = SequenceMatcher(None, bones, new_bones, autojunk=False)
    said = []
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        if last - first == end - begin:
            said += [
                f"line {was.line}: {was} became {now} (line {now.line} of the translation)"
                for was, now in zip(theirs[first:last], ours[begin:end], strict=True)
            ]
            continue
        said += [f"line {bone.line}: {bone} is missing" for bone in theirs[first:last]]
        said += [
            f"line {bone.line} of the translation: {bone} is not in the source"
            for bone in ours[begin:end]
        ]
    return said


def _front(parsed: Parsed, keys: Sequence[str]) -> Iterator[Bone]:
    if parsed.source.startswith(BOM):
        yield Bone(1, 0, "byte order mark", "")
    if parsed.front:
        start = parsed.source.index(parsed.front)
        kept, at = [], start
        for field in front_matter.fields(parsed.source, parsed.front, keys):
            kept += [parsed.source[at : field.start], " … "]
            at = field.end
        kept.append(parsed.source[at : start + len(parsed.front)])
        # A block scalar ends with its line, a quoted one before: line ends say nothing here.
        yield Bone(1, 0, "front matter", " ".join("".join(kept).split()))


def _bones(parsed: Parsed) -> Iterator[Bone]:
    line = 1
    for token in parsed.tokens:
        if token.map:
            line = token.map[0] + parsed.first_line
        if token.type == "inline":
            pieces: list[Piece] = token.meta["pieces"]
            for number, unit in enumerate(_units(token.content, pieces)):
                yield Bone(line + number, token.level, "text", unit)
        elif token.nesting >= 0:
            base = token.type.removesuffix("_open")
            yield Bone(line, token.level, _NAMES.get(base, base.replace("_", " ")), _detail(token))


def _detail(token: Token) -> str:
    if token.type == "heading_open":
        return token.tag
    if token.type == "admonition_open":
        return f"{token.markup} {token.meta['tag']}"
    if token.nesting == 0:
        return " ".join(filter(None, [token.info.strip(), token.content]))
    said = [
        *([token.markup] if token.type == "bullet_list_open" else []),
        *(f"{name}={value}" for name, value in sorted(token.attrs.items())),
        *(["tight"] if token.hidden else []),
        *([str(token.meta["label"])] if token.type == "footnote_reference_open" else []),
    ]
    return " ".join(said)


def _references(parsed: Parsed) -> Iterator[Bone]:
    for label, reference in parsed.env.get("references", {}).items():
        line = reference["map"][0] + parsed.first_line if "map" in reference else 1
        target = " ".join(filter(None, [reference["href"], json.dumps(reference["title"])]))
        yield Bone(line, 0, "reference definition", f"[{label}]: {target}")


def _units(content: str, pieces: Sequence[Piece]) -> Iterator[str]:
    """What stands between top-level line breaks: its marks in order of their names."""
    stack: list[tuple[str, list[str], bool]] = [("", [], False)]
    for piece in pieces:
        name, inner, letters = stack[-1]
        if piece.kind == "open":
            stack.append((_mark(piece), [], False))
        elif piece.kind == "close":
            stack.pop()
            above, around, had = stack[-1]
            around.append(f"{name}({_shape(inner, letters)})")
            stack[-1] = (above, around, had or letters)
        elif piece.kind == "text":
            stack[-1] = (name, inner, letters or any(map(str.isalnum, piece.text)))
        elif piece.kind == "break" and len(stack) == 1 and piece.name == "hardbreak":
            yield _shape(inner, letters)
            stack = [("", [], False)]
        else:
            inner.append(
                "line break" if piece.kind == "break" else content[piece.start : piece.end]
            )
    _, inner, letters = stack[0]
    yield _shape(inner, letters)


def _shape(inner: Sequence[str], letters: bool) -> str:
    counts: Counter[Any] = Counter(inner)
    marks = [name if count == 1 else f"{count}× {name}" for name, count in sorted(counts.items())]
    return ", ".join((["words"] if letters else []) + marks)


def _mark(piece: Piece) -> str:
    target, title = piece.target
    return " ".join(filter(None, [piece.name, target, json.dumps(title) if title else ""]))
