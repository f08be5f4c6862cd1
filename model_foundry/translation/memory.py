"""The translation memory: what a segment has been translated to, and by what. In PostgreSQL.

Belongs here: the key of a remembered translation, reading and writing the table
`translation_memory`. Does not: whether a translation is fit (`quality`).
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from model_foundry.fleet.file import PromptFormat
from model_foundry.slot.jobs import storable
from model_foundry.sql import load_sql
from model_foundry.translation.prompts import PROMPT_VERSIONS


class Remembered(NamedTuple):
    """The latest answer for a segment; `is_cut_off`: it is too long to be asked whole."""

    memory_key: str
    translated_text: str | None
    is_fit: bool
    is_cut_off: bool
    findings: list[str]
    tries: int
    job_id: str
    model: str | None
    licence: str | None
    round_trip_text: str | None = None


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
    key = [
        text,
        asking.source_language.lower(),
        asking.target_language.lower(),
        asking.models,
        prompt_version(asking.prompt_format),
        asking.glossary_version,
    ]
    return hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()


def remembered(
    connection: psycopg.Connection[Any], memory_keys: Collection[str]
) -> dict[str, Remembered]:
    """What is known of these segments, by key."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Remembered)) as cursor:
        cursor.execute(
            load_sql("postgres/translation/remembered"), {"memory_keys": list(memory_keys)}
        )
        return {row.memory_key: row for row in cursor.fetchall()}


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


def remember_round_trips(connection: psycopg.Connection[Any], texts: dict[str, str]) -> None:
    """Keep translations that were translated back, by key."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            load_sql("postgres/translation/remember_round_trip"),
            [{"memory_key": key, "round_trip_text": texts[key]} for key in sorted(texts)],
        )
