"""What of a document needs a person before it can be published, with its lines and what to do.

Belongs here: from findings to segments that a person is asked to look at. Does not: what a finding
is (`quality`), what people decide (`review`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg

from model_foundry.slot.jobs import storable
from model_foundry.sql import load_sql
from model_foundry.translation.languages import canonical
from model_foundry.translation.quality import LENGTH_BOUNDS, Finding
from model_foundry.translation.review import SHOWN, review_key
from model_foundry.translation.sentences import sentence_ends
from model_foundry.translation.translate import Part, Translated


class Doubts(NamedTuple):
    """Why a document is not published, in words; and the parts that a person should look at."""

    reasons: list[str]
    parts: list[tuple[Part, list[str]]]


def doubts(translated: Translated) -> Doubts:
    """What keeps a document from being published: lines, reasons, and what to do about each.

    A finding on the whole document is about some of its segments; once a person has decided of all
    of these, only the skeletons still count.
    """
    task = translated.task
    reasons: list[str] = []
    asked: list[tuple[Part, list[str]]] = []
    for part in translated.parts:
        if part.is_fit:
            continue
        by = part.memory.decided_by if part.memory else None
        findings = list(part.findings)
        if by:
            findings = [f"the translation by {by} does not fit here: {'; '.join(findings)}"]
        name = review_key(part.segment.text, task.source, task.target)[:SHOWN]
        reasons.append(f"line {part.segment.line}: {'; '.join(findings)} (review {name})")
        asked.append((part, findings))
    for finding in translated.quality.findings if translated.quality else ():
        if not finding.blocks:
            continue
        parts = _concerned(finding, translated)
        left = [part for part in parts if not (part.memory and part.memory.decided_by)]
        if finding.code in {"length", "loop"} and parts and not left:
            continue
        reasons.append(_said(finding, left or parts, translated))
        asked += [(part, [finding.words]) for part in left]
    return Doubts(reasons, asked)


def _said(finding: Finding, parts: Sequence[Part], translated: Translated) -> str:
    if not parts:
        return f"{finding.words}; edit the source there, or put `translate: false` around it"
    task = translated.task
    lines = ", ".join(dict.fromkeys(str(part.segment.line) for part in parts))
    names = " ".join(
        review_key(part.segment.text, task.source, task.target)[:SHOWN] for part in parts
    )
    head = "" if finding.words.startswith("line ") else f"line{'s' * (',' in lines)} {lines}: "
    verb = "edit" if finding.code == "structure" else "accept or edit"
    return f"{head}{finding.words}; {verb} (review {names})"


def _concerned(finding: Finding, translated: Translated) -> list[Part]:
    """The segments that a finding on the whole document is about."""
    parts = [part for part in translated.parts if part.memory is not None]
    if finding.code == "structure":
        words = finding.words.removeprefix("line ").partition(":")[0]
        before = [part for part in parts if words.isdigit() and part.segment.line <= int(words)]
        return [part for part in before if part.segment.line == before[-1].segment.line]
    if finding.code == "loop":
        said = [(part, set(_sentences(part.translation or ""))) for part in parts]
        counts = Counter(sentence for _, found in said for sentence in found)
        most = max(counts.values(), default=0)
        often = {sentence for sentence, count in counts.items() if count == most}
        return [part for part, found in said if found & often]
    if finding.code == "length":
        low, high = LENGTH_BOUNDS
        rated = [(part, part.quality.length_ratio) for part in parts if part.quality]
        odd = [part for part, ratio in rated if not low <= ratio <= high]
        return odd or [part for part, _ in sorted(rated, key=lambda each: abs(1 - each[1]))[-3:]]
    return []


def _sentences(text: str) -> list[str]:
    bounds = [0, *sentence_ends(text), len(text)]
    return [said for a, b in pairwise(bounds) if len(said := text[a:b].strip()) > 5]


def ask_people(
    connection: psycopg.Connection[Any],
    article: str,
    translated: Translated,
    found: Iterable[tuple[Part, list[str]]],
) -> None:
    """Keep what a person should look at in a document; its earlier questions are gone."""
    task = translated.task
    rows: dict[str, dict[str, Any]] = {}
    for part, findings in found:
        key = review_key(part.segment.text, task.source, task.target)
        rows[key] = {
            "review_key": key,
            "source_language": canonical(task.source),
            "target_language": canonical(task.target),
            "source_text": part.segment.text,
            "article": article,
            "line": part.segment.line,
            "proposed_text": (part.memory and part.memory.translated_text) or None,
            "findings": findings,
        }
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            load_sql("postgres/translation/ask_person"),
            [storable(rows[key]) for key in sorted(rows)],
        )
        cursor.execute(
            load_sql("postgres/translation/need_no_person"),
            {
                "article": article,
                "target_language": canonical(task.target),
                "review_keys": list(rows),
            },
        )
