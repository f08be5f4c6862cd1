"""What an answer is worth, how an unfit one is sent back, and what became of a job. Pure.

An answer is measured by its own request: the JSON schema of `response_format`, the tools, the
`tool_choice`. All of these come from outside and may have any shape: what is not
understood demands nothing, and a judgement raises nothing.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from model_foundry.fleet.file import Slot
from model_foundry.slot.answers import Completion
from model_foundry.slot.fences import json_within
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.schemas import CHECK_S, checked
from model_foundry.slot.timings import together

Status = Literal["ok", "rejected", "failed"]
# How an answer ends that is not whole; any other word, also a new one, is an end.
CUT_OFF: Final = frozenset({"length", "content_filter"})
# A server may put anything into what is said of its answer, of any length.
ERROR_MAX_CHARS: Final = 1_000
NAME_MAX_CHARS: Final = 100
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
    """What an answer is worth; `error_kind` and `error` say why it is not ok.

    With ok, `error` says what of the answer could not be checked.
    """

    status: Status
    error_kind: str | None = None
    error: str | None = None

    @property
    def repairable(self) -> bool:
        """Whether the slot may put it right when it is told what is wrong."""
        return self.error_kind in REPAIRABLE


def judged(completion: Completion, request: Request) -> Verdict:
    """Whether an answer is whole and of the shape that its request asks for."""
    if completion.finish_reason in CUT_OFF:
        kind = str(completion.finish_reason)
        return _rejected(kind, f"finish_reason is {kind}")
    if completion.tool_calls:
        return _judged_calls(completion.tool_calls, request)
    if not completion.text.strip():
        return _rejected("empty", "the answer has no text and no tool call")
    if request.tool_choice == "required" or _chosen(request) is not None:
        return _rejected("no_tool_call", "the answer calls no tool")
    wants_json, schema = _wanted_json(request)
    return _judged_json(completion.text, schema) if wants_json else Verdict("ok")


def as_accepted(completion: Completion, job: Job) -> Completion:
    """An answer as the job's recipe takes it: JSON that was asked for is taken out of a Markdown
    fence, or of the reasoning of an answer without text, if `accept` is unfence."""
    wants_json, _ = _wanted_json(job.request)
    if job.accept == "strict" or not wants_json or completion.tool_calls:
        return completion
    text = completion.text if completion.text.strip() else completion.reasoning or ""
    found = json_within(text)
    if found is None or found == completion.text:
        return completion
    reasoning = completion.reasoning if completion.text.strip() else None
    return msgspec.structs.replace(completion, text=found, reasoning=reasoning)


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
        return json.dumps(calls, ensure_ascii=False, default=str)
    return completion.text


def repaired(unfit: Completion, answer: Completion) -> Completion:
    """The answer to a repair turn, with the figures of both."""
    return msgspec.structs.replace(answer, timings=together(unfit.timings, answer.timings))


def _rejected(error_kind: str, error: str) -> Verdict:
    return Verdict("rejected", error_kind, error[:ERROR_MAX_CHARS])


def _measured(value: object, schema: object, error_kind: str, where: str = "") -> Verdict:
    finding = checked(value, schema)
    if finding.fault is not None:
        return _rejected("invalid_schema", f"{where}the schema is wrong: {finding.fault}")
    if finding.mismatch is not None:
        return _rejected(error_kind, where + finding.mismatch)
    return Verdict("ok", None, finding.unchecked and where + finding.unchecked)


def _judged_json(text: str, schema: object) -> Verdict:
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        return _rejected("invalid_json", f"the answer is not JSON: {error}")
    return _measured(value, schema, "schema_mismatch")


def _judged_calls(calls: Sequence[Any], request: Request) -> Verdict:
    tools = _tools(request)
    unchecked: dict[str, None] = {}
    ends = time.thread_time() + CHECK_S  # of all of them together
    for call in calls:
        function = _mapping(_mapping(call).get("function"))
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or name not in tools:
            known = ", ".join(tools) or "none"
            shown = name[:NAME_MAX_CHARS] if isinstance(name, str) else name
            return _rejected("unknown_tool", f"there is no tool {shown!r}; known: {known}")
        try:
            value = msgspec.json.decode(arguments or "{}")
        except (TypeError, ValueError, RecursionError) as error:
            return _rejected("invalid_arguments", f"arguments of {name} are not JSON: {error}")
        if time.thread_time() > ends:
            unchecked[f"some arguments are not checked: that takes longer than {CHECK_S:g} s"] = (
                None
            )
            continue
        verdict = _measured(value, tools[name], "invalid_arguments", f"arguments of {name}: ")
        if verdict.status != "ok":
            return verdict
        if verdict.error:
            unchecked[verdict.error] = None
    return Verdict("ok", None, "; ".join(unchecked)[:ERROR_MAX_CHARS] or None)


# What a request asks for, in any shape that it may have.


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _wanted_json(request: Request) -> tuple[bool, object]:
    """Whether the answer must be JSON, and its schema."""
    declared = _mapping(request.response_format)
    match declared.get("type"):
        case "json_schema":
            return True, _mapping(declared.get("json_schema")).get("schema", {})
        case "json_object":
            return True, {}
    return False, {}


def _tools(request: Request) -> dict[str, object]:
    """The schemas of the arguments of the tools that may be called, by the tools' names."""
    tools = {}
    for tool in request.tools or ():
        function = _mapping(_mapping(tool).get("function", tool))
        if isinstance(name := function.get("name"), str):
            tools[name] = function.get("parameters") or {"type": "object"}
    chosen = _chosen(request)
    return tools if chosen is None else {name: tools[name] for name in tools if name == chosen}


def _chosen(request: Request) -> str | None:
    """The one tool that must be called, if one is named."""
    choice = _mapping(request.tool_choice)
    function = choice.get("function", choice)
    name = function.get("name") if isinstance(function, Mapping) else function
    return name if isinstance(name, str) else None
