"""Source rows that no job could be made of: each is a failed result without a request.

Belongs here: keeping them, until their day is tried again. Does not: jobs and their results
(`landed`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
import psycopg

from model_foundry.slot.jobs import Kind, storable
from model_foundry.sql import load_sql


class LeftOutRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a source row comes from, as far as it says so, and why it could not be asked about."""

    source_event_id: str | None
    source_event_ids: Sequence[str]
    source_part: str
    correlation_id: str | None
    error: str


def keep_left_out(
    connection: psycopg.Connection[Any],
    rows: Iterable[LeftOutRow],
    *,
    recipe: str,
    kind: Kind,
    role: str,
    day: date,
) -> None:
    """Keep the rows as results `failed`, kind `source_row`, instead of those of an earlier try."""
    which = {"recipe": recipe, "kind": kind, "role": role, "day": day}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(load_sql("postgres/recipes/forget_left_out"), which)
        cursor.executemany(
            load_sql("postgres/recipes/left_out"),
            [
                which | _storable(row) | {"job_id": _id(f"{kind}_{recipe}", day, number)}
                for number, row in enumerate(rows)
            ],
        )


def _storable(row: LeftOutRow) -> dict[str, Any]:
    return {name: storable(value) for name, value in msgspec.structs.asdict(row).items()}


def _id(asset: str, day: date, number: int) -> str:
    """Of no job: a day's are replaced together."""
    return hashlib.sha256(f"source_row\0{asset}\0{day}\0{number}".encode()).hexdigest()
