"""Frames come out of the wire as they went in, wherever the reads cut them."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from model_foundry.intake.wire import Wire, read_headers

TAPPED, OTHER = b"7", b"8"
Frame = tuple[bytes, bytes, bytes, bytes, bytes]


class Client:
    """What nats-py's parser calls."""

    def __init__(self) -> None:
        self.messages: list[Frame] = []
        self.lines: list[Any] = []

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        self.messages.append((subject, str(sid).encode(), reply, data, headers))

    async def _process_ping(self) -> None:
        self.lines.append("PING")

    async def _process_pong(self) -> None:
        self.lines.append("PONG")

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.lines.append(info)

    async def _process_err(self, error: str) -> None:
        self.lines.append(error)


def on_the_wire(frame: Frame) -> bytes:
    subject, sid, reply, body, headers = frame
    head = b"HMSG" if headers else b"MSG"
    lengths = [b"%d" % len(headers)] if headers else []
    line = [head, subject, sid, *([reply] if reply else []), *lengths]
    return b" ".join([*line, b"%d" % len(headers + body)]) + b"\r\n" + headers + body + b"\r\n"


names = st.binary(min_size=1, max_size=12).map(lambda raw: raw.translate(None, b" \t\r\n") or b"x")
frames = st.tuples(
    names,
    st.sampled_from([TAPPED, OTHER]),
    st.one_of(st.just(b""), names.map(lambda name: b"$" + name)),
    st.binary(max_size=60),
    st.one_of(st.just(b""), st.just(b"NATS/1.0\r\na: b\r\n\r\n")),
)
others = st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b'INFO {"a": "b c"}\r\n', b"-ERR 'no'\r\n"]
)


@given(st.lists(st.one_of(frames, others), max_size=12), st.data())
def test_reads_may_cut_anywhere(items: list[Any], data: st.DataObject) -> None:
    stream = b"".join(item if isinstance(item, bytes) else on_the_wire(item) for item in items)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    tapped: list[Frame] = []
    client = Client()
    wire = Wire(client)  # type: ignore[arg-type]
    wire.taps[TAPPED] = lambda subject, reply, body, headers: tapped.append(
        (subject, TAPPED, reply, body, headers)
    )

    async def read() -> None:
        edges = [0, *sorted(cuts), len(stream)]
        for first, last in itertools.pairwise(edges):
            await wire.parse(stream[first:last])

    asyncio.run(read())
    sent = [item for item in items if not isinstance(item, bytes)]
    assert tapped == [frame for frame in sent if frame[1] == TAPPED]
    assert client.messages == [frame for frame in sent if frame[1] == OTHER]
    assert len(client.lines) == sum(item != b"+OK\r\n" for item in items if item not in sent)


@pytest.mark.parametrize(
    "line", [b"MSG a 1 x\r\n", b"HMSG a 1 b y 3\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\r\n"]
)
def test_what_is_no_nats_ends_the_connection(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        asyncio.run(Wire(Client()).parse(line))  # type: ignore[arg-type]


def test_a_line_without_end_ends_the_connection() -> None:
    async def read() -> None:
        wire = Wire(Client())  # type: ignore[arg-type]
        for _ in range(20):
            await wire.parse(b"x" * 100_000)

    with pytest.raises(ProtocolError):
        asyncio.run(read())


def test_a_new_connection_begins_anew() -> None:
    client = Client()
    wire = Wire(client)  # type: ignore[arg-type]

    async def read() -> None:
        await wire.parse(b"MSG a 8 100\r\nhalf a body")
        wire.reset()
        await wire.parse(b"MSG a 8 2\r\nhi\r\n")

    asyncio.run(read())
    assert client.messages == [(b"a", b"8", b"", b"hi", b"")]


def test_headers_of_a_status_and_of_a_message() -> None:
    assert read_headers(b"NATS/1.0 404 No Messages\r\n\r\n") == {
        "Status": "404",
        "Description": "No Messages",
    }
    twice = b"NATS/1.0\r\nA: 1\r\nA: 2\r\nNats-Msg-Id: a\r\nNats-Msg-Id: b\r\nB:\xff\r\n\r\n"
    assert read_headers(twice) == {"A": "1, 2", "Nats-Msg-Id": "a", "B": "\\xff"}
