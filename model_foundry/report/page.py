"""A report as an HTML file: figures, what changed and failed, pictures, tables."""

import html
from collections.abc import Iterator
from typing import Final

from model_foundry.looks import fonts
from model_foundry.looks.charts import Chart
from model_foundry.looks.colours import colour
from model_foundry.looks.style import STYLE, swatch
from model_foundry.report.markdown import data_uri
from model_foundry.report.parts import Cell, Parts, Table, Total

_POLICY: Final = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'"
# So many characters stand in a line: a name is never broken within.
_UNBROKEN: Final = 40


def write(parts: Parts) -> str:
    """The whole, without scripts and without network."""
    body = "".join(_body(parts))
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{parts.day.day}: model-foundry</title>\n"
        f"<style>{fonts.face(body)}\n{STYLE}</style>\n"
        f'<div class="page">\n{body}</div>\n</html>\n'
    )


def _body(parts: Parts) -> Iterator[str]:
    yield f'<h1>{parts.day.day}</h1>\n<p class="dim">{html.escape(str(parts.day))}</p>\n'
    yield f'<dl class="cards">{"".join(map(_card, parts.totals))}</dl>\n'
    for table in (*([parts.changed] if parts.changed else []), *parts.failed):
        yield from _table(table)
    yield f'<h2>Hour by hour</h2>\n<div class="pictures">{"".join(map(_figure, parts.pictures))}'
    yield "</div>\n"
    for table in parts.tables:
        yield from _table(table)


def _card(total: Total) -> str:
    changes = "".join(f'<dd class="small">{html.escape(change)}</dd>' for change in total.changes)
    return (
        f'<div><dt>{html.escape(total.name)}</dt><dd class="large">{html.escape(total.shown)}</dd>'
        f"{changes}</div>"
    )


def _figure(picture: Chart) -> str:
    alt = html.escape(picture.title)
    return f'<figure><img alt="{alt}" src="{data_uri(picture.svg)}"></figure>'


def _table(table: Table) -> Iterator[str]:
    yield f"<h2>{html.escape(table.title)}</h2>\n"
    if table.note:
        yield f'<p class="dim">{html.escape(table.note)}</p>\n'
    if not table.rows:
        yield "<p>Nothing.</p>\n"
        return
    head = "".join(
        f'<th class="number">{html.escape(name)}' if table.is_number(number)
        else f"<th>{html.escape(name)}"
        for number, name in enumerate(table.headings)
    )  # fmt: skip
    rows = "".join(f"<tr>{''.join(map(_cell, row))}\n" for row in table.rows)
    yield f'<div class="scroll"><table><tr>{head}\n{rows}</table></div>\n'


def _cell(cell: Cell) -> str:
    kind = "number" if cell.is_number else "name" if len(cell.text) <= _UNBROKEN else "text"
    dot = swatch(colour(cell.slot)) if cell.slot is not None else ""
    return f'<td class="{kind}">{dot}{html.escape(cell.text)}'
