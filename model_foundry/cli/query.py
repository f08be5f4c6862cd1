"""`model-foundry query`: a SELECT over foundry.duckdb, or one of the named questions."""

import csv
import sys
from typing import Literal

from rich.table import Table

from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import json_line, plain, plain_lines
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.store.query import Answer, ask, question, questions

Form = Literal["table", "json", "csv"]
_CELL = 80


def run_query(settings: Settings, statement: str | None, name: str | None, form: Form) -> None:
    """Print the answer: a table, a JSON object a line, or CSV.

    Raises:
        FoundryError: neither or both of statement and name, or the statement is not answered.
    """
    if (statement is None) == (name is None):
        raise FoundryError('give a statement ("SELECT …") or --name NAME; --list lists the names')
    answer = ask(settings, statement if statement is not None else question(name or ""))
    match form:
        case "json":
            for row in answer.as_dicts():
                sys.stdout.write(json_line(row) + "\n")
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow([column for column, _ in answer.columns])
            rows = iter(answer.rows)
            if sys.stdout.isatty():
                rows = (tuple(plain_lines(_text(value)) for value in row) for row in rows)
            writer.writerows(rows)
        case "table":
            console.print(_table(answer))
    if answer.cut:
        errors.print(
            f"[yellow]Only the first {settings.query_max_rows:,} rows "
            "(MODEL_FOUNDRY_QUERY_MAX_ROWS).[/]"
        )


def list_questions() -> None:
    """Print the named questions."""
    table = Table("name", "what it asks")
    for name, description in questions().items():
        table.add_row(plain(name), plain(description))
    console.print(table)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _table(answer: Answer) -> Table:
    table = Table()
    for column, kind in answer.columns:
        numeric = kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")) or "INT" in kind
        table.add_column(plain(column), justify="right" if numeric else "left")
    for row in answer.rows:
        table.add_row(*(plain(_cell(value), most=_CELL) for value in row))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
