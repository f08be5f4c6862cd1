"""Why an attempt brought no answer: kinds of errors, and which are worth another attempt. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal

ErrorKind = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "unavailable",
    "server_error",
    "invalid_response",
    "bad_request",
    "too_large",
    "refused",
    "unauthorized",
    "forbidden",
    "not_found",
    "loading",
    "too_long",
    "empty",
]
RETRYABLE: Final[frozenset[ErrorKind]] = frozenset(
    {"timeout", "connection", "rate_limited", "unavailable", "server_error", "invalid_response"}
)


class SlotError(Exception):
    """An attempt that brought no answer.

    Kind `refused` means that the slot would refuse every job (wrong key, unknown model): the slot
    is at fault, not the job. `retry_after_s` is what the server asked for, if it did.
    """

    def __init__(self, kind: ErrorKind, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(" ".join(detail.split()))
        self.kind: ErrorKind = kind
        self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the same request may be answered later, or elsewhere."""
        return self.kind in RETRYABLE


_KINDS: Final[Mapping[int, ErrorKind]] = {
    401: "refused",
    403: "refused",
    404: "refused",
    408: "timeout",
    413: "too_large",
    429: "rate_limited",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
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
    return SlotError(kind, f"the answer is an error: {fields.get('message') or error}")
