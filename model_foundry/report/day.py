"""The report of one day."""

import html
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

import duckdb

from model_foundry.errors import FoundryError
from model_foundry.report.charts import hours
from model_foundry.settings import Settings
from model_foundry.store.query import Answer, answer, open_foundry
from model_foundry.store.sql import load_sql, sql_description, sql_names

SECTIONS: Final = sql_names("duckdb/report")
_CELL_MAX_CHARS: Final = 120
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-size:13px}th,td{padding:3px 10px;text-align:left;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}img{max-width:100%}"
)


class Section(NamedTuple):
    """A heading, its pictures (title → data URI), and its rows as text."""

    title: str
    pictures: dict[str, str]
    columns: list[str]
    rows: list[list[str]]


class Report(NamedTuple):
    """A day's sections."""

    day: date
    sections: list[Section]

    def markdown(self) -> str:
        """The report as Markdown, its pictures as data URIs."""
        return "\n\n".join(self._markdown()) + "\n"

    def _markdown(self) -> Iterator[str]:
        yield f"# {self.day}"
        for title, pictures, columns, rows in self.sections:
            yield f"## {title}"
            for name, uri in pictures.items():
                yield f"![{name}]({uri})"
            if not rows:
                yield "Nothing."
                continue
            lines = [columns, ["---"] * len(columns), *([_escaped(c) for c in row] for row in rows)]
            yield "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def page(self) -> str:
        """The report as one HTML file, without scripts and without network."""
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta '
            'http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            f"style-src 'unsafe-inline'\"><title>{self.day}</title><style>{_STYLE}</style>"
            f"<h1>{self.day}</h1>{''.join(map(_page_section, self.sections))}</html>\n"
        )


def day_report(settings: Settings, day: date) -> Report:
    """The report of a day, from the lake alone.

    Raises:
        FoundryError: the lake has no event of the day, or lacks what a section reads.
    """
    with open_foundry(settings) as connection:
        sections = [_section(settings, connection, name, day) for name in SECTIONS]
    if not sections[0].rows:
        raise FoundryError(
            f"the lake has no event of {day}: materialize its summaries first "
            "(`model-foundry query --name busy-hours` shows what there is)"
        )
    return Report(day, sections)


def _section(
    settings: Settings, connection: duckdb.DuckDBPyConnection, name: str, day: date
) -> Section:
    found = answer(settings, connection, load_sql(f"duckdb/report/{name}"), {"day": day})
    title = sql_description(f"duckdb/report/{name}")
    names = [column for column, _ in found.columns]
    pictures = {}
    if names[:2] == ["hour_utc", "name"]:
        for number, unit in enumerate(names[2:], start=2):
            label = unit.replace("_", " ")
            pictures[f"{label} by hour"] = hours(f"{label} by hour", label, _by_hour(found, number))
    return Section(title, pictures, names, [[_text(value) for value in row] for row in found.rows])


def _by_hour(found: Answer, number: int) -> dict[str, dict[int, float]]:
    named: dict[str, dict[int, float]] = {}
    for row in found.rows:
        named.setdefault(str(row[1]), {})[int(row[0])] = float(row[number] or 0)
    return named


def _text(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= _CELL_MAX_CHARS else f"{text[: _CELL_MAX_CHARS - 1]}…"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]|#!~$&<>])", r"\\\1", text)


def _page_section(section: Section) -> str:
    pictures = "".join(
        f'<p><img alt="{html.escape(name)}" src="{uri}"></p>'
        for name, uri in section.pictures.items()
    )
    head = "".join(f"<th>{html.escape(name)}" for name in section.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}' for cell in row)}" for row in section.rows
    )
    table = f"<table><tr>{head}{rows}</table>" if section.rows else "<p>Nothing.</p>"
    return f"<h2>{html.escape(section.title)}</h2>{pictures}{table}"
