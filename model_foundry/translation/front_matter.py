"""The texts of a document's YAML front matter that are translated, and how they are put back.

Only strings at the top level, under the keys that are asked for. TOML front matter (`+++`) and YAML
that cannot be read stay as they are.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import yaml

_FIRST_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)")
_LAST_LINE: Final = re.compile(r"(?:---|\.\.\.)[ \t]*(?:\r\n?|\n)?\Z")


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
    body: tuple[int, int]

    def replacement(self, text: str) -> tuple[int, int, str]:
        """The field's place and what to write there.

        Raises:
            ValueError: YAML would not read the text back.
        """
        written = self.document[self.start : self.end]
        tail = written[len(written.rstrip()) :]
        double = json.dumps(text, ensure_ascii=False)
        candidates = {
            None: [text, double],
            "'": ["'" + text.replace("'", "''") + "'", double],
        }.get(self.style, [double])
        for candidate in candidates:
            if self._reads_back(candidate + tail, text):
                return self.start, self.end, candidate + tail
        raise ValueError(f"front matter {self.key}: YAML does not read the translation back")

    def _reads_back(self, written: str, text: str) -> bool:
        start, end = self.body
        before = self.document[start:end]
        after = self.document[start : self.start] + written + self.document[self.end : end]
        try:
            expected = {**yaml.safe_load(before), self.key: text}
            return bool(yaml.safe_load(after) == expected)
        except (yaml.YAMLError, ValueError):
            return False


def fields(document: str, front: str, keys: Sequence[str]) -> list[Field]:
    """The strings under these keys, in the order of the front matter `front` of a document."""
    first, last = _FIRST_LINE.match(front), _LAST_LINE.search(front)
    if not front.startswith("---") or not first or not last:
        return []
    offset = document.index(front) + first.end()
    body = front[first.end() : last.start()]
    try:
        root = yaml.compose(body, Loader=yaml.SafeLoader)
        yaml.safe_load(body)
    except (yaml.YAMLError, ValueError):
        return []
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
            found.append(
                Field(
                    key.value,
                    value.value,
                    value.start_mark.line + 2,
                    offset + value.start_mark.index,
                    offset + value.end_mark.index,
                    value.style,
                    document,
                    (offset, offset + len(body)),
                )
            )
    return found
