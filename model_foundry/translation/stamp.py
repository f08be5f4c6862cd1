"""The stamp: what a translation's front matter says of it, in the front matter's own syntax.

YAML in blocks or in flow style, TOML, or none at all, to which a front matter of the stamp alone is
given. A document has one stamp at most; a key `translation` of its own is left to it.

Belongs here: writing a stamp into a text, reading it, taking it out. Does not: whose a file is
(`article`).
"""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from model_foundry.translation import front_matter
from model_foundry.translation.front_matter import BOM, Front
from model_foundry.translation.languages import language_name

STAMP: Final = "translation"
# Where the source has a key of that name.
OTHER_STAMP: Final = "model_foundry_translation"
_NAMES: Final = rf"(?P<name>{STAMP}|{OTHER_STAMP})"
_BLOCK: Final = re.compile(
    rf"(?:^|(?<=\r))(?P<indent>[ \t]*){_NAMES}:[ \t]*(?:\r\n?|\n)"
    rf"(?:(?P=indent)[ \t]+[^\r\n]*(?:\r\n?|\n|\Z))+",
    re.M,
)
_FLOW: Final = re.compile(
    rf"(?:,[ ])?{_NAMES}: (?P<fields>\{{\"source\": [^\r\n]*?\}})(?=\s*\}}\s*(?:#[^\r\n]*\s*)*\Z)"
)
_TABLE: Final = re.compile(
    rf"(?:^|(?<=\r))\[{_NAMES}\][ \t]*(?:\r\n?|\n)(?:[a-z0-9_]+ = \"[^\r\n]*(?:\r\n?|\n|\Z))+", re.M
)
_LANGUAGE: Final = {
    "yaml": re.compile(
        r"(?:^|(?<=\r))(lang(?:uage)?:[ \t]*)(?P<quote>[\"']?)([^\s#\"']+)(?P=quote)", re.M
    ),
    "toml": re.compile(
        r"(?:^|(?<=\r))(lang(?:uage)?[ \t]*=[ \t]*)(?P<quote>[\"'])([^\"'\r\n]+)(?P=quote)", re.M
    ),
}


class Stamp(NamedTuple):
    """What a translation's front matter says of it. `text_sha256` is of what `unstamped` gives."""

    source: str
    source_sha256: str
    source_language: str
    language: str
    model: str
    licence: str
    date: str
    text_sha256: str

    def fields(self) -> dict[str, str]:
        """Its fields, each on one line."""
        return {name: " ".join(value.split()) for name, value in self._asdict().items()}


def stamped(text: str, stamp: Stamp) -> str:
    """The text with the stamp at the end of its front matter, which is made if there is none.

    A stamp that it had is gone. Where the front matter names the source's language, it names the
    translation's instead.
    """
    text = _in_language(unstamped(text), stamp.language)
    front = front_matter.find(text)
    if front is None:
        start = len(BOM) * text.startswith(BOM)
        newline = "\r\n" if "\r\n" in text else "\r" if "\r" in text and "\n" not in text else "\n"
        block = _as_block(STAMP, stamp, newline, "")
        return f"{text[:start]}---{newline}{block}---{newline}{text[start:]}"
    before = front_matter.values(text, front)
    name = OTHER_STAMP if STAMP in (before or {}) else STAMP
    candidates = [_put(text, *each) for each in _ways(text, front, name, stamp)]
    wanted = {**(before or {}), name: stamp.fields()}
    return next((each for each in candidates if _holds(each, wanted)), candidates[0])


def unstamped(text: str) -> str:
    """The text as it was before `stamped`."""
    front = front_matter.find(text)
    if front is None:
        return text
    body = text[slice(*front.body)]
    patterns = (_TABLE,) if front.kind == "toml" else (_BLOCK, _FLOW)
    found = [match for each in patterns for match in each.finditer(body) if _fields(match, front)]
    if not found:
        return text
    start, end = found[-1].span()
    if body[:start] + body[end:] == "":
        return text[: front.start] + text[front.end :]
    if front.kind == "toml" and body[:start].endswith(front.newline * 2):
        start -= len(front.newline)
    return text[: front.body[0] + start] + text[front.body[0] + end :]


def stamp_of(text: str) -> Stamp | None:
    """The stamp of a translation that was made here; None of any other text."""
    front = front_matter.find(text)
    if front is None:
        return None
    said = front_matter.values(text, front)
    if said is None:  # unreadable, but for what was written here
        blocks = (_TABLE if front.kind == "toml" else _BLOCK).finditer(text, *front.body)
        said = {match["name"]: _fields(match, front) for match in blocks}
    for name in (OTHER_STAMP, STAMP):
        if stamp := _stamp(said.get(name)):
            return stamp
    return None


def is_stamped_in_place(text: str, stamp: Stamp, rendered: str) -> bool:
    """Whether a stamped text reads as the one that was rendered, with this stamp once."""
    front, before = front_matter.find(text), front_matter.find(rendered)
    if front is None or stamp_of(text) != stamp._replace(**stamp.fields()):
        return False
    rest = rendered[before.end if before else len(BOM) * rendered.startswith(BOM) :]
    was_readable = front_matter.values(rendered, before) is not None
    is_readable = front_matter.values(text, front) is not None
    return (
        text[front.end :] == rest
        and stamp_of(unstamped(text)) is None
        and was_readable <= is_readable
    )


def _ways(text: str, front: Front, name: str, stamp: Stamp) -> Iterator[tuple[int, str]]:
    """Places in a text, and what may be put there; the first where nothing can be told."""
    end = front.body[1]
    body = text[slice(*front.body)]
    if front.kind == "toml":
        lines = [f"[{name}]", *(f"{key} = {_quoted(said)}" for key, said in stamp.fields().items())]
        block = "".join(line + front.newline for line in lines)
        yield end, (front.newline if body.strip() else "") + block
        return
    yield end, _as_block(name, stamp, front.newline, "")
    first = re.search(r"^([ \t]+)[^\s#]", body, re.M)
    if first:
        yield end, _as_block(name, stamp, front.newline, first[1])
    if closing := re.search(r"\}\s*(?:#[^\r\n]*\s*)*\Z", body):
        fields = ", ".join(
            f"{_quoted(key)}: {_quoted(said)}" for key, said in stamp.fields().items()
        )
        for comma in (", ", ""):
            yield front.body[0] + closing.start(), f"{comma}{name}: {{{fields}}}"


def _put(text: str, at: int, what: str) -> str:
    return text[:at] + what + text[at:]


def _holds(text: str, wanted: dict[str, Any]) -> bool:
    front = front_matter.find(text)
    return front is not None and front_matter.values(text, front) == wanted


def _as_block(name: str, stamp: Stamp, newline: str, indent: str) -> str:
    written = yaml.safe_dump(
        {name: stamp.fields()}, allow_unicode=True, sort_keys=False, width=10_000
    )
    return "".join(f"{indent}{line}{newline}" for line in written.splitlines())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _fields(match: re.Match[str], front: Front) -> dict[str, Any] | None:
    """What a block that looks like a stamp says; None if it is none."""
    try:
        if front.kind == "toml":
            said = tomllib.loads(match[0].replace("\r\n", "\n").replace("\r", "\n"))
        else:
            indent = match.groupdict().get("indent") or ""
            lines = match[0].removeprefix(", ").splitlines()
            said = yaml.safe_load("\n".join(line.removeprefix(indent) for line in lines))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    fields = said.get(match["name"]) if isinstance(said, dict) else None
    return fields if isinstance(fields, dict) and _stamp(fields) else None


def _stamp(fields: Any) -> Stamp | None:
    if not isinstance(fields, dict):
        return None
    try:
        return Stamp(**{name: str(fields[name]) for name in Stamp._fields})
    except KeyError:
        return None


def _in_language(text: str, language: str) -> str:
    front = front_matter.find(text)
    if front is None:
        return text

    def named(match: re.Match[str]) -> str:
        try:
            language_name(match[3])
        except ValueError:
            return match[0]  # `language: python`
        quote = match["quote"] if front.kind == "toml" else ""
        return f"{match[1]}{quote}{language}{quote}"

    start, end = front.body
    written = _LANGUAGE[front.kind].sub(named, text[start:end])
    return text[:start] + written + text[end:]
