"""What people decide of segments: accepted, corrected, learned from a file, imported.

A decision belongs to a text and its languages, whichever model or document: it is used before
anything that a model says, and never judged again. What needs a person is kept as a question.

Belongs here: the table `translation_review`. Does not: which segments need a person (`doubts`).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg
from psycopg.rows import class_row, dict_row

from model_foundry.errors import FoundryError
from model_foundry.slot.jobs import storable
from model_foundry.sql import load_sql
from model_foundry.translation.document import Document
from model_foundry.translation.languages import canonical

Decision = Literal["accepted", "edited", "learned", "imported"]
SHOWN: Final = 10
_SHORTEST: Final = 6


class Review(NamedTuple):
    """A segment that a person was asked to look at, or has decided of."""

    review_key: str
    source_language: str
    target_language: str
    source_text: str
    article: str | None
    line: int | None
    proposed_text: str | None
    findings: list[str]
    translated_text: str | None
    decision: Decision | None
    decided_by: str | None
    decided_at: datetime | None

    @property
    def name(self) -> str:
        """What a person calls it by."""
        return self.review_key[:SHOWN]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        decided_at = self.decided_at.astimezone(UTC).isoformat() if self.decided_at else None
        return {"id": self.name, **self._asdict(), "decided_at": decided_at}


class Decided(NamedTuple):
    """A translation that somebody answers for."""

    source_language: str
    target_language: str
    source_text: str
    translated_text: str
    decision: Decision
    decided_by: str
    decided_at: datetime
    article: str | None = None
    line: int | None = None


def review_key(text: str, source: str, target: str) -> str:
    """SHA-256, in hex, of a segment and its languages."""
    key = [canonical(source), canonical(target), text]
    return hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()


def decisions(
    connection: psycopg.Connection[Any], review_keys: Collection[str]
) -> dict[str, tuple[str, str]]:
    """What was decided of segments, by key: the translation, and by whom."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(load_sql("postgres/translation/decided"), {"review_keys": list(review_keys)})
        return {
            row["review_key"]: (row["translated_text"], row["decided_by"])
            for row in cursor.fetchall()
        }


def decide(connection: psycopg.Connection[Any], decided: Iterable[Decided]) -> int:
    """Keep decisions; how many were new or changed something. One that is older changes nothing."""
    rows = [
        each._asdict()
        | {
            "review_key": review_key(each.source_text, each.source_language, each.target_language),
            "source_language": canonical(each.source_language),
            "target_language": canonical(each.target_language),
        }
        for each in decided
    ]
    rows.sort(key=lambda row: row["review_key"])
    with connection.transaction(), connection.cursor() as cursor:
        count = 0
        for row in rows:
            cursor.execute(load_sql("postgres/translation/decide"), storable_row(row))
            count += cursor.rowcount
        return count


def storable_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts PostgreSQL can hold."""
    return {
        name: storable(value) if isinstance(value, str) else value for name, value in row.items()
    }


def reviews(
    connection: psycopg.Connection[Any],
    *,
    article: str | None = None,
    language: str | None = None,
    decided: bool = False,
    most: int = 100,
) -> list[Review]:
    """Segments that wait for a person; or those that somebody has decided of."""
    values = {
        "article": article,
        "target_language": canonical(language) if language else None,
        "decided": decided,
        "most": most,
    }
    with connection.transaction(), connection.cursor(row_factory=class_row(Review)) as cursor:
        cursor.execute(load_sql("postgres/translation/reviews"), values)
        return cursor.fetchall()


def review_named(connection: psycopg.Connection[Any], name: str) -> Review:
    """The segment of a name, or of the beginning of one.

    Raises:
        FoundryError: there is none, or more than one.
    """
    if len(name) < _SHORTEST or not set(name.lower()) <= set("0123456789abcdef"):
        raise FoundryError(f"{name!r} names no segment: `translation review list` shows them")
    with connection.transaction(), connection.cursor(row_factory=class_row(Review)) as cursor:
        cursor.execute(load_sql("postgres/translation/review"), {"prefix": name.lower()})
        found = cursor.fetchall()
    if len(found) != 1:
        many = "more than one segment has" if found else "there is no segment of"
        raise FoundryError(f"{many} the name {name}: `translation review list` shows them")
    return found[0]


def answer(connection: psycopg.Connection[Any], name: str, *, text: str | None, by: str) -> Review:
    """Accept what was proposed for a segment, or put a text in its place; the segment as it is now.

    Raises:
        FoundryError: there is no such segment, nothing was proposed, or the text lacks marks.
    """
    review = review_named(connection, name)
    said = review.proposed_text if text is None else " ".join(text.split())
    if not said:
        raise FoundryError(
            f"nothing was proposed for {review.name}: give its translation with `edit`"
            if text is None
            else "a translation has words"
        )
    if why := _misfit(review.source_text, said):
        raise FoundryError(f"{review.name} cannot be {said[:40]!r}: {why}")
    decided = Decided(
        review.source_language,
        review.target_language,
        review.source_text,
        said,
        "accepted" if text is None else "edited",
        by,
        datetime.now(UTC),
        review.article,
        review.line,
    )
    decide(connection, [decided])
    return review_named(connection, review.review_key)


def _misfit(source: str, translation: str) -> str | None:
    """Why a translation has not its segment's marks, where that can be told from the two alone."""
    document = Document(source, front_matter_keys=(), max_tokens=1_000_000)
    same = [segment for segment in document.segments if segment.text == source]
    return (
        document.misfit(same[0], translation) if len(document.segments) == len(same) == 1 else None
    )
