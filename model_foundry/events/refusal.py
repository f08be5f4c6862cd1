"""Why a message cannot be accepted: a closed set, documented in docs/events.md."""

from enum import StrEnum


class Reason(StrEnum):
    """The `reason` column of `event_quarantine`."""

    EMPTY_BODY = "empty_body"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    INVALID_ENVELOPE = "invalid_envelope"
    NO_PAYLOAD = "no_payload"
    OCCURRED_AT_INVALID = "occurred_at_invalid"
    OCCURRED_AT_OUT_OF_RANGE = "occurred_at_out_of_range"
    REFUSED_BY_POSTGRES = "refused_by_postgres"
    EVENT_ID_CONFLICT = "event_id_conflict"
    SUBJECT_MISMATCH = "subject_mismatch"
    DELIVERY_GIVEN_UP = "delivery_given_up"


class RefusalError(ValueError):
    """A message that goes to quarantine instead of the inbox."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
