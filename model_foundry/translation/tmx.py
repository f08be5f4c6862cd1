"""The translation memory as TMX 1.4b, out and in.

A unit is a segment and its translation, marks and all as plain text. What a person has decided has
who and when as `changeid` and `changedate`; what a model has said has in `prop`s what it depends
on, so that it comes back as what it was. A unit of somebody else's is a decision: `imported`.

Belongs here: the file's form. What comes from outside is hostile: entities are refused, DTDs are
not read. Does not: the tables (`memory`, `review`).
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import IO, Any, Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import psycopg
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from psycopg.rows import class_row

from model_foundry.errors import FoundryError
from model_foundry.sql import load_sql
from model_foundry.translation.languages import canonical
from model_foundry.translation.memory import keep_rows
from model_foundry.translation.review import Decided, Decision, decide

_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_UNWRITABLE: Final = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINES: Final = re.compile(r"[ \t]*[\r\n]\s*|\t")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_DECISIONS: Final[tuple[Decision, ...]] = ("accepted", "edited", "learned", "imported")
_DEPENDS_ON: Final = ("models", "prompt_version", "glossary_version", "licence")
LONGEST: Final = 100_000
PORTION: Final = 1_000


class Unit(NamedTuple):
    """A segment's translation: a person's if it has a `decision`, else a model's."""

    source_language: str
    target_language: str
    source_text: str
    translated_text: str
    decision: Decision | None
    changed_by: str | None
    changed_at: datetime
    models: str | None
    prompt_version: str | None
    glossary_version: str | None
    licence: str | None


class Exchanged(NamedTuple):
    """How many units went over, and how many could not."""

    units: int
    skipped: int


def export_memory(connection: psycopg.Connection[Any], file: IO[bytes]) -> Exchanged:
    """Write everything that is remembered and fit."""
    count = skipped = 0
    file.write(
        _HEAD.format(version=version("model-foundry"), now=_time(datetime.now(UTC))).encode()
    )
    with (
        connection.transaction(),
        connection.cursor("translation_memory", row_factory=class_row(Unit)) as cursor,
    ):
        cursor.execute(load_sql("postgres/translation/export_memory"))
        for unit in cursor:
            if _UNWRITABLE.search(unit.source_text + unit.translated_text):
                skipped += 1  # XML has no way to write it
                continue
            file.write(tostring(_element(unit), encoding="utf-8") + b"\n")
            count += 1
    file.write(b"</body>\n</tmx>\n")
    return Exchanged(count, skipped)


def import_memory(connection: psycopg.Connection[Any], file: IO[bytes], *, name: str) -> Exchanged:
    """Keep a file's units; `name` answers for those that say no one. How many were new.

    Raises:
        FoundryError: it is no TMX, or declares entities; what came before that is kept.
    """
    new = skipped = 0
    portion: list[Unit] = []
    try:
        for unit in _units(file, name):
            if unit is None:
                skipped += 1
                continue
            portion.append(unit)
            if len(portion) >= PORTION:
                new += _keep(connection, portion)
                portion = []
        new += _keep(connection, portion)
    except ParseError as error:
        raise FoundryError(f"{name}: not XML: {error}") from error
    except DefusedXmlException as error:
        raise FoundryError(f"{name}: it declares entities, which nobody needs") from error
    except (LookupError, UnicodeError, ValueError) as error:
        raise FoundryError(f"{name}: its encoding cannot be read: {error}") from error
    return Exchanged(new, skipped)


def _keep(connection: psycopg.Connection[Any], units: Iterable[Unit]) -> int:
    decided, answered = [], []
    for unit in units:
        if unit.decision is None:
            answered.append(unit)
        else:
            decided.append(
                Decided(*unit[:4], unit.decision, unit.changed_by or "unknown", unit.changed_at)
            )
    return decide(connection, decided) + keep_rows(
        connection,
        [
            {
                **unit._asdict(),
                "models": unit.models or "",
                "prompt_version": unit.prompt_version or "",
                "glossary_version": unit.glossary_version or "",
            }
            for unit in answered
        ],
    )


_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4">
<header creationtool="model-foundry" creationtoolversion="{version}" segtype="block" \
o-tmf="model-foundry" adminlang="en" srclang="*all*" datatype="plaintext" creationdate="{now}"/>
<body>
"""


def _element(unit: Unit) -> Element:
    found = Element("tu", {"srclang": unit.source_language, "changedate": _time(unit.changed_at)})
    if unit.changed_by:
        found.set("changeid", _UNWRITABLE.sub("\ufffd", unit.changed_by))
    said = {"decision": unit.decision} | {name: getattr(unit, name) for name in _DEPENDS_ON}
    for name, value in said.items():
        if value is not None:
            SubElement(found, "prop", {"type": f"x-{name}"}).text = _UNWRITABLE.sub("\ufffd", value)
    for language, text in zip(unit[:2], unit[2:4], strict=True):
        tuv = SubElement(found, "tuv", {"xml:lang": language})
        SubElement(tuv, "seg").text = text
    return found


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_TIME)


def _units(file: IO[bytes], name: str) -> Iterator[Unit | None]:
    """The units of a file, None for each that cannot be used."""
    body: Element | None = None
    srclang = "*all*"
    is_tmx = False
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=False):
        if event == "start":
            is_tmx = is_tmx or element.tag == "tmx"
            if not is_tmx:
                raise FoundryError(f"{name}: it is no TMX: it begins with <{element.tag}>")
            if element.tag == "header":
                srclang = element.get("srclang", srclang)
            elif element.tag == "body":
                body = element
        elif element.tag == "tu":
            yield from _of(element, srclang, name)
            if body is not None:
                body.clear()


def _of(element: Element, srclang: str, name: str) -> Iterator[Unit | None]:
    texts: list[tuple[str, str]] = []
    for tuv in element.iter("tuv"):
        seg = tuv.find("seg")
        try:
            language = canonical(tuv.get(_LANG) or tuv.get("lang") or "")
        except ValueError:
            continue
        text = _LINES.sub(" ", "".join(seg.itertext())).strip(" ") if seg is not None else ""
        if text and len(text) <= LONGEST:
            texts.append((language, text))
    wanted = element.get("srclang", srclang)
    own = next((each for each in texts if each[0].lower() == wanted.lower()), None)
    if own is None and wanted != "*all*":
        own = next((each for each in texts if each[0].split("-")[0] == wanted.split("-")[0]), None)
    source = own or (texts[0] if texts and wanted == "*all*" else None)
    others = [each for each in texts if source is not None and each is not source]
    if source is None or not others:
        yield None
        return
    said = {
        str(prop.get("type", "")).removeprefix("x-"): "".join(prop.itertext())
        for prop in element.iter("prop")
    }
    decision = next((each for each in _DECISIONS if each == said.get("decision")), None)
    if decision is None and "prompt_version" not in said:
        decision = "imported"
    by = element.get("changeid") or element.get("creationid") or name
    at = _moment(element.get("changedate") or element.get("creationdate"))
    for language, text in others:
        depends = [said.get(each) for each in _DEPENDS_ON]
        yield Unit(source[0], language, source[1], text, decision, by, at, *depends)


def _moment(said: str | None) -> datetime:
    try:
        return datetime.strptime(said or "", _TIME).replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)
