"""The skeleton of a Markdown document, and how two of them differ.

A skeleton is the document's tree with its texts taken out: blocks in their order and nesting; code,
HTML, math, directives, links' targets and reference definitions verbatim; within a block, the shape
of its text (`marks`), in which emphasis, links and the like may change places, as words do.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from markdown_it.token import Token

from model_foundry.translation import front_matter
from model_foundry.translation.differ import changes
from model_foundry.translation.inline import Piece
from model_foundry.translation.markdown import Parsed, parse
from model_foundry.translation.marks import shape_of

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


def skeleton(parsed: Parsed, front_matter_keys: Sequence[str] = ()) -> list[Bone]:
    """The skeleton of a document, with its front matter but for the texts under these keys."""
    return [*_front(parsed, front_matter_keys), *_bones(parsed), *_references(parsed)]


def differences(
    source: str | Parsed, translation: str | Parsed, front_matter_keys: Sequence[str] = ()
) -> list[str]:
    """How a translation's skeleton differs from its source's, in words; empty if it does not."""
    return [words for _, words in found_differences(source, translation, front_matter_keys)]


def found_differences(
    source: str | Parsed, translation: str | Parsed, front_matter_keys: Sequence[str] = ()
) -> list[tuple[int, str]]:
    """`differences`, each with its line in the source."""
    theirs, ours = (
        skeleton(parse(each) if isinstance(each, str) else each, front_matter_keys)
        for each in (source, translation)
    )
    bones, new_bones = [bone[1:] for bone in theirs], [bone[1:] for bone in ours]
    if bones == new_bones:
        return []
    said = []
    for first, last, begin, end in changes(bones, new_bones):
        if last - first == end - begin:
            said += [
                (
                    was.line,
                    f"line {was.line}: {was} became {now} (line {now.line} of the translation)",
                )
                for was, now in zip(theirs[first:last], ours[begin:end], strict=True)
            ]
            continue
        said += [(bone.line, f"line {bone.line}: {bone} is missing") for bone in theirs[first:last]]
        near = theirs[min(first, len(theirs) - 1)].line if theirs else 1
        said += [
            (near, f"line {bone.line} of the translation: {bone} is not in the source")
            for bone in ours[begin:end]
        ]
    return said


def _front(parsed: Parsed, keys: Sequence[str]) -> Iterator[Bone]:
    source, front = parsed.source, parsed.front
    if source.startswith(front_matter.BOM):
        yield Bone(1, 0, "byte order mark", "")
    if front:
        kept, at = [], front.start
        for field in front_matter.fields(source, front, keys):
            kept += [source[at : field.start], " … "]
            at = field.end
        kept.append(source[at : front.end])
        # A block scalar ends with its line, a quoted one before: line ends say nothing here.
        yield Bone(1, 0, "front matter", " ".join("".join(kept).split()))


def _bones(parsed: Parsed) -> Iterator[Bone]:
    line = 1
    for token in parsed.tokens:
        if token.map:
            line = token.map[0] + parsed.first_line
        if token.type == "inline":
            number = 0
            for unit in _units(token.content, token.meta["pieces"]):
                yield Bone(line + number, token.level, *unit)
                number += unit[0] == "text"
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


def _units(content: str, pieces: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """The shapes of what stands between top-level breaks, and those breaks."""
    unit: list[Piece] = []
    depth = 0
    for piece in pieces:
        depth += (piece.kind == "open") - (piece.kind == "close")
        if piece.kind != "break" or depth:
            unit.append(piece)
            continue
        yield "text", shape_of(unit, content).said()
        if piece.name not in {"hardbreak", "alert"}:
            yield "line", content[piece.start : piece.end].strip()
        unit = []
    yield "text", shape_of(unit, content).said()
