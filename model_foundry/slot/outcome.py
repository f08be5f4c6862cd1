"""What an answer is worth, how an unfit one is sent back, and what became of a job. Pure.

An answer is measured by its own request: the JSON schema of `response_format`, the tools, the
`tool_choice`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from model_foundry.fleet.file import Slot
from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.schemas import mismatch
from model_foundry.slot.timings import together

Status = Literal["ok", "rejected", "failed"]
FINISHED_WELL: Final = frozenset({"stop", "tool_calls"})
# Answers of the wrong shape: worth another turn.
REPAIRABLE: Final = frozenset(
    {"invalid_json", "schema_mismatch", "unknown_tool", "invalid_arguments", "no_tool_call"}
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One job's end: `ok`, `rejected` (answered, but not fit to be used), or `failed` (no answer).

    `slot` is the one that was asked last, None if none was; `created_at` is when the job was
    asked first, or given up unasked. `sent_back` is the answer that was to be repaired, if one was.
    Of a prompt that no slot takes, `longest_context_tokens` is the most that one of them has.
    """

    job: Job
    status: Status
    slot: Slot | None
    completion: Completion | None
    error_kind: str | None
    error: str | None
    attempts: int
    created_at: datetime
    completed_at: datetime
    sent_back: str | None = None
    longest_context_tokens: int | None = None


class Verdict(NamedTuple):
    """What an answer is worth; `error_kind` and `error` say why it is not ok."""

    status: Status
    error_kind: str | None = None
    error: str | None = None

    @property
    def repairable(self) -> bool:
        """Whether the slot may put it right when it is told what is wrong."""
        return self.error_kind in REPAIRABLE


def judged(completion: Completion, request: Request) -> Verdict:
    """Whether an answer is whole and of the shape that its request asks for."""
    if completion.finish_reason not in FINISHED_WELL:
        return _rejected("finish_reason", f"finish_reason is {completion.finish_reason}")
    if completion.tool_calls:
        return _judged_calls(completion.tool_calls, request)
    if not completion.text.strip():
        return _rejected("empty", "the answer has no text and no tool call")
    if request.tool_choice == "required" or isinstance(request.tool_choice, Mapping):
        return _rejected("no_tool_call", "the answer calls no tool")
    if request.response_format is not None:
        return _judged_json(completion.text, request.response_format)
    return Verdict("ok")


def repair_turn(request: Request, unfit: Completion, error: str) -> Request:
    """The same conversation with the unfit answer, and what is wrong with it, as further turns."""
    wanted = "JSON that matches the schema, and nothing else"
    if request.tools:
        wanted = f"a call of one of these: {', '.join(_tools(request))}"
    return msgspec.structs.replace(
        request,
        messages=[
            *(request.messages or ()),
            {"role": "assistant", "content": said(unfit)},
            {"role": "user", "content": f"This is not what was asked for: {error}. Give {wanted}."},
        ],
    )


def said(completion: Completion) -> str:
    """An answer as one text: what it says, or the calls that it makes as JSON."""
    if completion.tool_calls and not completion.text.strip():
        calls = [call.get("function") for call in completion.tool_calls]
        return msgspec.json.encode(calls).decode()
    return completion.text


def repaired(unfit: Completion, answer: Completion) -> Completion:
    """The answer to a repair turn, with the figures of both."""
    return msgspec.structs.replace(answer, timings=together(unfit.timings, answer.timings))


def _rejected(error_kind: str, error: str) -> Verdict:
    return Verdict("rejected", error_kind, error)


def _judged_json(text: str, response_format: Mapping[str, Any]) -> Verdict:
    if response_format.get("type") not in ("json_schema", "json_object"):
        return Verdict("ok")
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        return _rejected("invalid_json", f"the answer is not JSON: {error}")
    declared = response_format.get("json_schema")
    schema = declared.get("schema") if isinstance(declared, Mapping) else None
    wrong = mismatch(value, schema) if isinstance(schema, Mapping) else None
    return _rejected("schema_mismatch", wrong) if wrong else Verdict("ok")


def _judged_calls(calls: Sequence[Mapping[str, Any]], request: Request) -> Verdict:
    tools = _tools(request)
    for call in calls:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if name not in tools:
            known = ", ".join(tools) or "none"
            return _rejected("unknown_tool", f"there is no tool {name!r}; known: {known}")
        try:
            value = msgspec.json.decode(arguments or "{}")
        except (ValueError, RecursionError) as error:
            return _rejected("invalid_arguments", f"arguments of {name} are not JSON: {error}")
        if wrong := mismatch(value, tools[name]):
            return _rejected("invalid_arguments", f"arguments of {name}: {wrong}")
    return Verdict("ok")


def _tools(request: Request) -> dict[str, Mapping[str, Any]]:
    """The schemas of the arguments of the tools that may be called, by the tools' names."""
    functions = [tool.get("function") for tool in request.tools or ()]
    tools = {
        str(function.get("name")): function.get("parameters") or {"type": "object"}
        for function in functions
        if isinstance(function, Mapping)
    }
    if isinstance(request.tool_choice, Mapping):
        chosen = (request.tool_choice.get("function") or {}).get("name")
        return {name: schema for name, schema in tools.items() if name == chosen}
    return tools
