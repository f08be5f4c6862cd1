"""From a response's bytes to the JSON documents in it, however a server delimits them. Pure.

Belongs here: server-sent events and what is sent in their place, like JSON alone or a document a
line, and what is nearly JSON. Does not: what a document says (`answers`).
"""

import json
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec

REMARK_MAX_CHARS: Final = 300
KEEP_ALIVES: Final = frozenset(
    {"", "ping", "keepalive", "keep-alive", "heartbeat", "processing", "openrouter processing"}
)
BOM: Final = b"\xef\xbb\xbf"
# What a document came as: an event's data, the data of an event named `error`, or JSON alone.
# What should have been one, and is not JSON, is a `broken` text.
Origin = Literal["event", "error", "bare", "broken"]


class Document(NamedTuple):
    """What was found; `value` is an object, or the text of what is broken."""

    value: Any
    origin: Origin


_decode = msgspec.json.Decoder().decode
# Control characters stay; numbers may be NaN; lone surrogates may become pairs with the next text.
_TOLERANT = json.JSONDecoder(strict=False)


class Frames:
    """The documents of a response as it comes.

    An event counts as soon as its JSON is whole, without the empty line after it. What begins
    like no JSON is a remark; the first that is no keep-alive is kept. Nothing after `[DONE]` is
    read. Takes time in proportion to the bytes.
    """

    def __init__(self) -> None:
        self.done = False
        self.streamed = False
        """Whether there was an event."""
        self.remark: str | None = None
        self._found: list[Document] = []
        self._unended: list[bytes] = []
        self._after_cr = False
        self._begun = False
        self._open: list[bytes] = []
        self._open_is_bare = False
        self._named_error = False

    def feed(self, data: bytes) -> list[Document]:
        """What the next bytes complete; they may be cut anywhere."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut:
            lines = b"".join((*self._unended, data[:cut])).splitlines()
            self._unended = []
            for line in lines:
                self._read(line)
        if cut < len(data):
            self._unended.append(data[cut:])
        return self._drained()

    def end(self) -> list[Document]:
        """What the end of the bytes completes; an event that is not whole is left out."""
        if self._unended:
            self._read(b"".join(self._unended))
        self._unended = []
        self._close(last=True)
        return self._drained()

    def _drained(self) -> list[Document]:
        found, self._found = self._found, []
        return found

    def _read(self, line: bytes) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(BOM)
        if self.done:
            return
        if line.startswith(b"data:"):
            self._data(line[5:])
        elif stripped := line.strip():
            self._other(stripped, line)
        elif self._open_is_bare:
            self._open.append(line)
        else:
            self._close()
            if self._named_error:
                self._named_error = False
                self._found.append(Document({}, "error"))

    def _data(self, value: bytes) -> None:
        self.streamed = True
        if self._open_is_bare:
            self._close()
        if self._open:
            self._open.append(value)
        elif not self._documents(value, "error" if self._named_error else "event"):
            self._open = [value]

    def _other(self, stripped: bytes, line: bytes) -> None:
        """A line that is neither data nor empty."""
        if stripped.startswith(b"data:"):
            self._data(stripped[5:])
        elif self._open_is_bare and not stripped.startswith(b"[DONE]"):
            self._open.append(line)
        elif stripped.startswith((b":", b"id:", b"retry:")):
            self.streamed = True
        elif stripped.startswith(b"event:"):
            self.streamed = True
            self._named_error = stripped[6:].strip() == b"error"
        else:
            self._close()
            if not self._documents(stripped, "bare"):
                self._open, self._open_is_bare = [line], True

    def _close(self, *, last: bool = False) -> None:
        """What several lines held is one document."""
        if not self._open:
            return
        text = b"\n".join(self._open)
        origin: Origin = "bare" if self._open_is_bare else "error" if self._named_error else "event"
        self._open, self._open_is_bare = [], False
        if not self._documents(text, origin) and not (last and origin != "bare"):
            self._found.append(Document(text.decode("utf-8", "replace"), "broken"))

    def _documents(self, text: bytes, origin: Origin) -> bool:
        """Find the documents of a text; False if it begins like JSON and is none."""
        try:
            found = [_decode(text)]
        except (ValueError, RecursionError):
            stripped = text.strip()
            while stripped.startswith(b"data:"):  # an event within an event
                stripped = stripped[5:].lstrip()
            if not stripped.startswith((b"{", b"[", b'"')) or stripped.startswith(b"[DONE]"):
                self._said(stripped.decode("utf-8", "replace"))
                return True
            try:
                found = list(_nearly_json(stripped.decode("utf-8", "replace")))
            except (ValueError, RecursionError):
                return False
        for value in found:
            self._value(value, origin)
        return True

    def _value(self, value: object, origin: Origin) -> None:
        if isinstance(value, dict):
            self._found.append(Document(value, origin))
        elif isinstance(value, list):
            self._found += [Document(item, origin) for item in value if isinstance(item, dict)]
        elif isinstance(value, str):
            self._said(value)

    def _said(self, text: str) -> None:
        if text.startswith("[DONE]"):
            self.done = True
            return
        remark = text[:REMARK_MAX_CHARS]
        if self.remark is None and remark.strip(" :[]").casefold() not in KEEP_ALIVES:
            self.remark = remark


def _nearly_json(text: str) -> Iterator[Any]:
    """Documents one after another, with or without `data:` between them, up to `[DONE]`.

    Raises:
        ValueError, RecursionError: something of it is not JSON.
    """
    at, end = 0, len(text)
    while at < end:
        if text[at].isspace():
            at += 1
        elif text.startswith("data:", at):
            at += len("data:")
        elif text.startswith("[DONE]", at):
            yield "[DONE]"
            return
        else:
            value, at = _TOLERANT.raw_decode(text, at)
            yield value
