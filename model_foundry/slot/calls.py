"""The tool calls of an answer, put together from whatever pieces a server sends. Pure."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from model_foundry.slot.text import after_space, paired

_MARKS: Final = re.compile(r'\\.|[\\"{}\[\]]', re.DOTALL)
_DECODER: Final = json.JSONDecoder()
_OPENING, _CLOSING = frozenset("{["), frozenset("}]")


class Calls:
    """Calls as they come.

    A server may number all of them 0, none of them, or number them right; give the id and the
    name once, in every piece, or never. So a piece belongs to the call of its number; without
    one to that of its id, or to the last one. If that one is complete and the piece names a tool
    under another id, or under none, it begins a call of its own.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[object, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def add(self, tool_calls: object, *, whole: bool) -> None:
        """Take in a message's `tool_calls`, or one call.

        `whole` calls are complete, each its own; others are pieces.
        """
        pieces = list(_pieces(tool_calls))
        for number, piece in enumerate(pieces):
            self._add(piece, None if len(pieces) == 1 else number, whole=whole)

    def _add(self, piece: Mapping[str, Any], place: int | None, *, whole: bool) -> None:
        function = piece.get("function")
        if isinstance(function, str):
            function = {**piece, "name": function}
        elif not isinstance(function, Mapping):
            function = piece
        call_id, name = _text(piece.get("id")), _text(function.get("name"))
        arguments = _arguments(function)
        index = _index(piece.get("index"))
        key: object = ("place", place) if index is None and place is not None else index
        call = None if whole else self._of(key, call_id, name)
        if call is None or call.ended_by(call_id, name, arguments):
            call = _Call()
            self._calls.append(call)
        if key is not None:
            self._by_index[key] = call
        call.id = call.id or call_id
        if call_id:
            self._by_id.setdefault(call_id, call)
        call.type = _text(piece.get("type")) or call.type
        call.add(name, arguments)

    def _of(self, key: object, call_id: str, name: str) -> "_Call | None":
        if key is not None:
            return self._by_index.get(key)
        if call_id in self._by_id or (call_id and name):
            return self._by_id.get(call_id)
        return self._calls[-1] if self._calls else None

    def made(self) -> list[dict[str, Any]]:
        """Every call that says something, in OpenAI's form; one without an id gets one."""
        said = [call for call in self._calls if call.name or call.arguments]
        return [
            {
                "id": paired([call.id]) or f"call_{number}",
                "type": paired([call.type]),
                "function": {"name": paired([call.name]), "arguments": call.told_arguments()},
            }
            for number, call in enumerate(said)
        ]


class _Call:
    def __init__(self) -> None:
        self.id = ""
        self.type = "function"
        self.name = ""
        self.arguments: list[str] = []
        self._scanned = 0
        self._depth = 0
        self._in_string = False
        self._escape = ""

    def add(self, name: str, arguments: str) -> None:
        if name.startswith(self.name):
            self.name = name  # the first, the same again, or all that came so far
        elif name and not self.arguments:
            self.name += name
        if arguments:
            self.arguments.append(arguments)

    def told_arguments(self) -> str:
        """As JSON in a text, once.

        What was put into a text twice is taken out of one. What was sent several times, or all of
        it so far in every piece, is taken once.
        """
        arguments = paired(self.arguments)
        if not arguments:
            return ""
        try:
            value = msgspec.json.decode(arguments)
        except (ValueError, RecursionError):
            return _once(arguments, self.arguments)
        if isinstance(value, str):
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(msgspec.json.decode(value), dict):
                    return paired([value])
        return "" if value is None else arguments

    def ended_by(self, call_id: str, name: str, arguments: str) -> bool:
        """Whether a piece that would go on with this call is another one.

        A call that is not complete is gone on with: what comes can only mend it.
        """
        if not name or (call_id and call_id == self.id):
            return False
        if not self.arguments:
            return bool(call_id and self.id) or bool(arguments and self.name not in ("", name))
        if not call_id and not arguments.strip() and name == self.name:
            return False
        return self._complete()

    def _complete(self) -> bool:
        """Whether every bracket of the arguments is closed; reads each character once."""
        for text in self.arguments[self._scanned :]:
            marks = _MARKS.findall(self._escape + text)
            for mark in marks:
                if self._in_string:
                    self._in_string = mark != '"'
                elif mark == '"':
                    self._in_string = True
                else:
                    self._depth += (mark in _OPENING) - (mark in _CLOSING)
            self._escape = "\\" if marks and marks[-1] == "\\" else ""  # of the next piece
        self._scanned = len(self.arguments)
        return self._depth <= 0 and not self._in_string


def _pieces(tool_calls: object) -> Iterator[Mapping[str, Any]]:
    several = tool_calls if isinstance(tool_calls, list) else [tool_calls]
    return (piece for piece in several if isinstance(piece, Mapping) and piece)


def _arguments(function: Mapping[str, Any]) -> str:
    """As JSON in a text, which is what they are in OpenAI's form."""
    value = function.get("arguments")
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _once(arguments: str, pieces: Sequence[str]) -> str:
    """What is no JSON as a whole, as what its pieces repeat; as it is if they repeat nothing."""
    with contextlib.suppress(ValueError, RecursionError):
        if all(later.startswith(piece) for piece, later in pairwise(pieces)):
            json.loads(pieces[-1])
            return paired([pieces[-1]])
    with contextlib.suppress(ValueError, RecursionError):
        told = {json.dumps(value): text for value, text in _documents(arguments) if value != {}}
        if len(told) == 1:
            return next(iter(told.values()))
    return arguments


def _documents(text: str) -> Iterator[tuple[Any, str]]:
    """The JSON documents that stand one after the other.

    Raises:
        ValueError, RecursionError: something of it is not JSON.
    """
    at = 0
    while at < len(text):
        value, end = _DECODER.raw_decode(text, at)
        yield value, text[at:end]
        at = after_space(text, end)


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _index(value: object) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None
