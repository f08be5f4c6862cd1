"""Bad messages among good ones: each is accepted, repaired or quarantined, and the rest lands.

What is published here goes over a plain socket: no client library would send half of it.
"""

import asyncio
import base64
import gzip
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model_foundry.devstack.nats import MAX_PAYLOAD_BYTES
from model_foundry.events.refusal import Reason
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.reconcile import reconcile
from model_foundry.settings import Settings
from model_foundry_tests.line import connection_to, rows

SUBJECT: Final = b"llm.tool_call"
SQL: Final = "'); DROP TABLE event_inbox; --"
LIMIT: Final = 4 * 1024 * 1024
LANDS: Final = "lands"
REPAIRED: Final = "repaired"


class Bad(NamedTuple):
    """A message, and what has to become of it: lands, repaired, or the reason for its refusal.

    `columns`: what the inbox must hold of it.
    """

    kind: str
    expected: str
    body: bytes
    headers: bytes | None = None
    subject: bytes = SUBJECT
    columns: dict[str, Any] | None = None


def envelope(**fields: Any) -> bytes:
    return json.dumps({"payload": {"n": 1}, **fields}).encode()


def payload(text: str) -> bytes:
    return b'{"payload":%s}' % text.encode("utf-8", "surrogatepass")


def block(*lines: bytes) -> bytes:
    """A header block as it goes over the wire."""
    return b"\r\n".join((b"NATS/1.0", *lines, b"", b""))


def binary(**attributes: str) -> bytes:
    """The headers of a CloudEvent in binary form."""
    return block(*(f"ce-{name}: {quote(text)}".encode() for name, text in attributes.items()))


def not_json() -> Iterator[Bad]:
    whole = envelope(event_id="truncated", occurred_at="2026-11-20T10:00:00Z")
    for length in range(1, len(whole), 5):
        yield Bad("truncated", Reason.NOT_JSON, whole[:length])
    for text in ("NaN", "Infinity", "-Infinity", "[1, NaN]", '{"a": -Infinity}'):
        yield Bad("no number", Reason.NOT_JSON, payload(text))
    for text in ("01", "+1", "1.", ".5", "0x1F", "1e", "-", "1_000"):
        yield Bad("number not of JSON", Reason.NOT_JSON, payload(text))
    for text in ("nul", "True", "undefined", "'a'", "[1,]", '{"a":1,}', "{a:1}", "[1 2]", "/**/1"):
        yield Bad("not quite JSON", Reason.NOT_JSON, payload(text))
    for text in ('"\x01"', '"\n"', '"\x00"'):
        yield Bad("control character", Reason.NOT_JSON, payload(text))
    for text in (r'"\x41"', r'"\u12"', r'"\uzzzz"', '"\\'):
        yield Bad("no such escape", Reason.NOT_JSON, payload(text))
    for rest in (b"{}", b" x", b"\x00", b","):
        yield Bad("more than one value", Reason.NOT_JSON, envelope() + rest)
    yield Bad("byte-order mark", Reason.NOT_JSON, b"\xef\xbb\xbf" + envelope())
    yield Bad("XML", Reason.NOT_JSON, b"<event><payload/></event>")
    yield Bad("YAML", Reason.NOT_JSON, b"event_id: a\npayload:\n  n: 1\n")
    yield Bad("form", Reason.NOT_JSON, b"event_id=a&payload=1")
    yield Bad("SQL", Reason.NOT_JSON, SQL.encode())
    yield Bad("NDJSON", Reason.NOT_JSON, envelope() + b"\n" + envelope())


def not_utf8() -> Iterator[Bad]:
    for raw in (
        b"\xff",
        b"\xc3\x28",
        b"\xe2\x82",
        b"\xf0\x9f\x92",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ):
        yield Bad("broken UTF-8", Reason.NOT_UTF8, b'{"payload":"' + raw + b'"}')
    for raw in (b"\xed\xa0\x80", b"\xed\xbf\xbf"):
        yield Bad("surrogate in UTF-8", Reason.NOT_UTF8, b'{"payload":"' + raw + b'"}')
    yield Bad("Latin-1", Reason.NOT_UTF8, '{"payload":"é"}'.encode("latin-1"))
    yield Bad("UTF-16", Reason.NOT_UTF8, '{"payload":1}'.encode("utf-16"))
    yield Bad("Shift JIS", Reason.NOT_UTF8, '{"payload":"日本語"}'.encode("shift-jis"))
    yield Bad("gzip", Reason.NOT_UTF8, gzip.compress(envelope()))
    yield Bad("random bytes", Reason.NOT_UTF8, bytes(range(256)))


def no_envelope() -> Iterator[Bad]:
    for raw in (b"[]", b'[{"payload":1}]', b'"payload"', b"1", b"1.5", b"null", b"true", b"false"):
        yield Bad("no object", Reason.NOT_AN_OBJECT, raw)
    for fields in ({}, {"event_id": "a"}, {"data": 1}, {"Payload": 1}, {"specversion": "1.0"}):
        yield Bad("no payload", Reason.NO_PAYLOAD, json.dumps(fields).encode())
    for raw in (b"", b" ", b"\r\n\t ", b"\n" * 1000):
        yield Bad("empty body", Reason.EMPTY_BODY, raw)
    for headers in (block(b"Nats-Msg-Id: header-only"), binary(id="1", source="s", type="llm.x")):
        yield Bad("header-only", Reason.EMPTY_BODY, b"", headers)


def wrong_types() -> Iterator[Bad]:
    ours = ("event_id", "subject", "correlation_id", "causation_id", "source")
    theirs = ("specversion", "id", "type", "time", "correlationid", "causationid", "traceparent")
    for field in ours:
        for wrong in (True, ["a"], {"a": 1}):
            raw = envelope(**{field: wrong})
            yield Bad(f"{field} of a wrong type", Reason.INVALID_ENVELOPE, raw)
    for number, field in enumerate(ours):
        expected = Reason.SUBJECT_MISMATCH if field == "subject" else LANDS
        columns = None if field == "subject" else {field: str(number)}
        yield Bad(f"{field} is a number", expected, envelope(**{field: number}), columns=columns)
    for field in (*theirs, "data_base64"):
        for value in (1, True, ["a"], {"a": 1}):
            kept: dict[str, Any] = {"envelope": {"fields": {field: value}}}
            yield Bad(f"a {field} of its own", LANDS, envelope(**{field: value}), columns=kept)
    for wrong in (True, ["2026-11-20T10:00:00Z"], {"at": 1}):
        raw = envelope(occurred_at=wrong)
        yield Bad("occurred_at of a wrong type", Reason.INVALID_ENVELOPE, raw)
    for field in ours:
        yield Bad("id too long", Reason.INVALID_ENVELOPE, envelope(**{field: "x" * 513}))
    long_id = block(b"Nats-Msg-Id: " + b"x" * 513)
    yield Bad("id too long", Reason.INVALID_ENVELOPE, envelope(), long_id)


def nested() -> Iterator[Bad]:
    for depth in (10_000, 100_000):
        arrays, objects = "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth
        for text in (arrays, objects):
            yield Bad("nested too deeply", Reason.NESTED_TOO_DEEPLY, payload(text))
        unknown = b'{"x":%s,"payload":1}' % arrays.encode()
        yield Bad("nested too deeply", Reason.NESTED_TOO_DEEPLY, unknown)
        structured = b'{"specversion":"1.0","id":"a","source":"b","data":%s}' % arrays.encode()
        yield Bad("nested too deeply", Reason.NESTED_TOO_DEEPLY, structured)
        yield Bad("nested too deeply", Reason.NESTED_TOO_DEEPLY, arrays.encode(), binary(id="a"))
    for depth in (10, 500):
        yield Bad("nested", LANDS, payload("[" * depth + "]" * depth))


def times() -> Iterator[Bad]:
    def at(moment: Any) -> bytes:
        return envelope(occurred_at=moment)

    now = datetime.now(UTC)
    moment: Any
    for text in (
        *("yesterday", "2026-11-20", "2026-11-20T10:00:00", "2026-13-01T00:00:00Z", "1764 s"),
        *("2026-02-30T00:00:00Z", "2026-11-20T24:30:00Z", "2026-11-20T10:00:00+25:00", "Z", SQL),
    ):
        yield Bad("no time", Reason.OCCURRED_AT_INVALID, at(text))
    for moment in ("1970-01-01T00:00:00Z", 0, -1, "1999-12-31T23:59:59Z", 946684799):
        yield Bad("before 2000", Reason.OCCURRED_AT_OUT_OF_RANGE, at(moment))
    later = (now + timedelta(days=3)).isoformat()
    for moment in (
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        later,
        2**70,
        10**400,
        1e300,
    ):
        yield Bad("after tomorrow", Reason.OCCURRED_AT_OUT_OF_RANGE, at(moment))
    yield Bad("year 1", Reason.OCCURRED_AT_OUT_OF_RANGE, at("0001-01-01T00:00:00+14:00"))
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for moment in (
        *("2026-11-20T12:00:00Z", "2026-11-20t12:00:00z", "2026-11-20T21:00:00+09:00"),
        *("2026-11-20T12:00:00.000000000Z", "2026-11-19T22:30:00-13:30"),
        *(noon.timestamp(), int(noon.timestamp() * 1000)),
    ):
        yield Bad("time in another form", LANDS, at(moment), columns={"occurred_at": noon})
    first = {"occurred_at": datetime(2000, 1, 1, tzinfo=UTC)}
    yield Bad("first moment", LANDS, at("2000-01-01T00:00:00Z"), columns=first)
    tomorrow = (now + timedelta(days=1)).isoformat()
    for moment in (tomorrow, None, ""):
        yield Bad("time that is left out or comes", LANDS, at(moment))


def repaired() -> Iterator[Bad]:
    for escape in (r"\u0000", r"\ud800", r"\uDFFF", r"\udc00\ud800", r"\\\u0000"):
        left = {r"\\\u0000": "\\\ufffd", r"\udc00\ud800": "\ufffd\ufffd"}.get(escape, "\ufffd")
        raw = payload(f'{{"t":"a{escape}b"}}')
        columns = {"payload": {"t": f"a{left}b"}, "payload_repaired": True}
        yield Bad("not for jsonb", REPAIRED, raw, columns=columns)
        raw = payload(f'{{"a{escape}b":1}}')
        columns = {"payload": {f"a{left}b": 1}, "payload_repaired": True}
        yield Bad("not for jsonb, in a key", REPAIRED, raw, columns=columns)
    for field in ("event_id", "correlation_id", "causation_id", "source"):
        raw = envelope(**{field: f"{field}\u0000"})
        columns = {field: f"{field}\ufffd"}
        yield Bad("not for text", REPAIRED, raw, columns=columns)
    for escape, text in ((r"\\u0000", "\\u0000"), (r"\ud83d\ude00", "😀"), (r"\u0041", "A")):
        columns = {"payload": text, "payload_repaired": False}
        yield Bad("looks like it", LANDS, payload(f'"{escape}"'), columns=columns)


def accepted() -> Iterator[Bad]:
    columns: dict[str, Any]
    value: Any
    yield Bad("SQL in the subject", Reason.SUBJECT_MISMATCH, envelope(subject=SQL))
    for field in ("event_id", "correlation_id", "causation_id", "source"):
        yield Bad("SQL in a field", LANDS, envelope(**{field: SQL}), columns={field: SQL})
    for value in (SQL, {SQL: SQL}, [SQL]):
        yield Bad("SQL in the payload", LANDS, envelope(payload=value), columns={"payload": value})
    for text in ("%s %(x)s {x}", "\\N\t\\.", "\x7f\u2028\ufeff\uffff", "é日本語😀\u202e"):
        columns = {"payload": text, "event_id": text}
        yield Bad("odd text", LANDS, envelope(event_id=text, payload=text), columns=columns)
    for number in (2**70, -(2**70), 2**63, 10**400, 1e-300, -0.0):
        columns = {"payload": number}
        yield Bad("odd number", LANDS, payload(str(number)), columns=columns)
    for value in (None, "", 0, False, [], {}):
        yield Bad("small payload", LANDS, envelope(payload=value), columns={"payload": value})
    for raw in (b"\n\t " + envelope() + b"\r\n", envelope(unknown={"x": [1]}, payload=1)):
        yield Bad("more than is needed", LANDS, raw)
    yield Bad("field twice", LANDS, b'{"payload":1,"payload":2}', columns={"payload": 2})
    for text in ("x" * 512, "😀" * 512):
        yield Bad("longest id", LANDS, envelope(event_id=text), columns={"event_id": text})
    for fields in ({"event_id": ""}, {"event_id": None, "source": "", "correlation_id": ""}):
        yield Bad("empty ids", LANDS, envelope(**fields), columns={"correlation_id": None})
    trace = "0af7651916cd43dd8448eb211c80319c"
    for text, found in (
        (f"00-{trace}-b7ad6b7169203331-01", trace),
        ("nonsense", None),
        ("-", None),
    ):
        raw, columns = envelope(traceparent=text), {"correlation_id": found}
        yield Bad("traceparent", LANDS, raw, columns=columns)


def cloud_events() -> Iterator[Bad]:
    def structured(**fields: Any) -> bytes:
        return json.dumps({"specversion": "1.0", "id": "1", "source": "s", **fields}).encode()

    def based(raw: bytes) -> bytes:
        return structured(id="based", data_base64=base64.b64encode(raw).decode())

    columns = {"event_id": f"{SQL}#{SQL}"}
    raw = structured(id=SQL, source=SQL, data=SQL)
    yield Bad("CloudEvent with SQL", LANDS, raw, columns=columns)
    headers = binary(id=SQL, source=SQL + "2", time="2026-11-20T10:00:00Z")
    columns = {"event_id": f"{SQL}2#{SQL}", "payload": SQL}
    yield Bad("CloudEvent with SQL", LANDS, json.dumps(SQL).encode(), headers, columns=columns)
    for name in (SQL, "llm.generation.request"):
        raw, headers = structured(id=name, type=name, data=1), binary(id=name, type=name)
        yield Bad("CloudEvent of another subject", Reason.SUBJECT_MISMATCH, raw)
        yield Bad("CloudEvent of another subject", Reason.SUBJECT_MISMATCH, b"1", headers)
    yield Bad("data_base64", LANDS, based(b'{"n":1}'), columns={"payload": {"n": 1}})
    wrong = structured(data_base64="!!!")
    yield Bad("data_base64 is none", Reason.INVALID_ENVELOPE, wrong)
    yield Bad("data_base64 not of JSON", Reason.NOT_JSON, based(b"{"))
    yield Bad("data_base64 not of UTF-8", Reason.NOT_UTF8, based(b"\xff"))
    for time, reason in (
        ("soon", Reason.OCCURRED_AT_INVALID),
        ("1970-01-01T00:00:00Z", Reason.OCCURRED_AT_OUT_OF_RANGE),
    ):
        yield Bad("CloudEvent's time", reason, structured(id=time, time=time, data=1))
        yield Bad("CloudEvent's time", reason, b"1", binary(id=time, time=time))
    yield Bad("binary body not of JSON", Reason.NOT_JSON, b"text", binary(id="text"))
    headers = block(b"ce-id: %00%ff%zz", b"ce-source: x")
    yield Bad("ce-id of odd bytes", LANDS, b"1", headers, columns={"event_id": "x#\ufffd\ufffd%zz"})


def odd_headers() -> Iterator[Bad]:
    msg_id = {"event_id": "\\xff\\x00"}
    yield Bad(
        "id not of UTF-8", LANDS, b'{"payload":1}', block(b"Nats-Msg-Id: \xff\x00"), columns=msg_id
    )
    headers = block(b"Nats-Msg-Id: " + (SQL + "h").encode())
    yield Bad("SQL in a header", LANDS, envelope(), headers, columns={"event_id": SQL + "h"})
    for lines in (
        (b"Status: 404", b"Description: No Messages"),
        (b"Status: 409", b"Description: Consumer Deleted"),
        (b"Status: 100",),
        (b"\xff\xfe: \xff\xfe",),
        (b"A: 1", b"A: 2", b"a: 3"),
        (b"no colon",),
        (b":", b": x", b"x:"),
        (b"X: " + b"x" * 60_000,),
        tuple(b"X-%d: %d" % (number, number) for number in range(1_000)),
    ):
        yield Bad("odd headers", LANDS, envelope(headers=repr(lines[0])), block(*lines))
    for raw in (b"N", b"NATS/1.0", b"NATS/1.0\r\n", b"garbage\r\n\r\n", b"\x00\xff", b" " * 40):
        yield Bad("no header block", LANDS, envelope(headers=repr(raw)), raw)
    for raw in (b"NATS/1.0 404 No Messages\r\n\r\n", b"NATS/1.0 \xff\xff \xff\r\n\r\n"):
        yield Bad("inline status", LANDS, envelope(headers=repr(raw)), raw)
    yield Bad("bad with odd headers", Reason.NOT_JSON, b"{", block(b"\xff: \x00", b"Y: \x00"))


def odd_subjects() -> Iterator[Bad]:
    for subject, text in (
        (b"llm.\xff\xfe", "llm.\\xff\\xfe"),
        (b"llm.a\x0bb", "llm.a\x0bb"),
        (b"llm.a\x0cb", "llm.a\x0cb"),
        (b"llm.a\x00b", "llm.a\\x00b"),
        (b"llm.a\x1c\x85b", "llm.a\x1c\\x85b"),
        ("llm.日本".encode(), "llm.日本"),
        (b"llm.'--", "llm.'--"),
        (b"llm." + b"x" * 3_900, "llm." + "x" * 3_900),
    ):
        columns = {"published_subject": text, "subject": text}
        yield Bad("odd subject", LANDS, envelope(), subject=subject, columns=columns)
        yield Bad("bad on an odd subject", Reason.NOT_JSON, b"{", subject=subject)


def large() -> Iterator[Bad]:
    def sized(size: int) -> bytes:
        return payload('"%s"' % ("x" * (size - len(payload('""')))))

    yield Bad("largest", LANDS, sized(LIMIT))
    yield Bad("too large", Reason.TOO_LARGE, sized(LIMIT + 1))
    yield Bad("the server's largest", Reason.TOO_LARGE, sized(MAX_PAYLOAD_BYTES))
    yield Bad("the server's largest", Reason.TOO_LARGE, b"\xff" * MAX_PAYLOAD_BYTES)
    for number in ("1e999999", "-1e999999", "1e-999999", "9" * 200_000):
        yield Bad("number too large for PostgreSQL", Reason.REFUSED_BY_POSTGRES, payload(number))


SOURCES: Final[tuple[Callable[[], Iterator[Bad]], ...]] = (
    not_json,
    not_utf8,
    no_envelope,
    wrong_types,
    nested,
    times,
    repaired,
    accepted,
    cloud_events,
    odd_headers,
    odd_subjects,
    large,
)


def bad_messages() -> list[Bad]:
    return [bad for source in SOURCES for bad in source()]


def publish_raw(settings: Settings, messages: Iterable[Bad]) -> None:
    """Publish over a plain socket, one after the other, each acknowledged by JetStream."""
    asyncio.run(_ensure(settings))
    address = urlsplit(settings.require_nats_url())
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB acks 1\r\n')
        for message in messages:
            connection.sendall(_frame(message))
            answer = answers.readline()
            while not answer.startswith(b"MSG acks"):
                answer = answers.readline()
            acknowledged = json.loads(answers.readline())
            assert "error" not in acknowledged, (message.kind, acknowledged)


async def _ensure(settings: Settings) -> None:
    client = await jetstream.connect(settings)
    await configuration.ensure_stream(client, settings)
    await client.close()


def _frame(message: Bad) -> bytes:
    if message.headers is None:
        head = b"PUB %s acks %d" % (message.subject, len(message.body))
        return b"%s\r\n%s\r\n" % (head, message.body)
    size = len(message.headers)
    head = b"HPUB %s acks %d %d" % (message.subject, size, size + len(message.body))
    return b"%s\r\n%s%s\r\n" % (head, message.headers, message.body)


def good(number: int) -> Bad:
    return Bad("good", LANDS, envelope(event_id=f"good-{number}"))


def test_each_bad_message_becomes_what_is_documented_and_the_rest_lands(
    settings: Settings,
) -> None:
    bad = bad_messages()
    assert len(bad) >= 200
    assert len({message.kind for message in bad}) >= 40
    assert {message.expected for message in bad} == {
        LANDS,
        REPAIRED,
        *(set(Reason) - {Reason.DELIVERY_GIVEN_UP, Reason.EVENT_ID_CONFLICT}),
    }
    queue = [each for number, message in enumerate(bad) for each in (message, good(number))]
    publish_raw(settings, queue)
    result = asyncio.run(drain(settings)).as_dict()
    assert (result["messages"], result["duplicates"]) == (len(queue), 0)
    landed = by_seq(settings, "SELECT * FROM event_inbox")
    refused = by_seq(settings, "SELECT * FROM event_quarantine")
    became = [
        (seq, message.kind, what_became(seq, landed, refused), message.expected)
        for seq, message in enumerate(queue, start=1)
    ]
    assert [each for each in became if each[2] != each[3]] == []
    for seq, message in enumerate(queue, start=1):
        if seq in refused:
            assert refused[seq]["raw"] == message.body
        elif message.columns:
            found = {name: landed[seq][name] for name in message.columns}
            assert found == message.columns, message.kind
    assert_all_accounted_for(settings, len(queue))


def by_seq(settings: Settings, query: str) -> dict[int, dict[str, Any]]:
    return {row["stream_seq"]: row for row in rows(settings, query)}


def what_became(
    seq: int, landed: dict[int, dict[str, Any]], refused: dict[int, dict[str, Any]]
) -> str:
    if seq in refused:
        return str(refused[seq]["reason"])
    if seq not in landed:
        return "lost"
    return REPAIRED if landed[seq]["payload_repaired"] else LANDS


def assert_all_accounted_for(settings: Settings, count: int) -> None:
    with connection_to(settings) as connection:
        proof = reconcile(settings, connection, whole=True)
    assert not proof.missing, proof.explained()
    assert proof.floor == count
    assert proof.inbox + proof.quarantine + proof.duplicate == count
    assert asyncio.run(configuration.pending_count(settings)) == 0


ANY_TEXT = st.text(st.characters(codec=None), max_size=20)  # surrogates and U+0000 included
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
FIELDS = (
    "event_id",
    "subject",
    "correlation_id",
    "source",
    "occurred_at",
    "specversion",
    "id",
    "data",
)
HEADERS = (
    st.none()
    | st.binary(max_size=40)
    | st.lists(
        st.binary(max_size=30).filter(lambda line: not set(line) & set(b"\r\n")), max_size=4
    ).map(lambda lines: block(*lines))
)


@st.composite
def sound(draw: st.DrawFn) -> Bad:
    """An event that must land, whatever its payload."""
    text = json.dumps(draw(ANY_JSON), ensure_ascii=True)
    return Bad("sound", LANDS, payload(text), draw(HEADERS.filter(without_names)))


def without_names(headers: bytes | None) -> bool:
    """Whether headers say nothing of the event."""
    lowered = (headers or b"").lower()
    return b"ce-" not in lowered and b"nats-" not in lowered


@st.composite
def any_message(draw: st.DrawFn) -> Bad:
    """Bytes, JSON, an envelope with anything in it, or one with bytes changed."""
    fields = draw(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON | ANY_TEXT, max_size=4))
    whole = json.dumps({**fields, "payload": draw(ANY_JSON)}).encode()
    place = draw(st.integers(0, len(whole)))
    cut = draw(st.integers(0, 3))
    changed = whole[:place] + draw(st.binary(max_size=3)) + whole[place + cut :]
    body = draw(
        st.sampled_from((whole, changed))
        | st.binary(max_size=100)
        | ANY_JSON.map(json.dumps).map(str.encode)
    )
    return Bad("any", "", body, draw(HEADERS.filter(no_instruction)))


def no_instruction(headers: bytes | None) -> bool:
    """Whether headers ask nothing of JetStream itself, which would refuse most of it."""
    return b"nats-" not in (headers or b"").lower()


@profile(
    max_examples=15,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(queue=st.lists(sound() | any_message(), min_size=20, max_size=60))
def test_whatever_is_published_is_accounted_for(settings: Settings, queue: list[Bad]) -> None:
    before = landed_so_far(settings)
    publish_raw(settings, queue)
    result = asyncio.run(drain(settings)).as_dict()
    assert result["messages"] == len(queue)
    assert_all_accounted_for(settings, before + len(queue))
    landed = by_seq(settings, "SELECT *, payload::text AS text FROM event_inbox")
    refused = by_seq(settings, "SELECT * FROM event_quarantine")
    for seq, message in enumerate(queue, start=before + 1):
        if seq in refused:
            assert message.expected != LANDS, refused[seq]
            assert refused[seq]["reason"] in set(Reason)
            assert refused[seq]["raw"] == message.body
        elif message.expected == LANDS:
            expected = for_jsonb(exactly(message.body)["payload"])
            assert exactly(landed[seq]["text"]) == expected


def landed_so_far(settings: Settings) -> int:
    [row] = rows(settings, "SELECT coalesce(max(last_seq), 0) AS seq FROM intake_batch")
    return int(row["seq"])


def exactly(text: str | bytes) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def for_jsonb(value: Any) -> Any:
    """A value with what jsonb cannot hold replaced."""
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [for_jsonb(item) for item in value]
    if isinstance(value, dict):
        return {for_jsonb(name): for_jsonb(item) for name, item in value.items()}
    return value
