"""From a message's bytes to an `Event`: homelab JSON, CloudEvents structured or binary."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import unquote

import msgspec

from model_foundry.events.refusal import Reason, RefusalError
from model_foundry.events.repair import repaired
from model_foundry.events.subjects import current_name

MAX_ID_CHARS = 512
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138, as milliseconds 1973
_ABSENT = msgspec.Raw(b"")


# Neither holds a cycle: to the garbage collector, millions of them are none.
class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as it came. `received_at` is the server's time; `seq` its number in `stream`."""

    subject: str
    body: bytes
    headers: Mapping[str, str] | None
    stream: str
    seq: int
    received_at: datetime


class Event(msgspec.Struct, frozen=True, gc=False):
    """One accepted event, in the order of the inbox's columns. `payload` is JSON text."""

    event_id: str
    subject: str
    published_subject: str
    source: str | None
    correlation_id: str | None
    causation_id: str | None
    occurred_at: datetime
    received_at: datetime
    occurred_on: date
    stream: str
    stream_seq: int
    payload: bytes
    payload_repaired: bool
    has_own_id: bool


_Name = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]


class _Envelope(msgspec.Struct, gc=False):
    """Fields of both JSON forms; which of them count depends on `specversion`."""

    event_id: _Name | None = None
    subject: _Name | None = None
    correlation_id: _Name | None = None
    causation_id: _Name | None = None
    source: _Name | None = None
    occurred_at: str | int | float | None = None
    payload: msgspec.Raw = _ABSENT
    specversion: str | None = None
    id: _Name | None = None
    type: _Name | None = None
    time: str | None = None
    correlationid: _Name | None = None
    causationid: _Name | None = None
    traceparent: str | None = None
    data: msgspec.Raw = _ABSENT
    data_base64: str | None = None


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


def read_event(message: Message, *, max_bytes: int) -> Event:
    """The event that a message carries.

    Raises:
        RefusalError: with the reason under which the message belongs in quarantine.
    """
    body = message.body
    if len(body) > max_bytes:
        raise RefusalError(Reason.TOO_LARGE, f"{len(body)} bytes, the limit is {max_bytes}")
    if not body or body.isspace():
        raise RefusalError(Reason.EMPTY_BODY, "the message has no body")
    body, was_repaired = _text(body)
    headers = message.headers
    if headers:
        headers = {name.lower(): value for name, value in headers.items()}
        if "ce-specversion" in headers or "ce-id" in headers:
            return _from_binary(message, headers, body, was_repaired)
    envelope = _json(body)
    if envelope.specversion is not None:
        return _from_structured(message, headers or {}, envelope, was_repaired)
    payload = bytes(envelope.payload)
    if not payload:
        raise RefusalError(Reason.NO_PAYLOAD, "the envelope has no `payload`")
    return _event(
        message,
        headers,
        own_id=envelope.event_id,
        name=envelope.subject,
        source=envelope.source,
        correlation_id=envelope.correlation_id or _trace_id(envelope.traceparent),
        causation_id=envelope.causation_id,
        time=envelope.occurred_at,
        payload=payload,
        was_repaired=was_repaired,
    )


def _from_structured(
    message: Message, headers: Mapping[str, str], envelope: _Envelope, was_repaired: bool
) -> Event:
    payload = bytes(envelope.data)
    if not payload and envelope.data_base64 is not None:
        try:
            payload = base64.b64decode(envelope.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise RefusalError(Reason.INVALID_ENVELOPE, "`data_base64` is not base64") from None
        payload, repaired_too = _payload(payload)
        was_repaired = was_repaired or repaired_too
    if not payload:
        raise RefusalError(Reason.NO_PAYLOAD, "the CloudEvent has no `data`")
    return _event(
        message,
        headers,
        own_id=_scoped_id(envelope.source, envelope.id),
        name=envelope.type,
        source=envelope.source,
        correlation_id=envelope.correlationid or _trace_id(envelope.traceparent),
        causation_id=envelope.causationid,
        time=envelope.time,
        payload=payload,
        was_repaired=was_repaired,
    )


def _from_binary(
    message: Message, headers: Mapping[str, str], body: bytes, was_repaired: bool
) -> Event:
    attribute = {
        name[3:]: unquote(value).replace("\x00", "\ufffd")
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    for name in ("type", "source", "correlationid", "causationid"):
        _check_length(name, attribute.get(name, ""))
    payload, _ = _payload(body)
    return _event(
        message,
        headers,
        own_id=_scoped_id(attribute.get("source"), attribute.get("id")),
        name=attribute.get("type"),
        source=attribute.get("source"),
        correlation_id=attribute.get("correlationid")
        or _trace_id(attribute.get("traceparent") or headers.get("traceparent")),
        causation_id=attribute.get("causationid"),
        time=attribute.get("time"),
        payload=payload,
        was_repaired=was_repaired,
    )


def _event(
    message: Message,
    headers: Mapping[str, str] | None,
    *,
    own_id: str | None,
    name: str | None,
    source: str | None,
    correlation_id: str | None,
    causation_id: str | None,
    time: str | float | None,
    payload: bytes,
    was_repaired: bool,
) -> Event:
    event_id = own_id or (headers.get("nats-msg-id") if headers else None)
    has_own_id = bool(event_id)
    if not event_id:
        event_id = f"{message.stream}:{message.seq}"
    _check_length("event_id", event_id)
    subject, received_at = message.subject, message.received_at
    occurred_at = _time(time, received_at)
    return Event(
        event_id,
        current_name(name or subject),
        subject,
        source or None,
        correlation_id or None,
        causation_id or None,
        occurred_at,
        received_at,
        occurred_at.date(),
        message.stream,
        message.seq,
        payload,
        was_repaired,
        has_own_id,
    )


def _check_length(field: str, value: str) -> None:
    if len(value) > MAX_ID_CHARS:
        raise RefusalError(
            Reason.INVALID_ENVELOPE,
            f"{field} has {len(value)} characters, the limit is {MAX_ID_CHARS}",
        )


def _text(body: bytes) -> tuple[bytes, bool]:
    """JSON text that PostgreSQL can take, and whether it was repaired for that."""
    if not body.isascii():  # msgspec does not look into what it hands on raw
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RefusalError(Reason.NOT_UTF8, f"byte {error.start}: {error.reason}") from None
    return repaired(body)


def _json(body: bytes) -> _Envelope:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        detail = str(error)
        if detail.startswith("Expected `object`"):
            raise RefusalError(Reason.NOT_AN_OBJECT, detail) from None
        raise RefusalError(Reason.INVALID_ENVELOPE, detail) from None
    except msgspec.DecodeError as error:
        raise RefusalError(Reason.NOT_JSON, str(error)) from None
    except RecursionError:
        raise RefusalError(Reason.NESTED_TOO_DEEPLY, "nested deeper than can be read") from None


def _payload(body: bytes) -> tuple[bytes, bool]:
    """A payload that came outside of a JSON envelope: checked and repaired like one."""
    text, was_repaired = _text(body)
    try:
        return bytes(_decode_any(text)), was_repaired
    except msgspec.DecodeError as error:
        raise RefusalError(Reason.NOT_JSON, str(error)) from None
    except RecursionError:
        raise RefusalError(Reason.NESTED_TOO_DEEPLY, "nested deeper than can be read") from None


def _scoped_id(source: str | None, identifier: str | None) -> str | None:
    """CloudEvents ids are unique per source only."""
    return f"{source or ''}#{identifier}" if identifier else None


def _trace_id(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent: `00-<trace id>-<span id>-<flags>`."""
    parts = traceparent.split("-") if traceparent else []
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


def _time(value: str | float | None, received_at: datetime) -> datetime:
    if isinstance(value, str) and value:
        moment = _rfc3339(value)
    elif value is None or value == "":
        moment = received_at
    else:
        try:
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            moment = _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            raise RefusalError(Reason.OCCURRED_AT_OUT_OF_RANGE, str(value)[:64]) from None
    if moment < EARLIEST or moment > received_at:
        latest = received_at.date() + timedelta(days=1)
        if moment < EARLIEST or moment.date() > latest:
            raise RefusalError(
                Reason.OCCURRED_AT_OUT_OF_RANGE,
                f"{moment.isoformat()} is not between 2000-01-01 and {latest} (tomorrow)",
            )
    return moment


def _rfc3339(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        raise RefusalError(
            Reason.OCCURRED_AT_INVALID, f"{value[:64]!r} is not an RFC 3339 time"
        ) from None
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise RefusalError(Reason.OCCURRED_AT_INVALID, f"{value[:64]!r} has no UTC offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise RefusalError(Reason.OCCURRED_AT_OUT_OF_RANGE, value[:64]) from None
