"""What a slot gave back: one answer, read from whatever an OpenAI-like server sends. Pure.

Belongs here: what the documents of a response say, in one form. Read tolerantly: where a field
has another type, name or place than OpenAI's, what was meant is taken, and what means nothing is
left out. Does not: bytes (`framing`), what the answer is worth (`outcome`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from model_foundry.slot.calls import Calls
from model_foundry.slot.errors import SlotError, error_object
from model_foundry.slot.finish import GAVE_UP, finish_reason, without_end
from model_foundry.slot.framing import Frames, Origin
from model_foundry.slot.jobs import Endpoint
from model_foundry.slot.refusals import by_words
from model_foundry.slot.text import paired
from model_foundry.slot.thinking import told, without_notice
from model_foundry.slot.timings import Timings, timings_of
from model_foundry.slot.written_calls import written_calls

RAW_MAX_BYTES: Final = 64 * 1024
QUOTE_MAX_CHARS: Final = 8 * 1024
AFTER_DONE_S: Final = 1.0
AFTER_END_S: Final = 5.0
_NESTED: Final = 8  # lists of parts in parts; two are known
_FIGURES: Final = ("model", "timings", "metrics")
# The first that says something: several often hold the same.
_REASONING: Final = (
    *("reasoning_content", "reasoning", "reasoning_details"),
    *("thinking", "thinking_content", "thought"),
)
_TEXT: Final = ("text", "thinking", "reasoning", "content", "summary", "value")
_STATUS: Final = re.compile("[1-5][0-9][0-9]")
_ENDS: Final = frozenset({"stop", "tool_calls"})


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A slot's answer, whole; `tool_calls` and `finish_reason` as OpenAI has them.

    `raw` is what the server sent, its middle left out where it is longer than `RAW_MAX_BYTES`.
    What PostgreSQL cannot hold in a text (U+0000, lone surrogates) is U+FFFD.
    """

    text: str
    reasoning: str | None
    tool_calls: list[dict[str, Any]] | None
    finish_reason: str | None
    response_model: str | None
    timings: Timings
    raw: str | None = None


class Reading:
    """One response, as it comes: `feed` it every byte, then ask for its `completion`.

    Whether it is a stream or one document is seen from the bytes, not from what was asked for.
    A chat's thinking between marks at the start of its text is taken for reasoning; a raw
    completion goes on with a text whose marks are its writer's, and stays as it is. Where it was
    asked with `tools`, calls between marks in its text are its calls, if it has no others.
    """

    def __init__(self, endpoint: Endpoint, *, tools: bool = False) -> None:
        self.first_token_ms: float | None = None
        """When the first event with a part of the answer came; None for a single document."""
        self.last_token_ms: float | None = None
        """When the last one came; if that is when the first did, the answer came in one piece."""
        self.came_ms = 0.0
        """When the last of it came, keep-alives not counted."""
        self.failed = False
        """Whether they say that there will be no answer."""
        self._endpoint = endpoint
        self._tools = tools
        self._raw = _Raw()
        self._frames = Frames()
        self._text: list[str] = []
        self._text_chars = 0
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls = Calls()
        self._finish_reason: str | None = None
        self._figures: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._choices = self._parts = self._first_parts = 0
        self._deltas = self._whole = False

    def feed(self, data: bytes, elapsed_ms: float) -> None:
        """The next bytes of the body, and when they came, counted from the request's start.

        Raises:
            SlotError: they say that there will be no answer.
        """
        self._raw.add(data)
        parts = self._parts
        try:
            found = self._frames.feed(data)
            if found or not self._frames.streamed:
                self.came_ms = elapsed_ms
            for document, origin in found:
                self._take(document, origin)
        except SlotError:
            self.failed = True
            raise
        except (ValueError, RecursionError) as error:
            self.failed = True
            raise _unreadable(error) from None
        if self._parts > parts and (self._frames.streamed or self._deltas):
            self.last_token_ms = elapsed_ms
            if self.first_token_ms is None:
                self.first_token_ms = elapsed_ms
                self._first_parts = self._parts - parts

    @property
    def rest_s(self) -> float | None:
        """How many seconds there may be between the answer's end, once it has come, and that of
        the response: only figures follow.
        """
        if self._frames.done:
            return AFTER_DONE_S
        return None if self._finish_reason is None else AFTER_END_S

    @property
    def raw(self) -> str:
        """What came so far, bounded."""
        return self._raw.text()

    def completion(self, total_ms: float) -> Completion:
        """The whole answer, `total_ms` after the request's start.

        Raises:
            SlotError: it is none, or not whole.
        """
        try:
            for document, origin in self._frames.end():
                self._take(document, origin)
            return self._completion(total_ms)
        except (ValueError, RecursionError) as error:
            raise _unreadable(error) from None

    def _completion(self, total_ms: float) -> Completion:
        reason = self._finish_reason
        if reason is None:
            self._check_whole()
        text, reasoning = paired(self._text), paired(self._reasoning) or None
        if self._endpoint == "chat":
            text, reasoning = self._without_notices(text, reasoning)
            split = told(text, thought_elsewhere=reasoning is not None)
            text = without_end(split.text)
            reasoning = "\n".join(filter(None, (reasoning, split.thinking))) or None
        if self._tools and not self._calls.made() and (written := written_calls(text)):
            text, reason = written.text, None if reason == "stop" else reason
            self._calls.add(written.calls, whole=True)
        calls = self._calls.made() or None
        if reason is None:
            reason = "tool_calls" if calls else "stop"
        if self._refusal and not text:
            text, reason = paired(self._refusal), "content_filter"
        model = self._figures.get("model")
        timings = timings_of(
            total_ms,
            usage=self._usage,
            llama_cpp=self._figures.get("timings"),
            vllm=self._figures.get("metrics"),
            first_token_ms=self.first_token_ms,
            last_token_ms=self.last_token_ms,
            at_first=self._first_parts / self._parts if self._first_parts > 1 else 0.0,
            unseen_reasoning=reasoning is None,
        )
        counted = timings.input_tokens or timings.output_tokens
        if reason in _ENDS and not (text.strip() or reasoning or calls or counted):
            raise SlotError("empty", "the answer holds nothing, not even a count of tokens")
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish_reason=reason,
            response_model=paired([model]) if isinstance(model, str) else None,
            timings=timings,
            raw=self.raw,
        )

    def _without_notices(self, text: str, reasoning: str | None) -> tuple[str, str | None]:
        """Without what the server says itself, which makes our own times those of a load."""
        said = (text, reasoning)
        text, reasoning = without_notice(text), reasoning and (without_notice(reasoning) or None)
        if said != (text, reasoning):
            self.first_token_ms = self.last_token_ms = None
        return text, reasoning

    def _check_whole(self) -> None:
        """Whether an answer without a finish reason came to its end.

        Raises:
            SlotError: it did not.
        """
        frames = self._frames
        if not self._choices and (frames.remark or not frames.streamed) and self.raw:
            said = _quoted(frames.remark or self.raw)
            raise SlotError("invalid_response", f"the answer holds no choices: {said}")
        if frames.remark is not None:
            raise SlotError("invalid_response", f"an event is not JSON: {_quoted(frames.remark)}")
        is_one = self._choices == 1 and (self._whole or not (frames.streamed or self._deltas))
        if not (frames.done or is_one):
            raise SlotError("connection", "the stream ended before the answer did")

    def _take(self, document: Any, origin: Origin) -> None:
        error = origin in ("broken", "error") or _error_in(document)
        if error and self._finish_reason is not None:
            return  # after its end an answer lacks nothing but figures
        if origin == "broken":
            raise SlotError("invalid_response", f"not JSON: {_quoted(document)}")
        if error:
            raise _error(_error_in(document) or document)
        for name in _FIGURES:
            if value := document.get(name):
                self._figures[name] = value
        self._take_usage(document.get("usage"))
        self._take_usage(_mapping(document.get("x_groq")).get("usage"))  # Groq's place for it
        choice = _choice(document.get("choices"))
        if choice is not None:
            self._choices += 1
            self._take_choice(choice)
        elif "error" in (document.get("object"), document.get("type")):
            raise _error(document)

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        if said := _said(choice.get("delta")):
            self._deltas = True
            self._add(said)
        elif said := _said(choice.get("message")):
            if self._choices > 1:
                self._replace(said)
            self._whole = True
            self._add(said, whole=True)
        elif said := _said(choice.get("text")):
            self._add(said)
        if error := _error_in(choice):
            raise _error(error)
        self._take_usage(choice.get("usage"))  # Moonshot's
        value = choice.get("finish_reason") or choice.get("finishReason")  # Gemini's, beside null
        if value and (reason := finish_reason(value)):
            if reason in GAVE_UP:
                raise SlotError("server_error", f"finish_reason is {reason}")
            if self._finish_reason in (None, "stop"):
                self._finish_reason = reason

    def _take_usage(self, usage: object) -> None:
        """One that lacks a count, or has 0 for it, takes none away."""
        if isinstance(usage, dict):
            known = {name: count for name, count in self._usage.items() if not usage.get(name)}
            self._usage |= usage | known

    def _add(self, said: "_Said", *, whole: bool = False) -> None:
        self._parts += 1
        if self._finish_reason == "stop":
            self._finish_reason = None  # not yet: some say so of the thinking
        if said.text:
            self._text.append(said.text)
            self._text_chars += len(said.text)
        if said.reasoning:
            self._reasoning.append(said.reasoning)
        if said.refusal:
            self._refusal.append(said.refusal)
        if said.calls:
            self._calls.add(said.calls, whole=whole)

    def _replace(self, said: "_Said") -> None:
        """Drop what a message that comes after others says once more, and whole."""
        again = len(said.text) >= self._text_chars and said.text.startswith("".join(self._text))
        if said.text and (self._deltas or again):
            self._text, self._text_chars = [], 0
        if self._deltas and said.reasoning:
            self._reasoning = []
        if self._deltas and said.calls:
            self._calls = Calls()


class _Said(NamedTuple):
    """What a message, or a piece of one, holds of the answer."""

    text: str
    reasoning: str
    refusal: str
    calls: object


def _said(part: object) -> _Said | None:
    """None if it holds nothing of the answer."""
    if isinstance(part, str):
        return _Said(part, "", "", None) if part else None
    if not isinstance(part, dict):
        return None
    text, reasoning = part.get("content"), ""
    if text in (None, [], {}):
        text = ""
    elif not isinstance(text, str):
        text, reasoning = _content(text)
    for name in _REASONING:
        if value := part.get(name):
            thought = value if isinstance(value, str) else _joined(value)
            if thought:
                reasoning += thought
                break
    refusal = part.get("refusal")
    calls = part.get("tool_calls") or part.get("function_call")
    refusal = refusal if isinstance(refusal, str) else ""
    if text or reasoning or refusal or calls:
        return _Said(text, reasoning, refusal, calls)
    return None


def _content(content: object) -> tuple[str, str]:
    """The text and the thinking of a content that is no text."""
    is_part = isinstance(content, dict) and ("type" in content or list(content) == ["text"])
    if not is_part and not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False), ""  # the JSON asked for, parsed already
    found = list(_texts(content))
    text = "".join(piece for is_thinking, piece in found if not is_thinking)
    return text, "".join(piece for is_thinking, piece in found if is_thinking)


def _joined(content: object) -> str:
    return "".join(text for _, text in _texts(content))


def _texts(content: object, depth: int = 0) -> Iterator[tuple[bool, str]]:
    """The texts in a content, or in a list of parts, and whether each is thinking."""
    if isinstance(content, str):
        yield False, content
    elif depth < _NESTED and isinstance(content, list):
        for part in content:
            yield from _texts(part, depth + 1)
    elif depth < _NESTED and isinstance(content, dict):
        kind = content.get("type")
        is_thinking = isinstance(kind, str) and kind.startswith(("thinking", "reasoning"))
        name = next((name for name in _TEXT if content.get(name)), None)
        for _, text in _texts(content.get(name), depth + 1) if name else ():
            yield is_thinking or name == "thinking", text


def _choice(choices: object) -> Mapping[str, Any] | None:
    """The first of them; only one was asked for."""
    if isinstance(choices, list):
        return next((choice for choice in choices if isinstance(choice, dict)), None)
    return choices if isinstance(choices, dict) and choices else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _error_in(document: Mapping[str, Any]) -> object:
    """What stands for an error in it; not an object of empty fields, which some always send."""
    error = document.get("error")
    return error if not isinstance(error, dict) or any(error.values()) else None


def _error(error: object) -> SlotError:
    if isinstance(error, dict) and _STATUS.fullmatch(str(error.get("code"))):
        error = {**error, "code": int(error["code"])}
    found = error_object(error or "an event named error")
    return SlotError(by_words(found), _quoted(str(found)))


def _unreadable(error: Exception) -> SlotError:
    return SlotError("invalid_response", f"the answer cannot be read: {_quoted(str(error))}")


def _quoted(text: str) -> str:
    """Its begin, in a line; it is cut once more where a key is taken out of it."""
    return " ".join(text.split())[:QUOTE_MAX_CHARS]


class _Raw:
    """The head and the tail of what came."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._bytes = 0

    def add(self, data: bytes) -> None:
        self._bytes += len(data)
        room = RAW_MAX_BYTES // 2 - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data
            if len(self._tail) > RAW_MAX_BYTES:
                del self._tail[: -RAW_MAX_BYTES // 2]

    def text(self) -> str:
        tail = self._tail[-(RAW_MAX_BYTES // 2) :]
        left_out = self._bytes - len(self._head) - len(tail)
        between = f"\n… {left_out} bytes …\n".encode() if left_out else b""
        text = b"".join((self._head, between, tail)).decode("utf-8", "replace")
        return text.replace("\0", "\ufffd")
