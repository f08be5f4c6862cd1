"""The translation memory: what a segment has been translated to, and by what. In PostgreSQL.

Belongs here: the key of a remembered translation, reading and writing the table
`translation_memory`. Does not: whether a translation is fit (`quality`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from model_foundry.fleet.file import PromptFormat
from model_foundry.slot.jobs import storable
from model_foundry.sql import load_sql
from model_foundry.translation.prompts import PROMPT_VERSIONS
from model_foundry.translation.review import decisions, review_key


class Remembered(NamedTuple):
    """The latest answer for a segment; `is_cut_off`: it is too long to be asked whole.

    `decided_by`: it is no model's, but a person's decision, which is used as it is.
    """

    memory_key: str
    translated_text: str | None
    is_fit: bool
    is_cut_off: bool
    findings: list[str]
    tries: int
    job_id: str | None
    model: str | None
    licence: str | None
    round_trip_text: str | None = None
    decided_by: str | None = None


class Asking(NamedTuple):
    """What a segment's translation depends on beside its text.

    `models` are those of the slots that may be asked; `glossary_version` is that of the terms which
    the segment has, so that an edit of the glossary concerns only the segments it touches.
    """

    source_language: str
    target_language: str
    models: str
    prompt_format: PromptFormat
    glossary_version: str = ""


def prompt_version(prompt_format: PromptFormat) -> str:
    """Format and version in one word."""
    return f"{prompt_format}/{PROMPT_VERSIONS[prompt_format]}"


def memory_key(text: str, asking: Asking) -> str:
    """SHA-256, in hex, of a segment's text and what its translation depends on.

    Not of the document or the place in it: a text that moves, or stands in another document, is the
    same. Nor of context: it would make one edit change its neighbours.
    """
    return key_of(
        text,
        asking.source_language,
        asking.target_language,
        asking.models,
        prompt_version(asking.prompt_format),
        asking.glossary_version,
    )


def key_of(  # noqa: PLR0917 - a row in its order
    text: str, source: str, target: str, models: str, prompt: str, glossary_version: str
) -> str:
    """`memory_key`, by the columns of a row."""
    key = [text, source.lower(), target.lower(), models, prompt, glossary_version]
    return hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()


def remembered(
    connection: psycopg.Connection[Any], asked: Mapping[str, tuple[str, Asking]]
) -> dict[str, Remembered]:
    """What is known of segments, each given with its text and what it depends on, by key.

    What a person has decided comes before whatever a model has said.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(Remembered)) as cursor:
        cursor.execute(load_sql("postgres/translation/remembered"), {"memory_keys": list(asked)})
        found = {row.memory_key: row for row in cursor.fetchall()}
    reviews = {
        key: review_key(text, asking.source_language, asking.target_language)
        for key, (text, asking) in asked.items()
    }
    decided = decisions(connection, set(reviews.values()))
    for key, review in reviews.items():
        if review in decided:
            text, by = decided[review]
            found[key] = Remembered(key, text, True, False, [], 0, None, None, None, None, by)
    return found


def remember(
    connection: psycopg.Connection[Any], rows: Iterable[tuple[Remembered, str, Asking]]
) -> None:
    """Keep answers, each with its segment's text and what it depends on, in one transaction."""
    # In one order everywhere: two that keep the same segments do not lock each other out.
    wanted = sorted(rows, key=lambda row: row[0].memory_key)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            load_sql("postgres/translation/remember"),
            [
                storable(
                    {
                        **answer._asdict(),
                        **asking._asdict(),
                        "prompt_version": prompt_version(asking.prompt_format),
                        "source_text": text,
                    }
                )
                for answer, text, asking in wanted
            ],
        )


def keep_rows(connection: psycopg.Connection[Any], rows: Iterable[Mapping[str, Any]]) -> int:
    """Keep fit translations that came from elsewhere; how many were not known."""
    count = 0
    with connection.transaction(), connection.cursor() as cursor:
        for row in rows:
            said = {name: storable(value) for name, value in row.items() if isinstance(value, str)}
            key = key_of(
                said["source_text"],
                said["source_language"],
                said["target_language"],
                said["models"],
                said["prompt_version"],
                said["glossary_version"],
            )
            cursor.execute(
                load_sql("postgres/translation/remember"),
                {"licence": None, **said, "memory_key": key, "is_fit": True, "is_cut_off": False}
                | {"findings": [], "tries": 1, "job_id": "", "model": said.get("changed_by")},
            )
            count += cursor.rowcount
    return count


def remember_round_trips(connection: psycopg.Connection[Any], texts: dict[str, str]) -> None:
    """Keep translations that were translated back, by key."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            load_sql("postgres/translation/remember_round_trip"),
            [{"memory_key": key, "round_trip_text": texts[key]} for key in sorted(texts)],
        )


# What was written into files.


def written_as(connection: psycopg.Connection[Any], text_sha256: str) -> tuple[str, str] | None:
    """The source and the translation that were written under a digest."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(load_sql("postgres/translation/written"), {"text_sha256": text_sha256})
        row = cursor.fetchone()
    return (str(row[0]), str(row[1])) if row else None


def will_write(
    connection: psycopg.Connection[Any], text_sha256: str, source: str, translation: str
) -> None:
    """Keep what is about to be written, so that what a person changes of it can be told."""
    row = {"text_sha256": text_sha256, "source_text": source, "translated_text": translation}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(load_sql("postgres/translation/write"), storable(row))


def was_replaced(connection: psycopg.Connection[Any], text_sha256: str) -> None:
    """Forget what stands in its file no more."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(load_sql("postgres/translation/unwrite"), {"text_sha256": text_sha256})
