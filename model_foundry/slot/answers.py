"""What a slot gave back: a completion, read from a whole or a streamed response, or an error. Pure.

A server's answer is read strictly where it is the answer (text, tool calls, finish reason) and
loosely where it is a figure.
"""

from typing import Any

import msgspec

from model_foundry.events.repair import repaired
from model_foundry.slot.errors import SlotError, error_object
from model_foundry.slot.jobs import storable
from model_foundry.slot.timings import Timings, timings_of


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A slot's answer, whole; `tool_calls` as OpenAI shapes them.

    What PostgreSQL cannot hold in a text (U+0000, lone surrogates) is U+FFFD.
    """

    text: str
    reasoning: str | None
    tool_calls: list[dict[str, Any]] | None
    finish_reason: str | None
    response_model: str | None
    timings: Timings


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    """A tool call, or the part of one that a streamed event adds to the call at `index`."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _Function = _Function()


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    """A response body, or one event of a streamed one."""

    choices: list[_Choice] = []
    model: str | None = None
    usage: Any = None
    timings: Any = None
    metrics: Any = None
    error: Any = None


_BODY = msgspec.json.Decoder(_Body)


def whole_answer(content: bytes, total_ms: float) -> Completion:
    """The completion in a response body.

    Raises:
        SlotError: it is an error object, or holds no choice.
        ValueError, RecursionError: it is not JSON of a completion's shape.
    """
    body = _BODY.decode(repaired(content)[0])
    answer = _Answer()
    answer.add(body)
    if not body.choices:
        raise SlotError("invalid_response", "the answer holds no choices")
    return answer.completion(total_ms)


class StreamedAnswer:
    """The completion that a stream's events add up to."""

    def __init__(self) -> None:
        self._answer = _Answer()
        self._first_token_ms: float | None = None
        self._last_token_ms: float | None = None

    def add(self, event: object, elapsed_ms: float) -> None:
        """One decoded event, and when it came, counted from the request's start.

        Raises:
            SlotError: it is an error object.
            ValueError: it is not of a completion's shape.
        """
        if self._answer.add(msgspec.convert(storable(event), _Body)):
            self._first_token_ms = self._first_token_ms or elapsed_ms
            self._last_token_ms = elapsed_ms

    def completion(self, total_ms: float) -> Completion:
        """The whole answer.

        Raises:
            SlotError: the stream ended before the answer did.
        """
        if self._answer.finish_reason is None:
            raise SlotError("connection", "the stream ended before the answer did")
        return self._answer.completion(total_ms, self._first_token_ms, self._last_token_ms)


class _Answer:
    """What one body holds, or several add up to."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._figures = _Body()

    def add(self, body: _Body) -> bool:
        """Take in what the body says; whether it held a token of the answer."""
        if body.error:
            raise error_object(body.error)
        for name in ("model", "usage", "timings", "metrics"):
            if (value := getattr(body, name)) is not None:
                setattr(self._figures, name, value)
        if not body.choices:
            return False
        choice = body.choices[0]
        message = choice.message or choice.delta or _Message(content=choice.text)
        reasoning = message.reasoning_content or message.reasoning
        self._text.append(message.content or "")
        self._reasoning.append(reasoning or "")
        self.finish_reason = choice.finish_reason or self.finish_reason
        for number, part in enumerate(message.tool_calls or ()):
            self._add_tool_call(number if part.index is None else part.index, part)
        return bool(message.content or reasoning or message.tool_calls)

    def _add_tool_call(self, index: int, part: _ToolCall) -> None:
        call = self._tool_calls.setdefault(
            index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = part.id or call["id"]
        call["type"] = part.type or call["type"]
        call["function"]["name"] += part.function.name or ""
        call["function"]["arguments"] += part.function.arguments or ""

    def completion(
        self,
        total_ms: float,
        first_token_ms: float | None = None,
        last_token_ms: float | None = None,
    ) -> Completion:
        figures = self._figures
        return Completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning) or None,
            tool_calls=[self._tool_calls[index] for index in sorted(self._tool_calls)] or None,
            finish_reason=self.finish_reason,
            response_model=figures.model,
            timings=timings_of(
                total_ms,
                usage=figures.usage,
                llama_cpp=figures.timings,
                vllm=figures.metrics,
                first_token_ms=first_token_ms,
                last_token_ms=last_token_ms,
            ),
        )
