"""Requests that come as events: from a payload to jobs, and from their results to the reply.

Belongs here: what a request may say, and what its reply says; docs/events.md tells it to producers.
Does not: when they are answered (`answering`), how (`dispatch`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec

from model_foundry.events.subjects import RESULTS
from model_foundry.fleet.file import Fleet
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Kind, Priority, Request
from model_foundry.slot.schemas import check_schema
from model_foundry.translation.document import Document
from model_foundry.translation.languages import written_in
from model_foundry.translation.prompts import translation_request

RECIPE: Final = "request"
# CPU time, apart from the event loop.
SCHEMA_CHECK_S: Final = 0.2
# NATS takes a mebibyte unless its `max_payload` says otherwise.
REPLY_MAX_BYTES: Final = 1_000_000
# Of texts in it that whoever asked, or a server, may have made as long as they like.
SAID_MAX_CHARS: Final = 2_000
Status = Literal["ok", "rejected", "failed", "refused"]


class _Generation(msgspec.Struct, frozen=True):
    messages: list[dict[str, Any]]
    role: str = "worker"
    priority: Priority = "interactive"
    deadline_s: float | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: list[str] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    thinking: bool | None = None


class _Translation(msgspec.Struct, frozen=True):
    text: str
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    role: str = "translator"
    priority: Priority = "interactive"
    deadline_s: float | None = None


def jobs_of(
    kind: Kind, row: Mapping[str, Any], day: date, *, fleet: Fleet, settings: Settings
) -> list[Job]:
    """The jobs that answer a row of llm_request: one, or one a line that is to be translated.

    Raises:
        ValueError: the payload is no such request, cannot be judged by its own schemas, or no slot
            serves its role; the text says why.
        FoundryError: the fleet is wrong, which is no fault of the request.
    """
    asked: _Generation | _Translation
    if kind == "generation":
        asked = generation = msgspec.convert(row["request"], _Generation)
        _check_role(asked.role, fleet, settings)
        fields = {
            name: getattr(generation, name)
            for name in generation.__struct_fields__
            if name not in {"role", "priority", "deadline_s", "max_tokens"}
        }
        limit = generation.max_tokens or settings.request_max_tokens
        _check_schemas(generation)
        parts = [("", Request(**fields, max_tokens=limit))]
    else:
        asked = translation = msgspec.convert(row["request"], _Translation)
        _check_role(asked.role, fleet, settings)
        prompt_format = fleet.prompt_format_of(asked.role, settings.profile)
        parts = [
            (
                segment.part,
                translation_request(
                    segment.text,
                    prompt_format=prompt_format,
                    source=translation.source,
                    target=translation.target,
                    max_tokens=settings.request_max_tokens,
                ),
            )
            for segment in _document(translation.text).segments
            if written_in(segment.text, translation.source)
        ]
    return [
        Job(
            recipe=RECIPE,
            kind=kind,
            role=asked.role,
            priority=asked.priority,
            deadline_s=asked.deadline_s,
            occurred_on=day,
            request=request,
            source_event_id=row["event_id"],
            source_part=part,
            correlation_id=row["correlation_id"],
            alone=True,
        )
        for part, request in parts
    ]


def _check_schemas(asked: _Generation) -> None:
    """Find, before anything is spent, that no answer could be measured."""
    schemas = []
    if (wanted := asked.response_format) is not None and wanted.get("type") == "json_schema":
        declared = wanted.get("json_schema")
        schema = declared.get("schema") if isinstance(declared, Mapping) else None
        if not isinstance(schema, Mapping):
            raise ValueError("response_format.json_schema.schema is no object")
        schemas.append(("response_format.json_schema.schema", schema))
    for number, tool in enumerate(asked.tools or ()):
        function = tool.get("function", tool)
        parameters = function.get("parameters") if isinstance(function, Mapping) else None
        if parameters is not None:
            schemas.append((f"tools[{number}]: parameters", parameters))
    for where, schema in schemas:
        try:
            check_schema(schema, SCHEMA_CHECK_S)
        except ValueError as error:
            raise ValueError(f"{where}: no JSON schema: {error}") from None


def _check_role(role: str, fleet: Fleet, settings: Settings) -> None:
    known = {each for slot in fleet.in_profile(settings.profile) for each in slot.roles}
    if role not in known:
        raise ValueError(f"no slot serves the role {role!r}; known: {', '.join(sorted(known))}")


def reply(
    kind: Kind,
    row: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    refusal: str | None = None,
) -> dict[str, Any]:
    """The event that answers a request: its results, or why it was refused.

    Its id follows from the request's, so that a reply that is published twice lands once.
    """
    digest = hashlib.sha256(row["event_id"].encode()).hexdigest()[:32]
    payload: dict[str, Any] = {"request_event_id": row["event_id"]}
    if refusal is not None:
        payload |= {"status": "refused", "error": refusal[:SAID_MAX_CHARS]}
    else:
        payload |= _answer(kind, row["request"], results)
        if len(msgspec.json.encode(payload)) > REPLY_MAX_BYTES:
            told = f"the answer has more than {REPLY_MAX_BYTES} bytes; it is in inference_result"
            payload |= {"status": "failed", "error": f"too_large: {told}", "text": None}
            payload |= {"reasoning": None, "tool_calls": None}
    return {
        "event_id": f"result-{digest}",
        "subject": RESULTS[kind],
        "correlation_id": row["correlation_id"],
        "causation_id": row["event_id"],
        "source": "model-foundry",
        "payload": payload,
    }


def _answer(
    kind: Kind, request: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    bad = next((result for result in results if result["status"] != "ok"), None)
    status: Status = bad["status"] if bad else "ok"
    error = f"{bad['error_kind']}: {bad['error']}" if bad else _unchecked(results)
    model = next((result["response_model"] for result in results), None)
    answer: dict[str, Any] = {
        "status": status,
        "error": error and error[:SAID_MAX_CHARS],
        "model": model and model[:SAID_MAX_CHARS],
        "slots": sorted({result["slot"] for result in results if result["slot"]}),
        "usage": {
            "prompt_tokens": sum(result["input_tokens"] or 0 for result in results),
            "completion_tokens": sum(result["output_tokens"] or 0 for result in results),
        },
    }
    if kind == "translation":
        text, refusal = _put_back(request["text"], results)
        if refusal and status == "ok":
            answer |= {"status": "rejected", "error": refusal}
        return {**answer, "text": text}
    if not results:
        return {**answer, "status": "failed", "error": "no_result: nothing has landed"}
    result = results[0]
    return {
        **answer,
        "text": result["response_text"],
        "reasoning": result["reasoning_text"],
        "tool_calls": result["tool_calls"],
        "finish_reason": result["finish_reason"],
        "timings": {
            "ttft_ms": result["ttft_ms"],
            "duration_ms": result["total_ms"],
            "prompt_per_second": result["pp_tokens_per_s"],
            "predicted_per_second": result["tg_tokens_per_s"],
        },
    }


def _unchecked(results: Sequence[Mapping[str, Any]]) -> str | None:
    """What of answers that are ok could not be checked."""
    return "; ".join(result["error"] for result in results if result["error"]) or None


def _put_back(text: str, results: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """The text with each segment that has a translation replaced, and why one could not be."""
    document = _document(text)
    segments = {segment.part: segment for segment in document.segments}
    translations = {}
    refusal = None
    for result in results:
        if result["status"] != "ok" or result["source_part"] not in segments:
            continue
        segment = segments[result["source_part"]]
        translation = result["response_text"]
        if why := document.misfit(segment, translation):
            refusal = f"structure: {why}"
        else:
            translations[segment] = translation
    return document.render(translations), refusal


def _document(text: str) -> Document:
    # A segment is asked once here, with nothing to fall back to: so none has marks to lose.
    return Document(text, marks=False)
