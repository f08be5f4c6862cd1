"""Front matter: where it is, its texts that are translated, and how they are put back.

Between `---` lines it is YAML, between `+++` lines TOML. What stands between `---` and is no
mapping is none: such a document begins with a thematic break. Only strings at the top level are
translated, under the keys that are asked for; what cannot be read stays as it is.
"""

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import yaml

BOM: Final = "\ufeff"
_OPENING: Final = re.compile(r"(---|\+\+\+)[ \t]*(\r\n?|\n)")
_CLOSING: Final = {
    "---": re.compile(r"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n?|\n|\Z)"),
    "+++": re.compile(r"(?<=[\r\n])\+\+\+[ \t]*(?:\r\n?|\n|\Z)"),
}
# The first line that says something: a key, or what opens a mapping in flow style.
_KEY: Final = re.compile(
    r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n?|\n))*[ \t]*"
    r"(?:\{|[^\s#-][^\r\n]*?:(?:\s|\Z)|[\"'?]|\Z|#[^\r\n]*\Z)"
)
_TOML_LINE: Final = re.compile(
    r"^[ \t]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(\"(?:[^\"\\\r\n]|\\.)+\"|'[^'\r\n]+')"
    r"[ \t]*(?:#[^\r\n]*)?\r?$",
    re.MULTILINE,
)
_TOML_TABLE: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


class Front(NamedTuple):
    """Where a document's front matter is: from `start` to `end` with its lines of dashes or plus
    signs, `body` without. `newline` is how its lines end."""

    kind: Literal["yaml", "toml"]
    start: int
    body: tuple[int, int]
    end: int
    newline: str


def find(document: str) -> Front | None:
    """The front matter of a document, if it has one."""
    opening = _OPENING.match(document, len(BOM) * document.startswith(BOM))
    if not opening or not (closing := _CLOSING[opening[1]].search(document, opening.end())):
        return None
    body = opening.end(), closing.start()
    if opening[1] == "---" and not _is_mapping(document[body[0] : body[1]]):
        return None
    kind: Literal["yaml", "toml"] = "yaml" if opening[1] == "---" else "toml"
    return Front(kind, opening.start(), body, closing.end(), opening[2])


def values(document: str, front: Front | None) -> dict[str, Any] | None:
    """What front matter says, by key; None if it cannot be read."""
    if front is None:
        return {}
    body = document[front.body[0] : front.body[1]]
    try:
        return tomllib.loads(body.replace("\r\n", "\n")) if front.kind == "toml" else _loaded(body)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _read(body: str) -> Any:
    """What YAML says; `_UNREADABLE` if nothing."""
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _UNREADABLE


_UNREADABLE: Final = object()


def _loaded(body: str) -> dict[str, Any]:
    loaded = _read(body)
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - whoever reads it hears of one fault
    return dict(loaded)


def _is_mapping(body: str) -> bool:
    if not _KEY.match(body):
        return False
    loaded = _read(body)  # what is unreadable was meant as one
    return loaded is None or loaded is _UNREADABLE or isinstance(loaded, dict)


@dataclass(frozen=True, eq=False)
class Field:
    """A string in front matter; `start` and `end` are offsets in the document, quotes included."""

    key: str
    value: str
    line: int
    start: int
    end: int
    style: str | None
    document: str
    front: Front

    def replacement(self, text: str) -> tuple[int, int, str]:
        """The field's place and what to write there.

        Raises:
            ValueError: the text would not be read back.
        """
        written = self.document[self.start : self.end]
        tail = written[len(written.rstrip()) :]
        double = json.dumps(text, ensure_ascii=False)
        candidates = {
            None: [text, double],
            "'": ["'" + text.replace("'", "''") + "'", double],
            "toml": ["'" + text + "'", double] if written.startswith("'") else [double],
        }.get(self.style, [double])
        for candidate in candidates:
            if self._reads_back(candidate + tail, text):
                return self.start, self.end, candidate + tail
        raise ValueError(f"front matter {self.key}: the translation would not be read back")

    def _reads_back(self, written: str, text: str) -> bool:
        before = values(self.document, self.front)
        document = self.document[: self.start] + written + self.document[self.end :]
        front = find(document)
        return (
            before is not None
            and front is not None
            and document[front.end :] == self.document[self.front.end :]
            and values(document, front) == {**before, self.key: text}
        )


def fields(document: str, front: Front | None, keys: Sequence[str]) -> list[Field]:
    """The strings under these keys, in the order of a document's front matter."""
    if front is None or values(document, front) is None:
        return []
    found = _toml_fields if front.kind == "toml" else _yaml_fields
    return found(document, front, keys)


def _toml_fields(document: str, front: Front, keys: Sequence[str]) -> list[Field]:
    body = document[front.body[0] : front.body[1]]
    table = _TOML_TABLE.search(body)
    said = values(document, front) or {}
    found = []
    for match in _TOML_LINE.finditer(body, 0, table.start() if table else len(body)):
        value = said.get(match[1])
        if match[1] in keys and isinstance(value, str) and any(map(str.isalpha, value)):
            line = body.count("\n", 0, match.start()) + 2
            start, end = (front.body[0] + each for each in match.span(2))
            found.append(Field(match[1], value, line, start, end, "toml", document, front))
    return found


def _yaml_fields(document: str, front: Front, keys: Sequence[str]) -> list[Field]:
    offset = front.body[0]
    root = yaml.compose(document[offset : front.body[1]], Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    found = []
    for key, value in root.value:
        if (
            key.value in keys
            and isinstance(value, yaml.ScalarNode)
            and value.tag == "tag:yaml.org,2002:str"
            and any(map(str.isalpha, value.value))
        ):
            start, end = offset + value.start_mark.index, offset + value.end_mark.index
            line = value.start_mark.line + 2
            found.append(
                Field(key.value, value.value, line, start, end, value.style, document, front)
            )
    return found
