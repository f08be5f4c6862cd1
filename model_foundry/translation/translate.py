"""Documents through the translator slots: what is remembered is not asked, what is unfit not used.

The segments of all documents share one queue, so many small documents keep the slots as full as one
large one. It is gone through in rounds, because an answer may call for further questions:

- Headings and titles are asked first: what stands below them is asked with them as its context.
- A translation that was cut off, or cannot stand in its place, makes room for those of its parts.
  So does one that fits alone, where the whole document is not built as its source.
- One that is no good (`quality`) is asked once more, at another temperature, and then left unfit.
- A text without anything of the source language is left as it is, and not asked.

Every answer is in `inference_result` as soon as it is there, so a run that was killed asks only
what has no answer yet; what is fit to be used goes on into the memory.

Belongs here: which segments are asked, and when again. Does not: files (`article`, `publish`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg.rows import dict_row

from model_foundry.dispatch.report import Progress
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.interrupts import run_interruptibly
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Priority, Request
from model_foundry.sql import load_sql
from model_foundry.translation.document import Document, Segment
from model_foundry.translation.glossary import Glossary, version_of
from model_foundry.translation.languages import written_in
from model_foundry.translation.markdown import Block
from model_foundry.translation.marks import MisfitError
from model_foundry.translation.memory import (
    Asking,
    Remembered,
    memory_key,
    prompt_version,
    remember,
    remember_round_trips,
    remembered,
)
from model_foundry.translation.prompts import (
    Pair,
    answer_tokens,
    keeps_marks,
    solved_pairs,
    translation_request,
)
from model_foundry.translation.quality import (
    Quality,
    judge,
    judge_document,
    judge_segment,
)
from model_foundry.translation.round_trip import RoundTrip, round_trip
from model_foundry.translation.sentences import estimated_tokens

RECIPE: Final = "article_translation"
ROLE: Final = "translator"
# Prompts carry solved pairs and terms beside the segment.
PROMPT_ROOM_TOKENS: Final = 512
# Of a usual one, beside its segment.
PROMPT_TOKENS: Final = 80
# An answer may take three times its segment's tokens (`answer_tokens`).
SHARES: Final = 4
# Solved pairs before a segment, and the tokens that they may take.
CONTEXT_PAIRS: Final = 2
CONTEXT_TOKENS: Final = 120
# How often a segment is cut in two or more before it is given up.
MAX_SPLITS: Final = 4
# Added to the temperature with each further try.
OTHERWISE: Final = 0.3


class Task(NamedTuple):
    """A document to translate. `name` says which in messages, and is the jobs' correlation_id."""

    name: str
    text: str
    source: str
    target: str
    glossary: Glossary | None = None


@dataclass(eq=False)
class Part:
    """A segment, or a part of one, and what became of it; `translation` is None if it has none.

    `memory` is what is known of it: None if it was left as it is. `is_remembered`: it was not
    asked in this run.
    """

    segment: Segment
    translation: str | None = None
    quality: Quality | None = None
    findings: tuple[str, ...] = ()
    memory: Remembered | None = None
    is_remembered: bool = False
    round_trip: RoundTrip | None = None

    @property
    def is_fit(self) -> bool:
        """Whether the document may be put together with it."""
        return self.translation is not None


@dataclass(eq=False)
class Translated:
    """A task's outcome: `rendered` is None while a part has no fit translation."""

    task: Task
    document: Document
    prompt_version: str
    parts: list[Part] = field(default_factory=list)
    rendered: str | None = None
    quality: Quality | None = None
    beside: dict[Block, dict[Segment, str]] = field(default_factory=dict)
    above: dict[Block, tuple[Segment, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.above = _headings(self.document)

    def add(self, part: Part) -> None:
        """A part, with its end."""
        self.parts.append(part)
        if part.translation is not None:
            self.beside.setdefault(part.segment.block, {})[part.segment] = part.translation

    def take(self, part: Part) -> None:
        """Without a part, since others take its place."""
        self.parts.remove(part)
        del self.beside[part.segment.block][part.segment]

    @property
    def fit_parts(self) -> list[Part]:
        """Those that have a fit translation."""
        return [part for part in self.parts if part.is_fit]

    @property
    def reasons(self) -> list[str]:
        """Why it may not be published; empty if it may."""
        unfit = [part for part in self.parts if not part.is_fit]
        said = [f"line {part.segment.line}: {'; '.join(part.findings)}" for part in unfit]
        if self.quality is not None:
            said += [each.words for each in self.quality.findings if each.blocks]
        return said

    @property
    def asked(self) -> int:
        """How many parts a slot was asked for now."""
        return sum(part.memory is not None and not part.is_remembered for part in self.parts)


def translate(
    tasks: Sequence[Task],
    *,
    settings: Settings,
    connection: psycopg.Connection[Any],
    priority: Priority = "batch",
    round_trips: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[Translated]:
    """Translate documents, asking only for what the memory does not have; one outcome a task.

    Args:
        tasks: in whatever languages; all of their segments share the slots.
        settings: the fleet, the limits.
        connection: to a database with our tables.
        priority: of the jobs.
        round_trips: whether fit translations are translated back, to be measured.
        progress: of the round that is being asked.

    Raises:
        FoundryError: the fleet is wrong, or PostgreSQL cannot be reached.
        ValueError: a language is not known.
    """
    return _Translation(tasks, settings, connection, priority, progress).run(
        round_trips=round_trips
    )


class Forecast(NamedTuple):
    """What a document's translation takes: its segments, those that the memory has not, and about
    how many tokens these are to read and, at most, to write."""

    segments: int
    asked: int
    prompt_tokens: int
    answer_tokens: int


def forecast(
    tasks: Sequence[Task], *, settings: Settings, connection: psycopg.Connection[Any]
) -> list[Forecast]:
    """What translating documents would take; nothing is asked.

    Raises:
        FoundryError: the fleet is wrong, or PostgreSQL cannot be reached.
        ValueError: a language is not known.
    """
    return _Translation(tasks, settings, connection, "batch", None).forecast()


def _order(segment: Segment) -> list[int]:
    return [int(each) for each in segment.part.split(".")]


class _Open(NamedTuple):
    """A part without an outcome yet, and what its translation depends on."""

    translated: Translated
    segment: Segment
    asking: Asking
    key: str


class _Translation:
    def __init__(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        connection: psycopg.Connection[Any],
        priority: Priority,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._priority: Priority = priority
        self._progress = progress
        fleet = settings_fleet(settings)
        slots = fleet.with_role(ROLE, settings.profile)
        self._format = fleet.prompt_format_of(ROLE, settings.profile)
        self._models = ", ".join(sorted({slot.model for slot in slots}))
        self._day = datetime.now(UTC).date()
        longest = _longest_segment(slots, settings)
        marks = self._has_context = keeps_marks(self._format)
        self._all = [
            Translated(
                task,
                Document(
                    task.text,
                    front_matter_keys=settings.translation_front_matter_keys,
                    max_tokens=longest,
                    marks=marks,
                    keep=task.glossary.kept_in if task.glossary else None,
                ),
                prompt_version(self._format),
            )
            for task in tasks
        ]
        self._tries: Counter[str] = Counter()
        self._unanswered: dict[str, str] = {}

    def run(self, *, round_trips: bool) -> list[Translated]:
        waiting = [
            self._opened(translated, segment)
            for translated in self._all
            for segment in translated.document.segments
        ]
        while waiting:
            self._go_through(waiting)
            waiting = [part for each in self._all for part in self._put_together(each)]
        if round_trips:
            self._measure_round_trips()
        return self._all

    def _go_through(self, waiting: list[_Open]) -> None:
        """Ask until each part has an end."""
        while waiting:
            known = remembered(
                self._connection, {each.key: (each.segment.text, each.asking) for each in waiting}
            )
            again: list[_Open] = []
            to_ask: dict[str, tuple[_Open, int]] = {}
            for each in waiting:
                memory = known.get(each.key)
                if (part := self._outcome(each, memory)) is not None:
                    each.translated.add(part)
                elif parts := self._parts(each, memory):
                    again += parts
                else:
                    again.append(each)
                    to_ask[each.key] = each, (memory.tries if memory else 0) + 1
            first = [each for each in to_ask.values() if each[0].segment.kind in _HEADINGS]
            fresh = [each for each in first if not self._tries[each[0].key]]
            self._ask(first if fresh and self._has_context else to_ask.values())
            waiting = again

    def forecast(self) -> list[Forecast]:
        found = []
        counted: set[str] = set()
        for translated in self._all:
            task, segments = translated.task, translated.document.segments
            waiting = {
                each.key: each
                for segment in segments
                if written_in(segment.text, task.source)
                for each in [self._opened(translated, segment)]
            }
            known = remembered(
                self._connection,
                {key: (each.segment.text, each.asking) for key, each in waiting.items()},
            )
            left = [
                each.segment.text
                for key, each in waiting.items()
                if key not in counted and not (key in known and known[key].is_fit)
            ]
            counted |= waiting.keys()
            prompt = sum(estimated_tokens(text) + PROMPT_TOKENS for text in left)
            answers = sum(answer_tokens(text) for text in left)
            found.append(Forecast(len(segments), len(left), prompt, answers))
        return found

    def _opened(self, translated: Translated, segment: Segment) -> _Open:
        task = translated.task
        terms = task.glossary.terms_in(segment.text) if task.glossary else []
        asking = Asking(task.source, task.target, self._models, self._format, version_of(terms))
        return _Open(translated, segment, asking, memory_key(segment.text, asking))

    # What is known of a part, and what follows.

    def _outcome(self, each: _Open, memory: Remembered | None) -> Part | None:
        """The part's end, if it has one."""
        segment, task = each.segment, each.translated.task
        if not written_in(segment.text, task.source):
            return Part(segment, translation=segment.text)
        part = Part(segment, memory=memory, is_remembered=not self._tries[each.key])
        if said := self._unanswered.get(each.key):
            part.findings = (f"no answer: {said}",)
            return part
        if memory is None:
            return None
        text = memory.translated_text or ""
        part.quality = judge_segment(
            each.translated.document,
            segment,
            text,
            source=task.source,
            target=task.target,
            glossary=task.glossary,
            beside=each.translated.beside.get(segment.block, {}),
        )
        fits = all(finding.code != "structure" for finding in part.quality.findings)
        if memory.is_fit and fits:
            part.translation = text
        said_now = [finding.words for finding in part.quality.findings]
        part.findings = tuple(said_now if memory.is_fit else memory.findings)
        return part if part.is_fit or self._is_given_up(each, memory) else None

    def _is_given_up(self, each: _Open, memory: Remembered) -> bool:
        """Whether neither another try nor smaller parts can help what is unfit."""
        if memory.decided_by:
            return True
        if (memory.is_fit or memory.is_cut_off) and self._may_split(each):
            return False
        return memory.is_fit or self._tries[each.key] >= self._settings.translation_tries

    def _parts(self, each: _Open, memory: Remembered | None) -> list[_Open]:
        """The parts that are asked in this one's place, if what is known of it calls for that."""
        if memory is None or memory.decided_by or not (memory.is_fit or memory.is_cut_off):
            return []
        if not self._may_split(each):
            return []
        parts = each.translated.document.split(each.segment, halves=memory.is_cut_off)
        return [self._opened(each.translated, part) for part in parts]

    def _may_split(self, each: _Open) -> bool:
        deep = each.segment.part.count(".")
        return deep < MAX_SPLITS and bool(each.translated.document.split(each.segment))

    # Putting together.

    def _put_together(self, translated: Translated) -> list[_Open]:
        """The document is put together, or these parts are asked in the place of some of its."""
        task, document = translated.task, translated.document
        translated.parts.sort(key=lambda part: _order(part.segment))
        if translated.rendered is not None or len(translated.fit_parts) < len(translated.parts):
            return []
        try:
            texts = {part.segment: part.translation or "" for part in translated.parts}
            rendered = document.render(texts)
            quality = judge_document(
                document, rendered, source=task.source, target=task.target, glossary=task.glossary
            )
            faults = {
                each.line: each.words for each in quality.findings if each.code == "structure"
            }
        except MisfitError as error:
            rendered, quality, faults = None, None, {error.line: str(error)}
        blamed = [part for part in translated.parts if part.memory and _covers(part, faults)]
        if again := self._in_parts(translated, blamed):
            return again
        translated.rendered, translated.quality = rendered, quality
        if rendered is None:
            for part in blamed or translated.parts:
                part.translation, part.findings = None, tuple(faults.values())
        return []

    def _in_parts(self, translated: Translated, blamed: Collection[Part]) -> list[_Open]:
        """Those of the blamed parts that had marks, in parts."""
        again: list[Segment] = []
        for part in blamed:
            is_decided = part.memory is not None and part.memory.decided_by is not None
            if (
                not is_decided
                and part.segment.marks
                and self._may_split(self._opened(translated, part.segment))
            ):
                translated.take(part)
                again += translated.document.split(part.segment, halves=False)
        return [self._opened(translated, segment) for segment in again]

    # Asking.

    def _ask(self, wanted: Collection[tuple[_Open, int]]) -> None:
        jobs = {each.key: self._job(each, tries) for each, tries in wanted}
        answers = self._answers(jobs.values())
        found = []
        for each, tries in wanted:
            self._tries[each.key] += 1
            job_id = jobs[each.key].job_id
            answer = answers.get(job_id)
            if answer is None or answer["status"] == "failed":
                said = f"{answer['error_kind']}: {answer['error']}" if answer else "none landed"
                self._unanswered[each.key] = said
                continue
            memory = _judged(each, answer, tries, self._shown(each))
            found.append((memory, each.segment.text, each.asking))
        remember(self._connection, found)

    def _job(self, each: _Open, tries: int) -> Job:
        task, text = each.translated.task, each.segment.text
        terms = task.glossary.terms_in(text) if task.glossary else []
        request = translation_request(
            text,
            prompt_format=self._format,
            source=task.source,
            target=task.target,
            max_tokens=answer_tokens(text),
            glossary=[term.pair for term in terms],
            context=self._context(each),
        )
        if tries > 1:  # the same question would get the same answer
            request = msgspec.structs.replace(
                request, temperature=min(1.0, OTHERWISE * (tries - 1)), seed=tries
            )
        return self._asking(each.key, request, task.name)

    def _shown(self, each: _Open) -> list[Pair]:
        task = each.translated.task
        return solved_pairs(self._format, task.source, task.target)

    def _context(self, each: _Open) -> list[Pair]:
        """The title and the heading above a text, where they are translated."""
        if not self._has_context or each.segment.kind in _HEADINGS:
            return []
        above = each.translated.above.get(each.segment.block, ())
        pairs: list[Pair] = []
        room = CONTEXT_TOKENS
        for heading in above:
            said = each.translated.beside.get(heading.block, {}).get(heading)
            room -= estimated_tokens(heading.text) + estimated_tokens(said or "")
            if said and said != heading.text and room >= 0:
                pairs.append((heading.text, said))
        return pairs

    def _asking(self, part: str, request: Request, correlation_id: str) -> Job:
        return Job(
            recipe=RECIPE,
            kind="translation",
            role=ROLE,
            occurred_on=self._day,
            source_part=part,
            correlation_id=correlation_id,
            priority=self._priority,
            request=request,
        )

    def _answers(self, jobs: Collection[Job]) -> dict[str, dict[str, Any]]:
        if not jobs:
            return {}
        run_interruptibly(run_jobs(jobs, settings=self._settings, progress=self._progress))
        with (
            self._connection.transaction(),
            self._connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(
                load_sql("postgres/translation/answers"), {"job_ids": [job.job_id for job in jobs]}
            )
            return {row["job_id"]: row for row in cursor.fetchall()}

    # There and back.

    def _measure_round_trips(self) -> None:
        fit = [
            (translated, part, part.memory, part.translation)
            for translated in self._all
            for part in translated.parts
            if part.memory is not None
            and part.memory.decided_by is None
            and part.translation is not None
        ]
        jobs = {
            memory.memory_key: self._asking(
                f"{memory.memory_key}/back",
                translation_request(
                    text,
                    prompt_format=self._format,
                    source=translated.task.target,
                    target=translated.task.source,
                    max_tokens=answer_tokens(text),
                ),
                translated.task.name,
            )
            for translated, _, memory, text in fit
            if memory.round_trip_text is None
        }
        answers = self._answers(jobs.values())
        back = {
            key: str(answer["response_text"]).strip()
            for key, job in jobs.items()
            if (answer := answers.get(job.job_id)) and answer["status"] == "ok"
        }
        remember_round_trips(self._connection, back)
        for _, part, memory, _ in fit:
            text = memory.round_trip_text or back.get(memory.memory_key)
            if text is not None:
                part.round_trip = round_trip(part.segment.text, text)


def _judged(each: _Open, answer: dict[str, Any], tries: int, shown: Sequence[Pair]) -> Remembered:
    """What an answer is worth, wherever its text stands."""
    task, text = each.translated.task, each.segment.text
    said = (answer["response_text"] or "").strip()
    quality = judge(
        text, said, source=task.source, target=task.target, glossary=task.glossary, shown=shown
    )
    blocking = [finding for finding in quality.findings if finding.blocks]
    findings = [finding.words for finding in blocking]
    is_cut_off = answer["finish_reason"] == "length" and "loop" not in {
        finding.code for finding in blocking
    }
    if answer["status"] != "ok":
        findings.append(f"{answer['error_kind']}: {answer['error']}")
    return Remembered(
        memory_key=each.key,
        translated_text=said,
        is_fit=not findings,
        is_cut_off=is_cut_off,
        findings=findings,
        tries=tries,
        job_id=answer["job_id"],
        model=answer["model"],
        licence=answer["licence"],
    )


# Whose translations are the context of what stands below them.
_HEADINGS: Final = frozenset({"heading", "front_matter"})


def _headings(document: Document) -> dict[Block, tuple[Segment, ...]]:
    """By block, the first heading or title of a document and the last one before the block."""
    above: tuple[Segment, ...] = ()
    found: dict[Block, tuple[Segment, ...]] = {}
    for segment in document.segments:
        if segment.kind in _HEADINGS and "." not in segment.part:
            above = (*above[:1], segment)
        found.setdefault(segment.block, above[:CONTEXT_PAIRS])
    return found


def _covers(part: Part, lines: Collection[int]) -> bool:
    block = part.segment.block
    return any(block.line <= line <= block.line + block.content.count("\n") for line in lines)


def _longest_segment(slots: Sequence[Slot], settings: Settings) -> int:
    """Tokens of a segment that every slot can read, with its prompt, and answer."""
    room = min(slot.context_tokens for slot in slots) - PROMPT_ROOM_TOKENS
    return max(32, min(settings.translation_segment_tokens, room // SHARES))
