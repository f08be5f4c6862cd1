"""The body of a request, as one slot's server takes it. Pure.

Belongs here: what differs between runtimes and what a fleet file declares, and what is learnt when
a server refuses a parameter. Does not: how it is sent (`exchange`), whether an answer fits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from model_foundry.fleet.file import Runtime, Slot
from model_foundry.slot.jobs import Request
from model_foundry.slot.refusals import Said

_UNSUPPORTED: Final = (
    *("unsupported", "not support", "not permitted", "extra_forbidden", "not allowed"),
    *("unrecognized", "unrecognised", "unknown", "unexpected", "deprecated"),
)
# What an answer can do without: the server's own value is then the only one.
_DISPENSABLE: Final = ("temperature", "top_p", "seed", "reasoning_effort")
_SCHEMA: Final = "Answer with one JSON value and nothing else. It must be valid by this schema:"
_OBJECT: Final = "Answer with one JSON object and nothing else."


class Habits(NamedTuple):
    """What a slot's server takes: as the fleet file declares it, and as it has shown since."""

    stream_options: bool
    omit: frozenset[str]
    rename: Mapping[str, str]

    @classmethod
    def declared(cls, slot: Slot) -> "Habits":
        """By the fleet file."""
        return cls(slot.stream_options, frozenset(slot.omit), dict(slot.rename.items()))

    def after(self, status: int, said: Said, body: Mapping[str, Any]) -> "Habits | None":
        """What a refusal of a body teaches; None: nothing new, or it is about something else."""
        learnt = self._taught(said.words, body) if status in {400, 422} else self
        # What `extra_body` says is sent whatever was learnt, and would be refused for ever.
        return None if learnt == self else learnt

    def _taught(self, words: str, body: Mapping[str, Any]) -> "Habits":
        if "stream_options" in words and "stream_options" in body:
            return self._replace(stream_options=False)
        if "max_completion_tokens" in words and "max_tokens" in body:
            return self._replace(rename={**self.rename, "max_tokens": "max_completion_tokens"})
        if any(each in words for each in _UNSUPPORTED):
            for name in _DISPENSABLE:
                if name in words and name in body:
                    return self._replace(omit=self.omit | {name})
        return self

    def beside(self, other: "Habits") -> "Habits":
        """What was learnt by two attempts at once."""
        return Habits(
            self.stream_options and other.stream_options,
            self.omit | other.omit,
            {**self.rename, **other.rename},
        )


def body_of(slot: Slot, habits: Habits, request: Request) -> dict[str, Any]:
    """The whole body of a request, for a slot's model and dialect and its server's habits; always
    streamed.
    """
    parameters = _thought(_shaped(request, slot), request, slot.runtime)
    parameters |= _tools(request, slot.runtime)
    body: dict[str, Any] = {"model": slot.model}
    for name, value in parameters.items():
        if name not in habits.omit:
            body[habits.rename.get(name, name)] = value
    for name, value in slot.extra_body.items():
        if isinstance(asked := body.get(name), Mapping) and isinstance(value, Mapping):
            body[name] = {**value, **asked}
        else:
            body.setdefault(name, value)
    body["stream"] = True
    if habits.stream_options:
        body["stream_options"] = {"include_usage": True}
    return body


def _thought(parameters: dict[str, Any], request: Request, runtime: Runtime) -> dict[str, Any]:
    if request.thinking is not None:
        if runtime != "openai":
            parameters["chat_template_kwargs"] = {"enable_thinking": request.thinking}
        elif not request.thinking:
            parameters["reasoning_effort"] = "none"
    return parameters


def _shaped(request: Request, slot: Slot) -> dict[str, Any]:
    """The request's parameters; a shape that the server cannot hold stands in the prompt."""
    parameters = request.parameters()
    shape = parameters.get("response_format")
    if shape is None or slot.response_format == "json_schema":
        return parameters
    kind = shape.get("type")
    if slot.response_format == "none" or kind not in ("json_schema", "json_object"):
        del parameters["response_format"]
    elif kind == "json_schema":
        parameters["response_format"] = {"type": "json_object"}
    if kind == "json_schema":
        named = shape.get("json_schema")
        schema = named.get("schema") if isinstance(named, Mapping) else None
        told = f"{_SCHEMA}\n{msgspec.json.encode(schema).decode()}"
    elif kind == "json_object" and slot.response_format == "none":
        told = _OBJECT
    else:
        return parameters
    if request.messages is not None:
        parameters["messages"] = _told(request.messages, told)
    return parameters


def _told(messages: Sequence[Mapping[str, Any]], text: str) -> list[Mapping[str, Any]]:
    """The messages with a text at the end of the user's last one: templates may know no system."""
    told = list(messages)
    for number in range(len(told) - 1, -1, -1):
        if told[number].get("role") == "user":
            content = told[number].get("content")
            if isinstance(content, str):
                told[number] = {**told[number], "content": f"{content}\n\n{text}"}
                return told
            if isinstance(content, list):
                parts = [*content, {"type": "text", "text": text}]
                told[number] = {**told[number], "content": parts}
                return told
            break
    return [*told, {"role": "user", "content": text}]


def _tools(request: Request, runtime: Runtime) -> dict[str, Any]:
    """The tools of a request body, as far as a runtime wants them otherwise than OpenAI does."""
    tools = [(_function(tool), tool) for tool in request.tools or ()]
    if runtime == "vllm" and tools:
        # Unless `strict` is set, it takes any JSON for a call's arguments.
        strict = [{**tool, "function": {"strict": True, **function}} for function, tool in tools]
        return {"tools": strict}
    if runtime == "llama.cpp" and isinstance(request.tool_choice, Mapping):
        # It does not know a tool by name: the one that must be called is the only one.
        chosen = _function(request.tool_choice).get("name")
        if only := [tool for function, tool in tools if function.get("name") == chosen]:
            return {"tools": only, "tool_choice": "required"}
    return {}


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    return function if isinstance(function, Mapping) else {}
