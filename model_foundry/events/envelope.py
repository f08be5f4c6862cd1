"""From a message's bytes to an `Event`: homelab JSON, CloudEvents structured or binary."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec

from model_foundry.events.refusal import Reason, RefusalError
from model_foundry.events.repair import repaired
from model_foundry.events.subjects import current_name
from model_foundry.events.times import occurred

MAX_ID_CHARS = 512
# Streams of imported files: named by content, so a number in one always means the same message.
IMPORT_PREFIX: Final = "import-"
_DIGEST_BYTES: Final = 16
_sha256: Final = hashlib.sha256
# Version ff is none, 00 ends with its flags, and ids that are all zeros name nothing.
_TRACE_ID: Final = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
_CLOUD_EVENTS: Final = re.compile(r"(0\.[1-3]|1\.0)([.-].*)?")
# What every CloudEvent has; some producers leave one out, which does no harm without a `payload`.
_REQUIRED: Final = frozenset({"id", "source", "type"})
_NEVER_THEIRS: Final = frozenset({"event_id", "correlation_id", "causation_id", "occurred_at"})
_MESSAGE_ID: Final = "nats-msg-id"
_MARKER: Final = "nats-marker-reason"


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
    """One accepted event, in the order of the inbox's columns.

    `payload` is JSON text, and so is `envelope`: what came with it and has no column. `digest`
    tells (subject, payload) from any other, `has_own_id` an id that came from one that we gave.
    """

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
    envelope: bytes | None
    digest: bytes
    has_own_id: bool


class Rules(msgspec.Struct, frozen=True):
    """What the door goes by.

    `trusts_subjects`: an envelope may name another subject than the one it was published on.
    `judged_at`: a later time than this, and than the message's, is the future.
    """

    max_bytes: int
    trusts_subjects: bool = False
    judged_at: datetime | None = None


_Name = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]


class _Said(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What an envelope of any form says; the names are those of the homelab form."""

    payload: msgspec.Raw
    event_id: _Name | None = None
    subject: _Name | None = None
    correlation_id: _Name | None = None
    causation_id: _Name | None = None
    source: _Name | None = None
    occurred_at: str | int | float | None = None


class _Read(msgspec.Struct, gc=False):
    """An envelope that was read field by field: what `left` holds has no column."""

    said: _Said
    was_repaired: bool
    traceparent: str | None
    left: dict[str, Any]


_decode = msgspec.json.Decoder(_Said).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


def read_event(message: Message, rules: Rules) -> Event:
    """The event that a message carries.

    Raises:
        RefusalError: with the reason under which the message belongs in quarantine.
    """
    body = message.body
    if len(body) > rules.max_bytes:
        raise RefusalError(Reason.TOO_LARGE, f"{len(body)} bytes, the limit is {rules.max_bytes}")
    if not body or body.isspace():
        raise RefusalError(Reason.EMPTY_BODY, "the message has no body")
    body, was_repaired = _text(body)
    headers = None
    if message.headers:
        headers = {name.lower(): value for name, value in message.headers.items()}
        if "ce-specversion" in headers or "ce-id" in headers:
            return _event_of(message, rules, headers, _binary(headers, body, was_repaired))
    try:
        said = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        # As it should not be: refused, or what came besides is kept.
        return _event_of(message, rules, headers, _read(_fields(body), was_repaired))
    return _event(message, rules, headers, said, was_repaired)


def is_delete_marker(message: Message) -> bool:
    """Whether JetStream itself wrote the message, to say that it removed the last of a subject."""
    return (
        bool(message.headers)
        and not message.body
        and any(name.lower() == _MARKER for name in message.headers or ())
    )


def is_cloud_event(version: object, names: Iterable[str]) -> bool:
    """Whether an envelope is a CloudEvent, by its `specversion` and the fields that say something.

    A homelab event may have a `specversion` of its own, and even `data` beside its `payload`.
    """
    if not isinstance(version, str) or not _CLOUD_EVENTS.fullmatch(version):
        return False
    said = set(names)
    return "payload" not in said or (
        said >= _REQUIRED
        and said.isdisjoint(_NEVER_THEIRS)
        and not said.isdisjoint(("data", "data_base64"))
    )


def renamed_by_content(event: Event) -> Event:
    """The event under another id, the same whenever it is asked for again."""
    return msgspec.structs.replace(event, event_id=f"{event.event_id}~{event.digest.hex()[:12]}")


def renamed_by_time(event: Event) -> Event:
    """The event under another id: `<stream>:<seq>` comes again when a stream is made anew."""
    moment = int(event.received_at.timestamp() * 1_000_000)
    return msgspec.structs.replace(event, event_id=f"{event.event_id}@{moment}")


def _read(fields: dict[str, msgspec.Raw], was_repaired: bool) -> _Read:
    """An envelope by its form: one that `is_cloud_event`, or the homelab's."""
    if "specversion" in fields:
        names = (name for name, raw in fields.items() if bytes(raw) != b"null")
        if is_cloud_event(_kept_text(fields, "specversion"), names):
            return _structured(fields, was_repaired)
    payload = fields.pop("payload", None)
    if payload is None:
        raise RefusalError(Reason.NO_PAYLOAD, "the envelope has no `payload`")
    said = _Said(
        payload,
        event_id=_name(fields, "event_id"),
        subject=_name(fields, "subject"),
        correlation_id=_name(fields, "correlation_id"),
        causation_id=_name(fields, "causation_id"),
        source=_name(fields, "source"),
        occurred_at=_moment(fields, "occurred_at"),
    )
    return _Read(said, was_repaired, _kept_text(fields, "traceparent"), fields)


def _structured(fields: dict[str, msgspec.Raw], was_repaired: bool) -> _Read:
    del fields["specversion"]
    payload, encoded = fields.pop("data", None), None
    if payload is None and "data_base64" in fields:
        encoded = _text_of(fields.pop("data_base64"), "data_base64")
    if encoded is not None:
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise RefusalError(Reason.INVALID_ENVELOPE, "`data_base64` is not base64") from None
        payload, repaired_too = _payload(data)
        was_repaired = was_repaired or repaired_too
    if payload is None:
        raise RefusalError(Reason.NO_PAYLOAD, "the CloudEvent has no `data`")
    source = _name(fields, "source")
    said = _Said(
        payload,
        event_id=_scoped_id(source, _name(fields, "id")),
        subject=_name(fields, "type"),
        correlation_id=_name(fields, "correlationid"),
        causation_id=_name(fields, "causationid"),
        source=source,
        occurred_at=_moment(fields, "time"),
    )
    return _Read(said, was_repaired, _kept_text(fields, "traceparent"), fields)


def _binary(headers: dict[str, str], body: bytes, was_repaired: bool) -> _Read:
    attributes: dict[str, Any] = {
        name[3:]: unquote(headers.pop(name)).replace("\x00", "\ufffd")
        for name in list(headers)
        if name.startswith("ce-")
    }
    attributes.pop("specversion", None)
    for name in ("id", "type", "source", "correlationid", "causationid"):
        _check_length(name, attributes.get(name, ""))
    payload, _ = _payload(body)
    source = attributes.pop("source", None)
    said = _Said(
        payload,
        event_id=_scoped_id(source, attributes.pop("id", None)),
        subject=attributes.pop("type", None),
        correlation_id=attributes.pop("correlationid", None),
        causation_id=attributes.pop("causationid", None),
        source=source,
        occurred_at=attributes.pop("time", None),
    )
    return _Read(said, was_repaired, attributes.get("traceparent"), attributes)


def _event_of(message: Message, rules: Rules, headers: dict[str, str] | None, read: _Read) -> Event:
    return _event(
        message, rules, headers, read.said, read.was_repaired, read.traceparent, read.left
    )


def _event(  # noqa: PLR0917 - by position: it is called for every message
    message: Message,
    rules: Rules,
    headers: dict[str, str] | None,
    said: _Said,
    was_repaired: bool,
    traceparent: str | None = None,
    left: dict[str, Any] | None = None,
) -> Event:
    event_id = said.event_id or (headers.get(_MESSAGE_ID) if headers else None)
    has_own_id = bool(event_id)
    if not event_id:
        event_id = f"{message.stream}:{message.seq}"
    _check_length("event_id", event_id)
    correlation_id = said.correlation_id or _trace_id(traceparent)
    if headers and not correlation_id:
        correlation_id = _trace_id(headers.get("traceparent"))
    received_at = message.received_at
    judged_at = (
        rules.judged_at if rules.judged_at and rules.judged_at > received_at else received_at
    )
    occurred_at = occurred(said.occurred_at, received_at, judged_at)
    payload = bytes(said.payload)
    subject = current_name(message.subject)
    if said.subject and said.subject != message.subject:
        subject = _named_subject(message, rules, said.subject)
    return Event(
        event_id,
        subject,
        message.subject,
        said.source or None,
        correlation_id or None,
        said.causation_id or None,
        occurred_at,
        received_at,
        occurred_at.date(),
        message.stream,
        message.seq,
        payload,
        was_repaired,
        _left_over(left, headers, message.headers, event_id) if left or headers else None,
        _sha256(f"{subject}\0".encode() + payload).digest()[:_DIGEST_BYTES],
        has_own_id,
    )


def _named_subject(message: Message, rules: Rules, name: str) -> str:
    """The subject that an envelope names: what may be published there decides what runs."""
    subject = current_name(name)
    if (
        rules.trusts_subjects
        or subject == current_name(message.subject)
        or message.stream.startswith(IMPORT_PREFIX)
    ):
        return subject
    raise RefusalError(
        Reason.SUBJECT_MISMATCH,
        f"the envelope says {name[:64]!r}, it was published on {message.subject[:64]!r}",
    )


def _left_over(
    fields: dict[str, Any] | None,
    unread: dict[str, str] | None,
    headers: Mapping[str, str] | None,
    event_id: str,
) -> bytes | None:
    """What came with an event and has no column: fields of its envelope, headers as they came."""
    left: dict[str, Any] = {"fields": fields} if fields else {}
    if unread and unread.get(_MESSAGE_ID) == event_id:
        del unread[_MESSAGE_ID]
    if unread and headers:
        left["headers"] = {name: value for name, value in headers.items() if name.lower() in unread}
    return msgspec.json.encode(left) if left else None


def _fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_fields(body)
    except msgspec.ValidationError as error:
        raise RefusalError(Reason.NOT_AN_OBJECT, str(error)) from None
    except msgspec.DecodeError as error:
        raise RefusalError(Reason.NOT_JSON, str(error)) from None
    except RecursionError:
        raise RefusalError(Reason.NESTED_TOO_DEEPLY, "nested deeper than can be read") from None


def _name(fields: dict[str, msgspec.Raw], field: str) -> str | None:
    """An id or a name, which may be a number as well: then as it is spelled."""
    raw = bytes(fields.pop(field, b"null"))
    value = raw.decode() if raw[:1] in _DIGITS else _text_of(raw, field)
    _check_length(field, value or "")
    return value


_DIGITS: Final = frozenset(b"%c" % sign for sign in b"-0123456789")


def _moment(fields: dict[str, msgspec.Raw], field: str) -> str | float | None:
    raw = bytes(fields.pop(field, b"null"))
    if raw[:1] in _DIGITS:
        try:
            return msgspec.json.decode(raw, type=int | float)
        except msgspec.DecodeError:
            raise RefusalError(
                Reason.OCCURRED_AT_OUT_OF_RANGE, raw[:64].decode("ascii", "replace")
            ) from None
    return _text_of(raw, field)


def _kept_text(fields: dict[str, msgspec.Raw], field: str) -> str | None:
    """A text that stays among what is left over, and is read besides; None if it is no text."""
    raw = bytes(fields.get(field, b"null"))
    return _text_of(raw, field) if raw[:1] == b'"' else None


def _text_of(raw: bytes | msgspec.Raw, field: str) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str | None)
    except msgspec.ValidationError as error:
        raise RefusalError(Reason.INVALID_ENVELOPE, f"{error} - at `$.{field}`") from None


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


def _payload(body: bytes) -> tuple[msgspec.Raw, bool]:
    """A payload that came outside of a JSON envelope: checked and repaired like one."""
    text, was_repaired = _text(body)
    try:
        return _decode_any(text), was_repaired
    except msgspec.DecodeError as error:
        raise RefusalError(Reason.NOT_JSON, str(error)) from None
    except RecursionError:
        raise RefusalError(Reason.NESTED_TOO_DEEPLY, "nested deeper than can be read") from None


def _scoped_id(source: str | None, identifier: str | None) -> str | None:
    """CloudEvents ids are unique per source only."""
    return f"{source or ''}#{identifier}" if identifier else None


def _trace_id(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent: `00-<trace id>-<span id>-<flags>`."""
    found = _TRACE_ID.fullmatch(traceparent.strip().lower()) if traceparent else None
    return found[1] if found else None
