"""Articles, from their names to the translations beside them and the rows that tell of them.

A translation is published whole or not at all, and never over a file that somebody has edited.

Belongs here: what is published, and what is written down about it. Does not: which articles are to
be translated, and when (`defs.articles`); how (`translate`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import psycopg

from model_foundry.dispatch.report import Progress
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Priority, storable
from model_foundry.sql import load_sql
from model_foundry.translation.article import (
    Article,
    Stamp,
    article,
    declared_language,
    digest,
    output_path,
    ownership,
    read_text,
    stamp_of,
    stamped,
    unstamped,
    write_text,
)
from model_foundry.translation.glossary import Glossary, load_glossary
from model_foundry.translation.languages import base, language_name
from model_foundry.translation.quality import stamp_faults
from model_foundry.translation.translate import Part, Task, Translated, translate

# What `record` writes to.
TABLES: Final = ("article_translation", "article_segment")
Status = Literal["published", "not_published", "kept", "skipped"]
_KEPT: Final = {
    "edited": "was edited since it was written; move it away to have it written anew",
    "foreign": "was not written here; move it away to have the translation there",
}


class Wanted(NamedTuple):
    """An article and the language it is wanted in; `source` is its own, where that is said.

    `folder` is where the translation goes, if not beside it; `refusal` says why it is not read.
    """

    article: Article
    language: str
    source: str | None = None
    folder: Path | None = None
    refusal: str | None = None


@dataclass
class Outcome:
    """What became of an article in a language; `reasons` say why it is not published."""

    wanted: Wanted
    output: Path
    source: str
    status: Status
    reasons: list[str]
    source_sha256: str | None = None
    glossary_version: str = ""
    translated: Translated | None = None

    @property
    def parts(self) -> list[Part]:
        """The segments, where there was something to translate."""
        return self.translated.parts if self.translated else []

    @property
    def models(self) -> str:
        """Who wrote it."""
        return _joined(part.memory.model for part in self.parts if part.memory)

    @property
    def licences(self) -> str:
        """Of the models that wrote it."""
        return _joined(part.memory.licence for part in self.parts if part.memory)


def glossary_path(settings: Settings, source: str, target: str) -> Path:
    """Where the glossary of a language pair lies, whether it exists or not."""
    folder = settings.glossary_dir or settings.home / "glossaries"
    return folder / f"{source}-{target}.yaml"


def glossary_of(settings: Settings, source: str, target: str) -> Glossary | None:
    """The glossary of a language pair, if there is one.

    Raises:
        FoundryError: it is wrong; file, line and field are named.
    """
    path = glossary_path(settings, source, target)
    if not path.exists():
        return None
    glossary = load_glossary(path)
    if (glossary.source_language, glossary.target_language) != (source, target):
        raise FoundryError(
            f"{path} is for {glossary.source_language} → {glossary.target_language}, "
            "not for what its name says"
        )
    return glossary


def publish(
    wanted: Sequence[Wanted],
    *,
    settings: Settings,
    connection: psycopg.Connection[Any],
    priority: Priority = "batch",
    round_trips: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """Translate articles and write what is whole beside them; one outcome each.

    Raises:
        FoundryError: the fleet or a glossary is wrong, PostgreSQL cannot be reached, or a
            translation cannot be written.
        ValueError: a language is not known.
    """
    outcomes = []
    tasks: list[Task] = []
    translatable: list[Outcome] = []
    for each in wanted:
        outcome, task = _begun(each, settings)
        outcomes.append(outcome)
        if task is not None:
            tasks.append(task)
            translatable.append(outcome)
    done = translate(
        tasks,
        settings=settings,
        connection=connection,
        priority=priority,
        round_trips=round_trips,
        progress=progress,
    )
    for outcome, translated in zip(translatable, done, strict=True):
        outcome.translated = translated
        if reasons := translated.reasons:
            outcome.status, outcome.reasons = "not_published", reasons
        else:
            _write(outcome, settings)
    return outcomes


def find_wanted(settings: Settings, name: str, language: str) -> Wanted:
    """An article of the articles' folder; refused if it is not there, or leads out of it."""
    try:
        return Wanted(article(settings, name), language)
    except FoundryError as error:
        return Wanted(Article(name, settings.articles_root / name), language, refusal=str(error))


def record(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome]) -> date:
    """Write down what became of articles, under today's date, which is given back."""
    today = datetime.now(UTC).date()
    with connection.transaction(), connection.cursor() as cursor:
        for outcome in sorted(outcomes, key=lambda each: each.wanted[:2]):
            key = _key(outcome) | {"occurred_on": today}
            cursor.execute(load_sql("postgres/translation/forget_article"), key)
            cursor.execute(
                load_sql("postgres/translation/insert_article"),
                key | storable(_article_row(outcome)),
            )
            cursor.executemany(
                load_sql("postgres/translation/insert_segment"),
                [
                    key | {"segment_no": number} | storable(_segment_row(part))
                    for number, part in enumerate(outcome.parts)
                ],
            )
    return today


def _begun(wanted: Wanted, settings: Settings) -> tuple[Outcome, Task | None]:
    """What can be said before anything is asked, and what is to be asked."""
    output = output_path(wanted.article.path, wanted.language, wanted.folder)
    if wanted.refusal is not None:
        return Outcome(wanted, output, "", "not_published", [wanted.refusal]), None
    try:
        text = wanted.article.read(settings.article_max_bytes)
    except (FoundryError, FileNotFoundError) as error:
        return Outcome(wanted, output, "", "not_published", [str(error)]), None
    source = wanted.source or declared_language(text) or settings.articles_language
    try:
        language_name(source)
    except ValueError as error:
        return Outcome(wanted, output, source, "not_published", [str(error)], digest(text)), None
    glossary = glossary_of(settings, source, wanted.language)
    outcome = Outcome(
        wanted,
        output,
        source,
        "published",
        [],
        source_sha256=digest(text),
        glossary_version=glossary.version if glossary else "",
    )
    if base(source) == base(wanted.language):
        outcome.status, outcome.reasons = "skipped", [f"it is written in {source}"]
        return outcome, None
    whose = ownership(output, wanted.article.name, settings.article_max_bytes)
    if whose in _KEPT:
        outcome.status, outcome.reasons = "kept", [f"{output.name} {_KEPT[whose]}"]
        return outcome, None
    return outcome, Task(wanted.article.name, text, source, wanted.language, glossary)


def _write(outcome: Outcome, settings: Settings) -> None:
    translated = outcome.translated
    if translated is None or translated.rendered is None:
        raise AssertionError("only what is whole is written")
    stamp = Stamp(
        source=outcome.wanted.article.name,
        source_sha256=outcome.source_sha256 or "",
        source_language=outcome.source,
        language=outcome.wanted.language,
        model=outcome.models,
        licence=outcome.licences,
        date=datetime.now(UTC).date().isoformat(),
        text_sha256="",
    )
    text = stamped(translated.rendered, stamp)
    stamp = stamp._replace(text_sha256=digest(unstamped(text)))
    text = stamped(translated.rendered, stamp)
    if faults := stamp_faults(translated.document, translated.rendered, text, stamp):
        outcome.status, outcome.reasons = "not_published", faults
        return
    try:
        before = stamp_of(read_text(outcome.output, settings.article_max_bytes))
    except (FileNotFoundError, FoundryError):
        before = None
    if before is None or before._replace(date=stamp.date) != stamp:
        write_text(outcome.output, text, like=outcome.wanted.article.path)


def _key(outcome: Outcome) -> dict[str, Any]:
    return {"article": outcome.wanted.article.name, "target_language": outcome.wanted.language}


def _article_row(outcome: Outcome) -> dict[str, Any]:
    parts, translated = outcome.parts, outcome.translated
    quality = translated.quality if translated else None
    codes = [
        code for part in parts if part.quality for code in {f.code for f in part.quality.findings}
    ]
    trips = [part.round_trip for part in parts if part.round_trip]
    return {
        "source_language": outcome.source,
        "status": outcome.status,
        "reasons": outcome.reasons,
        "output_name": outcome.output.name,
        "source_sha256": outcome.source_sha256,
        "model": outcome.models or None,
        "licence": outcome.licences or None,
        "prompt_version": translated.prompt_version if translated else None,
        "glossary_version": outcome.glossary_version,
        "segments": len(parts),
        "asked_segments": translated.asked if translated else 0,
        "unfit_segments": sum(not part.is_fit for part in parts),
        "untranslated_segments": codes.count("untranslated") + codes.count("echo"),
        "repeated_segments": codes.count("loop"),
        "structure_matches": quality and all(f.code != "structure" for f in quality.findings),
        "length_ratio": quality and quality.length_ratio,
        "glossary_terms": quality.glossary_found if quality else 0,
        "glossary_hits": quality.glossary_used if quality else 0,
        "round_trip_chrf2": sum(trip.chrf2 for trip in trips) / len(trips) if trips else None,
        "chrf2_signature": trips[0].signature if trips else None,
    }


def _segment_row(part: Part) -> dict[str, Any]:
    memory, quality = part.memory, part.quality
    return {
        "part": part.segment.part,
        "kind": part.segment.kind,
        "line": part.segment.line,
        "source_text": part.segment.text,
        "translated_text": part.translation,
        "status": "ok" if part.is_fit else "unfit",
        "findings": list(part.findings),
        "memory_key": memory and memory.memory_key,
        "job_id": memory and memory.job_id,
        "is_remembered": part.is_remembered,
        "model": memory and memory.model,
        "licence": memory and memory.licence,
        "length_ratio": quality and quality.length_ratio,
        "glossary_terms": quality.glossary_found if quality else 0,
        "glossary_hits": quality.glossary_used if quality else 0,
        "round_trip_chrf2": part.round_trip and part.round_trip.chrf2,
    }


def _joined(names: Any) -> str:
    return ", ".join(sorted({name for name in names if name}))
