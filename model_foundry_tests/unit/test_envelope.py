"""From a message's bytes to an event, in each form that events.md accepts."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.events.envelope import Event, Message, Rules, read_event
from model_foundry.events.refusal import Reason, RefusalError

RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIMIT = 100_000


def message(
    body: bytes | dict[str, Any], subject: str = "llm.tool_call", **headers: str
) -> Message:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(subject, raw, named or None, "S", 7, RECEIVED)


def read(body: bytes | dict[str, Any], subject: str = "llm.tool_call", **headers: str) -> Event:
    return read_event(message(body, subject, **headers), Rules(max_bytes=LIMIT))


def refused(body: bytes | dict[str, Any], **headers: str) -> Reason:
    with pytest.raises(RefusalError) as caught:
        read(body, **headers)
    assert caught.value.detail
    return caught.value.reason


def test_homelab_envelope_in_full() -> None:
    event = read(
        {
            "event_id": "e1",
            "subject": "llm.flow.lineage",
            "correlation_id": "c1",
            "causation_id": "e0",
            "source": "familiar",
            "occurred_at": "2026-11-20T09:30:00.123+09:00",
            "payload": {"a": 1},
        },
        subject="knowledge.flow.lineage",
    )
    assert event.event_id == "e1"
    assert event.has_own_id
    assert (event.subject, event.published_subject) == (
        "llm.flow.lineage",
        "knowledge.flow.lineage",
    )
    assert (event.correlation_id, event.causation_id, event.source) == ("c1", "e0", "familiar")
    assert event.occurred_at == datetime(2026, 11, 20, 0, 30, 0, 123000, tzinfo=UTC)
    assert str(event.occurred_on) == "2026-11-20"
    assert json.loads(event.payload) == {"a": 1}
    assert not event.payload_repaired


def test_what_an_envelope_leaves_out_comes_from_the_message() -> None:
    event = read({"payload": []}, subject="knowledge.embedding")
    assert event.event_id == "S:7"
    assert not event.has_own_id
    assert event.subject == "obsidian.semantic_search"
    assert event.published_subject == "knowledge.embedding"
    assert event.occurred_at == event.received_at == RECEIVED
    assert event.correlation_id is None


def test_message_id_header_names_an_event_without_id() -> None:
    event = read({"payload": {}}, Nats_Msg_Id="m9")
    assert event.event_id == "m9"
    assert event.has_own_id


def test_trace_parent_correlates_an_event_without_correlation_id() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    event = read({"payload": {}, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert event.correlation_id == trace


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("traceparent", "expected"),
    [
        (f"01-{TRACE}-{SPAN}-01", TRACE),
        (f"01-{TRACE}-{SPAN}-01-what-a-later-version-adds", TRACE),
        (f" 00-{TRACE.upper()}-{SPAN}-00 ", TRACE),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"FF-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{'0' * 32}-{'0' * 16}-00", None),
        (f"00-{TRACE[1:]}-{SPAN}-01", None),
        (f"0g-{TRACE}-{SPAN}-01", None),
    ],
)
def test_only_a_valid_trace_parent_correlates(traceparent: str, expected: str | None) -> None:
    assert read({"payload": {}, "traceparent": traceparent}).correlation_id == expected
    assert read({"payload": {}}, traceparent=traceparent).correlation_id == expected
    binary = read({}, ce_id="1", ce_traceparent=traceparent)
    assert binary.correlation_id == expected


def test_an_invalid_trace_parent_hides_no_valid_one() -> None:
    event = read(
        {"payload": {}, "traceparent": f"ff-{TRACE}-{SPAN}-01"},
        traceparent=f"00-{TRACE}-{SPAN}-01",
    )
    assert event.correlation_id == TRACE


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("3", {}),
        ("", {}),
        ("2026-11-20", {}),
        ("v1.0", {}),
        ("10.0", {}),
        (1.0, {}),
        (None, {}),
        ("1.0", {}),
        ("1.0", {"id": "7", "source": "s"}),
        ("1.0", {"event_id": "e", "id": "7", "source": "s", "type": "of its own"}),
        ("3", {"id": "7", "source": "s", "type": "of its own"}),
    ],
)
def test_a_homelab_event_may_have_a_specversion_and_data(
    version: object, fields: dict[str, str]
) -> None:
    own = {"specversion": version, "data": {"of": "its own"}, **fields}
    event = read({"payload": {"tool_name": "x"}, **own})
    assert json.loads(event.payload) == {"tool_name": "x"}
    assert event.event_id == fields.get("event_id", "S:7")
    kept = {name: said for name, said in own.items() if name not in {"event_id", "source"}}
    assert json.loads(event.envelope or b"") == {"fields": kept}


@pytest.mark.parametrize("version", ["1.0", "1.0.2", "0.3", "0.3-wip", "0.2"])
def test_versions_of_cloudevents(version: str) -> None:
    structured = {"specversion": version, "id": "9", "source": "s", "type": "llm.tool_call"}
    assert read({**structured, "data": {"a": 1}}).event_id == "s#9"
    beside = read({**structured, "data": {"a": 1}, "payload": "an extension"})
    assert (beside.event_id, json.loads(beside.payload)) == ("s#9", {"a": 1})
    bare = read({"specversion": version, "data": {"a": 1}, "payload": None})
    assert json.loads(bare.payload) == {"a": 1}


def test_cloudevent_structured() -> None:
    event = read(
        {
            "specversion": "1.0",
            "id": "9",
            "source": "agent-gateway",
            "type": "knowledge.tool_call",
            "subject": "not the name",
            "time": "2026-11-19T23:59:59Z",
            "correlationid": "c",
            "causationid": "b",
            "data": {"tool_name": "x"},
        }
    )
    assert event.event_id == "agent-gateway#9"
    assert event.subject == "llm.tool_call"
    assert (event.correlation_id, event.causation_id) == ("c", "b")
    assert str(event.occurred_on) == "2026-11-19"
    assert json.loads(event.payload) == {"tool_name": "x"}


def test_cloudevent_binary_with_percent_encoded_headers() -> None:
    event = read(
        {"tool_name": "x"},
        ce_specversion="1.0",
        ce_id="a%20b",
        ce_source="/gateway",
        ce_type="llm.tool_call",
        ce_time="2026-11-19T10:00:00Z",
        ce_correlationid="%E6%97%A5",
    )
    assert event.event_id == "/gateway#a b"
    assert event.correlation_id == "日"
    assert json.loads(event.payload) == {"tool_name": "x"}


@pytest.mark.parametrize(
    ("occurred_at", "expected"),
    [
        (1763631000, datetime(2025, 11, 20, 9, 30, tzinfo=UTC)),
        (1763631000.5, datetime(2025, 11, 20, 9, 30, 0, 500000, tzinfo=UTC)),
        (1763631000123, datetime(2025, 11, 20, 9, 30, 0, 123000, tzinfo=UTC)),
        ("2025-11-20T09:30:00Z", datetime(2025, 11, 20, 9, 30, tzinfo=UTC)),
        ("", RECEIVED),
        (None, RECEIVED),
    ],
)
def test_times(occurred_at: object, expected: datetime) -> None:
    assert read({"payload": {}, "occurred_at": occurred_at}).occurred_at == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY_BODY),
        (b" \n", Reason.EMPTY_BODY),
        (b"x" * (LIMIT + 1), Reason.TOO_LARGE),
        (b'{"payload":"\xff"}', Reason.NOT_UTF8),
        (b"hello", Reason.NOT_JSON),
        (b'{"payload":{"a":1}', Reason.NOT_JSON),
        (b'{"payload":NaN}', Reason.NOT_JSON),
        (b"[1]", Reason.NOT_AN_OBJECT),
        (b"3", Reason.NOT_AN_OBJECT),
        (b'{"payload":' + b"[" * 20_000 + b"]" * 20_000 + b"}", Reason.NESTED_TOO_DEEPLY),
        (b'{"payload":{},"event_id":true}', Reason.INVALID_ENVELOPE),
        (b'{"payload":{},"event_id":{"id":5}}', Reason.INVALID_ENVELOPE),
        (b'{"payload":{},"correlation_id":["c"]}', Reason.INVALID_ENVELOPE),
        (b'{"payload":{},"occurred_at":true}', Reason.INVALID_ENVELOPE),
        (b'{"payload":{},"event_id":"' + b"e" * 513 + b'"}', Reason.INVALID_ENVELOPE),
        (b'{"event_id":"e"}', Reason.NO_PAYLOAD),
        (b'{"specversion":"1.0","id":"1","type":"t"}', Reason.NO_PAYLOAD),
        (b'{"payload":{},"occurred_at":"yesterday"}', Reason.OCCURRED_AT_INVALID),
        (b'{"payload":{},"occurred_at":"2026-11-20T09:30:00"}', Reason.OCCURRED_AT_INVALID),
        (b'{"payload":{},"occurred_at":0}', Reason.OCCURRED_AT_OUT_OF_RANGE),
        (b'{"payload":{},"occurred_at":1e300}', Reason.OCCURRED_AT_OUT_OF_RANGE),
        (
            b'{"payload":{},"occurred_at":"9999-12-31T23:59:59-05:00"}',
            Reason.OCCURRED_AT_OUT_OF_RANGE,
        ),
        (b'{"payload":{},"occurred_at":"1999-12-31T23:59:59Z"}', Reason.OCCURRED_AT_OUT_OF_RANGE),
        (b'{"payload":{},"occurred_at":"2026-11-22T00:00:00Z"}', Reason.OCCURRED_AT_OUT_OF_RANGE),
    ],
)
def test_refusals(body: bytes, reason: Reason) -> None:
    assert refused(body) is reason


def test_tomorrow_is_accepted() -> None:
    event = read({"payload": {}, "occurred_at": "2026-11-21T23:59:59Z"})
    assert event.occurred_at.date() == RECEIVED.date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"a\u0000b", "a\ufffdb"),
        (rb"\ud800", "\ufffd"),
        (rb"\uDC00x", "\ufffdx"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\\u0000", "\\u0000"),
        (rb"\\\u0000", "\\\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
    ],
)
def test_only_what_postgres_cannot_hold_is_repaired(text: bytes, expected: str) -> None:
    event = read(b'{"payload":"' + text + b'"}')
    assert json.loads(event.payload) == expected
    assert event.payload_repaired == ("\ufffd" in expected)


def test_envelope_fields_are_repaired_too() -> None:
    event = read(rb'{"payload":{},"correlation_id":"a\u0000b"}')
    assert event.correlation_id == "a\ufffdb"


def test_big_numbers_and_unknown_fields_stay_as_they_came() -> None:
    payload = b'{"n": 1180591620717411303424, "x": 0.10, "unknown": [1e3]}'
    assert read(b'{"payload":' + payload + b',"extra":1}').payload == payload


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_any_payload_comes_through_or_is_repaired(payload: object) -> None:
    event = read({"event_id": "e", "payload": payload})
    text = event.payload.decode()
    assert "\\u0000" not in text.replace("\\\\", "")
    if not event.payload_repaired:
        assert json.loads(text) == payload


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(RefusalError):
        assert read(body).event_id
