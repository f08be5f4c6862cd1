"""Articles, from their names to the translations beside them and the rows that tell of them.

A translation is published whole or not at all, and never over a file that somebody has edited.

Belongs here: what is published, and what is written down about it. Does not: which articles are to
be translated, and when (`defs.articles`); how (`translate`).
"""

import os
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
from model_foundry.translation.anchors import (
    Style,
    anchored,
    style_of,
    wanted_anchors,
)
from model_foundry.translation.article import (
    Article,
    Stamp,
    Tree,
    article,
    declared_language,
    digest,
    is_left_alone,
    output_path,
    ownership,
    read_text,
    stamp_of,
    stamped,
    unfit_front_matter,
    unstamped,
    write_text,
)
from model_foundry.translation.document import Document
from model_foundry.translation.doubts import ask_people, doubts
from model_foundry.translation.edited import Edit
from model_foundry.translation.glossary import Glossary, glossary_for
from model_foundry.translation.languages import language_name, same_language
from model_foundry.translation.links import relinked, urls
from model_foundry.translation.memory import was_replaced, will_write
from model_foundry.translation.quality import stamp_faults
from model_foundry.translation.siblings import Siblings
from model_foundry.translation.structure import differences
from model_foundry.translation.translate import (
    Forecast,
    Part,
    Task,
    Translated,
    forecast,
    translate,
)

# What `record` writes to.
TABLES: Final = ("article_translation", "article_segment")
Status = Literal["published", "not_published", "kept", "skipped"]


class Wanted(NamedTuple):
    """An article and the language it is wanted in; `source` is its own, where that is said.

    `tree` is where the translation goes, if not beside it; `refusal` says why it is not read.
    """

    article: Article
    language: str
    source: str | None = None
    tree: Tree | None = None
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
    edit: Edit | None = None

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


def glossary_of(settings: Settings, source: str, target: str) -> Glossary | None:
    """The glossary of a language pair, with what is never translated, if there is any.

    Raises:
        FoundryError: it is wrong; file, line and field are named.
    """
    return glossary_for(settings.glossary_dir or settings.home / "glossaries", source, target)


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
    begun = [_begun(each, settings) for each in wanted]
    outcomes = [outcome for outcome, _ in begun]
    _refuse_shared(outcomes)
    tasks: list[Task] = []
    translatable: list[Outcome] = []
    for outcome, task in begun:
        if task is None or outcome.status != "published":
            continue
        if outcome.edit is not None:
            style = _style(outcome, settings)
            if left := outcome.edit.teach(task, style, settings=settings, connection=connection):
                outcome.status, outcome.reasons = "kept", [outcome.edit.said(left)]
                continue
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
        found = doubts(translated)
        ask_people(connection, _known_as(outcome, settings), translated, found.parts)
        if found.reasons:
            outcome.status, outcome.reasons = "not_published", found.reasons
        elif outcome.edit is not None and (left := outcome.edit.left_out_of(translated)):
            outcome.status, outcome.reasons = "kept", [outcome.edit.said(left)]
    siblings = Siblings(
        {
            (outcome.wanted.article.path, outcome.wanted.language): outcome.output
            for outcome in outcomes
            if outcome.status == "published"
        }
    )
    for outcome in translatable:
        if outcome.status == "published":
            _write(outcome, settings, connection, siblings)
    return outcomes


class Planned(NamedTuple):
    """What translating an article would take: nothing was asked."""

    outcome: Outcome
    forecast: Forecast | None


def plan(
    wanted: Sequence[Wanted], *, settings: Settings, connection: psycopg.Connection[Any]
) -> list[Planned]:
    """What `publish` would do, and what it would ask for.

    Raises:
        FoundryError: as `publish`.
    """
    begun = [_begun(each, settings) for each in wanted]
    _refuse_shared([outcome for outcome, _ in begun])
    tasks = [task for outcome, task in begun if task and outcome.status == "published"]
    found = iter(forecast(tasks, settings=settings, connection=connection))
    return [
        Planned(outcome, next(found) if task and outcome.status == "published" else None)
        for outcome, task in begun
    ]


def _refuse_shared(outcomes: Sequence[Outcome]) -> None:
    """Two sources of one output are an error, whatever else is done."""
    by_output: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == "published":
            by_output.setdefault(os.path.normpath(outcome.output.absolute()), []).append(outcome)
    for shared in by_output.values():
        names = sorted(str(outcome.wanted.article.path) for outcome in shared)
        if len(shared) > 1:
            for outcome in shared:
                outcome.status = "not_published"
                outcome.reasons = [f"{' and '.join(names)} would both be {outcome.output}"]


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


class _EndedError(Exception):
    """Nothing is asked for an article: how it ends, and why."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status


def _begun(wanted: Wanted, settings: Settings) -> tuple[Outcome, Task | None]:
    """What can be said before anything is asked, and what is to be asked."""
    output = output_path(wanted.article.path, wanted.language, wanted.tree)
    outcome = Outcome(wanted, output, "", "published", [])
    try:
        return outcome, _task(outcome, settings)
    except _EndedError as ended:
        outcome.status, outcome.reasons = ended.status, [str(ended)]
        return outcome, None


def _task(outcome: Outcome, settings: Settings) -> Task:
    wanted = outcome.wanted
    if wanted.refusal is not None:
        raise _EndedError("not_published", wanted.refusal)
    try:
        text = wanted.article.read(settings.article_max_bytes)
    except (FoundryError, FileNotFoundError) as error:
        raise _EndedError("not_published", str(error)) from None
    outcome.source_sha256 = digest(text)
    if fault := unfit_front_matter(text):
        raise _EndedError("not_published", fault)
    outcome.source = wanted.source or declared_language(text) or settings.articles_language
    try:
        language_name(outcome.source)
    except ValueError as error:
        raise _EndedError("not_published", str(error)) from None
    glossary = glossary_of(settings, outcome.source, wanted.language)
    outcome.glossary_version = glossary.version if glossary else ""
    if is_left_alone(text):
        raise _EndedError("skipped", "its front matter says `translate: false`")
    if same_language(outcome.source, wanted.language):
        raise _EndedError("skipped", f"it is written in {outcome.source}")
    outcome.output = output_path(
        wanted.article.path, wanted.language, wanted.tree, own=outcome.source
    )
    whose = ownership(outcome.output, wanted.article.name, settings.article_max_bytes)
    if whose == "foreign":
        raise _EndedError("kept", f"{outcome.output.name} {_not_ours(outcome.output, settings)}")
    if whose == "edited":
        outcome.edit = Edit(outcome.output, read_text(outcome.output, settings.article_max_bytes))
    return Task(wanted.article.name, text, outcome.source, wanted.language, glossary)


def _not_ours(output: Path, settings: Settings) -> str:
    try:
        stamp = stamp_of(read_text(output, settings.article_max_bytes))
    except (FoundryError, FileNotFoundError):
        stamp = None
    whose = f"is the translation of {stamp.source}" if stamp else "was not written here"
    return f"{whose}; move it away to have the translation there"


def _known_as(outcome: Outcome, settings: Settings) -> str:
    """What a person knows a document by: its name in the articles' folder, else its path."""
    name, path = outcome.wanted.article
    return name if path == settings.articles_root / name else str(path)


def _style(outcome: Outcome, settings: Settings) -> Style:
    style = style_of(outcome.wanted.article.path)
    wanted = settings.translation_anchors
    return style if wanted == "auto" else style._replace(written=wanted)


def _write(
    outcome: Outcome,
    settings: Settings,
    connection: psycopg.Connection[Any],
    siblings: Siblings,
) -> None:
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
    source, text = translated.task.text, translated.rendered
    try:
        if settings.translation_links:
            wanted = outcome.wanted
            place = siblings.place(wanted.article.path, outcome.output, stamp.language, wanted.tree)
            source, text = relinked(source, place), relinked(text, place)
            if urls(source) != urls(text):  # it would be written anew for ever
                raise FoundryError("its links are not those of its source")
        style = _style(outcome, settings)
        anchors = wanted_anchors(source, text, style)
        whole = anchored(text, anchors, style)
        if (source, text) != (translated.task.text, translated.rendered) or whole != text:
            _require_same(anchored(source, anchors, style), whole, settings)
    except FoundryError as error:
        outcome.status, outcome.reasons = "not_published", [str(error)]
        return
    original, plain = (unstamped(stamped(each, stamp)) for each in (source, text))
    stamp = stamp._replace(text_sha256=digest(unstamped(stamped(whole, stamp))))
    try:
        before = stamp_of(read_text(outcome.output, settings.article_max_bytes))
    except (FileNotFoundError, FoundryError):
        before = None
    if before is not None and before._replace(date=stamp.date) == stamp and outcome.edit is None:
        return
    written = stamped(whole, stamp)
    document = Document(
        anchored(source, anchors, style), front_matter_keys=settings.translation_front_matter_keys
    )
    if faults := stamp_faults(document, whole, written, stamp):
        outcome.status, outcome.reasons = "not_published", faults
        return
    will_write(connection, stamp.text_sha256, original, plain)
    write_text(outcome.output, written, like=outcome.wanted.article.path)
    if before is not None and before.text_sha256 != stamp.text_sha256:
        was_replaced(connection, before.text_sha256)


def _require_same(source: str, translation: str, settings: Settings) -> None:
    """What was done to the translation's links and headings, done to the source, must give the
    same skeleton."""
    other = differences(source, translation, settings.translation_front_matter_keys)
    if other:
        raise FoundryError(
            f"{other[0]}, once its links and anchors are written; "
            "MODEL_FOUNDRY_TRANSLATION_ANCHORS=none and MODEL_FOUNDRY_TRANSLATION_LINKS=false "
            "leave them as they are"
        )


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
