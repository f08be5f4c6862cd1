"""`model-foundry query`: a SELECT over foundry.duckdb, or one of the named questions."""

import sys
from datetime import date
from typing import Literal

from rich.console import Console
from rich.table import Table

from model_foundry.cli.answer_table import answer_table
from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import plain, plain_lines
from model_foundry.cli.rows import csv_line, json_document
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries.query import Answer, ask, ask_question, questions

Form = Literal["table", "wide", "json", "csv"]


def run_query(
    settings: Settings,
    statement: str | None,
    name: str | None,
    form: Form,
    *,
    since: date | None = None,
    until: date | None = None,
) -> None:
    """Print the answer: a table, a JSON array with an object a row, or CSV.

    Raises:
        FoundryError: neither or both of statement and name, or the statement is not answered.
    """
    match statement, name:
        case None, str():
            answer = ask_question(settings, name, since, until)
        case str(), None if since is until is None:
            answer = ask(settings, statement)
        case str(), None:
            raise FoundryError("--since and --until are for --name: a statement says its own days")
        case _:
            raise FoundryError(
                'give a statement ("SELECT …") or --name NAME; --list lists the names'
            )
    match form:
        case "json":
            sys.stdout.write(json_document(answer.as_dicts()))
        case "csv":
            _write_csv(answer)
        case _:
            _print_table(answer, wide=form == "wide")
    if answer.cut:
        errors.print(
            f"[yellow]Only the first {len(answer.rows):,} rows: more than "
            f"{settings.query_max_rows:,}, or {settings.query_max_bytes:,} bytes, are not printed "
            "(MODEL_FOUNDRY_QUERY_MAX_ROWS, MODEL_FOUNDRY_QUERY_MAX_BYTES).[/]"
        )


def list_questions(*, as_json: bool) -> None:
    """Print the named questions."""
    known = questions()
    if as_json:
        rows = ({"name": name, "asks": asks} for name, asks in known.items())
        sys.stdout.write(json_document(rows))
        return
    table = Table("name", "what it asks")
    for name, description in known.items():
        table.add_row(plain(name), plain(description))
    console.print(table)


def _write_csv(answer: Answer) -> None:
    shown = plain_lines if sys.stdout.isatty() else str
    sys.stdout.write(shown(csv_line([name for name, _ in answer.columns])))
    for row in answer.rows:
        sys.stdout.write(shown(csv_line(row)))


def _print_table(answer: Answer, *, wide: bool) -> None:
    if not answer.rows:
        console.print("No rows.")
        return
    shown = answer_table(answer, width=console.width, wide=wide)
    # What is wider than the terminal is for a pager, or a file.
    Console(width=max(shown.width, console.width)).print(shown.table)
    for note in shown.notes:
        note.stylize("dim")
        console.print(note)
