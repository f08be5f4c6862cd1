"""`model-foundry translation`: what people decide of translations, checking, TMX in and out."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from rich.table import Table
from rich.text import Text

from model_foundry import postgres
from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain
from model_foundry.cli.translate import known_language
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.article import (
    declared_language,
    read_text,
    said_language,
    stamp_of,
)
from model_foundry.translation.checking import check
from model_foundry.translation.publish import glossary_of
from model_foundry.translation.review import Review, answer, reviews
from model_foundry.translation.tmx import Exchanged, export_memory, import_memory
from model_foundry.whole_file import whole_file


def list_reviews(
    settings: Settings,
    *,
    article: str | None,
    language: str | None,
    decided: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Print the segments that wait for a person, or what was decided."""
    with _database(settings) as connection:
        found = reviews(
            connection,
            article=article,
            language=known_language(language) if language else None,
            decided=decided,
            most=limit,
        )
    if as_json:
        for review in found:
            sys.stdout.write(json_line(review.as_dict()) + "\n")
        return
    if not found:
        console.print("Nothing was decided." if decided else "No segment waits for a person.")
        return
    for review in found:
        _show(review)


def answer_review(
    settings: Settings, name: str, *, text: str | None, by: str | None, as_json: bool
) -> None:
    """Accept what was proposed for a segment, or put a text in its place.

    Raises:
        FoundryError: there is no such segment, or the text does not fit it.
    """
    with _database(settings) as connection:
        review = answer(connection, name, text=text, by=by or _me())
    if as_json:
        sys.stdout.write(json_line(review.as_dict()) + "\n")
        return
    _show(review)
    console.print("It is used when its documents are translated again.", highlight=False)


def _show(review: Review) -> None:
    where = f"{review.article}:{review.line}" if review.article else "in no document"
    head = Text.assemble(
        (review.name, "bold"),
        f"  {review.source_language} → {review.target_language}  ",
        plain(where),
    )
    lines = [head, Text("  source   ").append_text(plain(review.source_text))]
    if review.decision is None:
        lines.append(Text("  answer   ").append_text(plain(review.proposed_text or "–")))
        lines += [Text("  why      ").append_text(plain(why)) for why in review.findings]
    else:
        at = f"{review.decided_at:%F}" if review.decided_at else ""
        said = plain(f"{review.decision} by {review.decided_by}, {at}")
        lines += [
            Text("  decided  ").append_text(plain(review.translated_text or "")),
            Text("  who      ").append_text(said),
        ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def check_translation(
    settings: Settings,
    source: Path,
    translation: Path,
    *,
    own: str | None,
    to: str | None,
    as_json: bool,
) -> int:
    """Print what is wrong with a translation; the exit code.

    Raises:
        FoundryError: a file cannot be read, or nothing says the translation's language.
    """
    for file in (source, translation):
        if not file.is_file():
            raise FoundryError(f"there is no file {file}")
    languages = _languages(settings, source, translation, own, to)
    found = check(
        source,
        translation,
        languages=languages,
        glossary=glossary_of(settings, *languages),
        settings=settings,
    )
    if as_json:
        for each in found:
            sys.stdout.write(json_line(each._asdict()) + "\n")
    elif not found:
        console.print(f"{languages[0]} → {languages[1]}: nothing is wrong with it.")
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for each in found:
            style = "bold red" if each.blocks else "yellow"
            table.add_row(Text(each.code, style=style), plain(each.words))
        console.print(table)
    return 1 if any(each.blocks or each.code == "link" for each in found) else 0


def _languages(
    settings: Settings, source: Path, translation: Path, own: str | None, to: str | None
) -> tuple[str, str]:
    text = read_text(source, settings.article_max_bytes)
    other = read_text(translation, settings.article_max_bytes)
    stamp = stamp_of(other)
    target = to or (stamp and stamp.language) or said_language(translation)
    if target is None:
        raise FoundryError("nothing says the translation's language: give it with --to")
    source_language = own or (stamp and stamp.source_language) or declared_language(text)
    return known_language(source_language or settings.articles_language), known_language(target)


def export_tmx(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Write the memory to a file."""
    with _database(settings) as connection, whole_file(file) as opened:
        done = export_memory(connection, opened)
    _tell(done, f"{done.units} units are in {file}", "have characters that XML has not", as_json)


def import_tmx(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Keep the units of a file.

    Raises:
        FoundryError: it is no TMX, or cannot be read.
    """
    try:
        with _database(settings) as connection, file.open("rb") as opened:
            done = import_memory(connection, opened, name=file.name)
    except OSError as error:
        raise FoundryError(f"{file}: {error.strerror}") from error
    _tell(done, f"{done.units} units were new", "are of no pair of known languages", as_json)


def _tell(done: Exchanged, said: str, why: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(done._asdict()) + "\n")
        return
    skipped = f"; {done.skipped} {why}" if done.skipped else ""
    console.print(plain(f"{said}{skipped}."), highlight=False, soft_wrap=True)


@contextmanager
def _database(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with closing(postgres.connect(settings)) as connection:
        postgres.migrate(connection)
        yield connection
        connection.commit()


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
