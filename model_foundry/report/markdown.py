"""A report as Markdown."""

import base64
import re
from collections.abc import Iterator, Sequence

from model_foundry.looks import units
from model_foundry.report.parts import Parts, Table


def write(parts: Parts) -> str:
    """The whole, its pictures as data URIs."""
    return "\n\n".join(_blocks(parts)) + "\n"


def data_uri(svg: str) -> str:
    """An SVG as the address of a picture."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _blocks(parts: Parts) -> Iterator[str]:
    yield f"# {parts.day.day}"
    yield str(parts.day)
    yield _rows(
        ["", "", "against days before"],
        [False, True, False],
        [[one.name, one.shown, ", ".join(one.changes) or units.NONE] for one in parts.totals],
    )
    for table in (*([parts.changed] if parts.changed else []), *parts.failed):
        yield from _table(table)
    for picture in parts.pictures:
        yield f"![{picture.title}]({data_uri(picture.svg)})"
    for table in parts.tables:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.title}"
    if table.note:
        yield table.note
    if not table.rows:
        yield "Nothing."
        return
    yield _rows(
        table.headings,
        [table.is_number(number) for number in range(len(table.headings))],
        [[cell.text for cell in row] for row in table.rows],
    )


def _rows(headings: Sequence[str], numbers: Sequence[bool], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---:" if number else "---" for number in numbers]
    lines = [headings, rule, *([_escaped(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]|#!~$&<>])", r"\\\1", text)
