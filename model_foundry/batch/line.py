"""One line of a batch file: what it asks, or why it is refused. Pure.

A field of the body is part of the request, passed on as it is, or refused with a reason. The only
ones that are left out say nothing of the answer (`NOT_SENT`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from model_foundry.slot.jobs import Endpoint, Request

URLS: Final[Mapping[str, Endpoint]] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completion",
}
CUSTOM_ID_MAX_CHARS: Final = 512
# Sampling beyond what a Request knows; the server says whether it takes it.
PASSED_ON: Final = frozenset(
    {
        "chat_template_kwargs",
        "frequency_penalty",
        "logit_bias",
        "min_p",
        "min_tokens",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "repeat_penalty",
        "repetition_penalty",
        "top_k",
        "verbosity",
    }
)
# For OpenAI's own accounts and caches.
NOT_SENT: Final = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
# Each changes the form of the answer; the value that does not is taken.
_FIXED: Final[Mapping[str, Any]] = {
    "best_of": 1,
    "echo": False,
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "stream": False,
    "top_logprobs": 0,
}


class LineError(Exception):
    """Why a line is refused; `code` is one word for programs."""

    def __init__(self, code: str, message: str, custom_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.custom_id = custom_id


class Asked(NamedTuple):
    """What a line asks for. `model` is as the line names it; `not_sent` names fields left out."""

    custom_id: str
    model: str | None
    request: Request
    not_sent: tuple[str, ...]


class _Sampling(msgspec.Struct, frozen=True):
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | list[str] | None = None


class _Message(msgspec.Struct, frozen=True):
    role: str


class _Chat(_Sampling, frozen=True, kw_only=True):
    messages: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None


class _Completion(_Sampling, frozen=True, kw_only=True):
    prompt: Annotated[str, msgspec.Meta(min_length=1)]


def asked(content: bytes) -> Asked:
    """What a line asks for.

    Raises:
        LineError: it is refused.
    """
    line = _object(content)
    custom_id = line.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= CUSTOM_ID_MAX_CHARS:
        raise LineError(
            "invalid_custom_id",
            f"custom_id must be a text of 1 to {CUSTOM_ID_MAX_CHARS} characters",
        )
    try:
        return _asked(custom_id, line)
    except LineError as error:
        error.custom_id = custom_id
        raise
    except RecursionError:
        raise LineError("invalid_body", "body has too many levels", custom_id) from None


def _object(content: bytes) -> dict[str, Any]:
    try:
        line = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise LineError("invalid_json_line", f"the line is not JSON: {error}") from None
    if not isinstance(line, dict):
        raise LineError("invalid_json_line", "the line is no JSON object")
    return line


def _asked(custom_id: str, line: Mapping[str, Any]) -> Asked:
    if line.get("method") != "POST":
        raise LineError("invalid_method", "method must be POST")
    url = line.get("url")
    endpoint = URLS.get(url) if isinstance(url, str) else None
    if endpoint is None:
        raise LineError("invalid_url", f"url must be {' or '.join(URLS)}")
    given = line.get("body")
    if not isinstance(given, dict):
        raise LineError("invalid_body", "body must be an object")
    body = {name: value for name, value in given.items() if value is not None}
    model = body.pop("model", None)
    if not isinstance(model, str | None):
        raise LineError("invalid_body", "model must be a text")
    not_sent = tuple(sorted(NOT_SENT & body.keys()))
    extra = {name: body.pop(name) for name in sorted(PASSED_ON & body.keys())}
    shape = _Chat if endpoint == "chat" else _Completion
    for name in sorted(body.keys() - NOT_SENT - set(shape.__struct_fields__)):
        _check_fixed(name, body[name])
    return Asked(custom_id, model, _request(endpoint, body, extra, shape), not_sent)


def _check_fixed(name: str, value: Any) -> None:
    only = ""
    if name in _FIXED:
        taken = _FIXED[name]
        if value == taken and type(value) is type(taken):
            return
        only = f", but for {msgspec.json.encode(taken).decode()}"
    raise LineError("unsupported_parameter", f"{name} is not supported{only}")


def _request(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    extra: Mapping[str, Any],
    shape: type[_Chat | _Completion],
) -> Request:
    try:
        read = msgspec.convert(body, shape)
        if isinstance(read, _Chat):
            msgspec.convert(read.messages, list[_Message])
    except msgspec.ValidationError as error:
        raise LineError("invalid_body", f"body: {error}") from None
    fields = msgspec.structs.asdict(read)
    limit = fields.pop("max_completion_tokens", None)
    if None not in (limit, read.max_tokens) and limit != read.max_tokens:
        raise LineError("invalid_body", "max_tokens and max_completion_tokens differ")
    fields["max_tokens"] = limit if read.max_tokens is None else read.max_tokens
    if isinstance(read.stop, str):
        fields["stop"] = [read.stop]
    return Request(endpoint=endpoint, extra=extra or None, **fields)
