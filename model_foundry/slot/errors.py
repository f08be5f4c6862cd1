"""Why an attempt brought no answer: kinds of errors, and which are worth another attempt. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal

ErrorKind = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "unavailable",
    "loading",  # a model is being loaded
    "server_error",
    "invalid_response",
    "empty",
    "bad_request",
    "too_long",  # the prompt, for this slot's context
    "too_large",  # the answer, for our limit
    "unauthorized",
    "forbidden",
    "not_found",
]
# The server says it of the request, and would say it again.
REFUSED: Final[frozenset[ErrorKind]] = frozenset({"bad_request", "too_long", "too_large"})
RETRYABLE: Final[frozenset[ErrorKind]] = frozenset(
    {
        "timeout",
        "connection",
        "rate_limited",
        "unavailable",
        "loading",
        "server_error",
        "invalid_response",
        "empty",
    }
)


class SlotError(Exception):
    """An attempt that brought no answer; `retry_after_s` is what the server asked for, if it did.

    What a kind means for the slot and for the job is the dispatcher's to say (`dispatch.blame`).
    """

    def __init__(self, kind: ErrorKind, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(" ".join(detail.split()))
        self.kind: ErrorKind = kind
        self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the same slot may answer the same request later."""
        return self.kind in RETRYABLE


_KINDS: Final[Mapping[int, ErrorKind]] = {
    401: "unauthorized",
    402: "forbidden",
    403: "forbidden",
    404: "not_found",
    405: "not_found",
    407: "unauthorized",
    408: "timeout",
    410: "not_found",
    421: "unavailable",
    425: "unavailable",
    429: "rate_limited",
    451: "forbidden",
    501: "not_found",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
    # Cloudflare's, for a server behind it that is away; and Anthropic's "overloaded".
    520: "unavailable",
    521: "unavailable",
    522: "unavailable",
    523: "unavailable",
    524: "timeout",
    529: "unavailable",
}


def kind_of_status(status: int) -> ErrorKind:
    """What an HTTP status that is no success says about the attempt."""
    if status in _KINDS:
        return _KINDS[status]
    if status < HTTPStatus.BAD_REQUEST:
        return "invalid_response"
    return "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"


def error_object(error: object) -> SlotError:
    """The error that a body with `error` in it stands for, whatever its HTTP status was."""
    fields = error if isinstance(error, Mapping) else {}
    code = fields.get("code")
    kind: ErrorKind = "server_error"
    if isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST:
        kind = kind_of_status(code)
    said = f"the answer is an error: {fields.get('message') or error}"
    metadata = fields.get("metadata")
    named = [fields.get("type"), code]
    named += [metadata.get("error_type")] if isinstance(metadata, Mapping) else []
    names = ", ".join(name for name in named if isinstance(name, str) and name)
    return SlotError(kind, f"{said} ({names})" if names else said)
