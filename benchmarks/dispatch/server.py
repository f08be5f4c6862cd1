"""A slot that answers after exactly so long, so many at a time; more wait in its queue.

A process of its own on loopback. Nothing is computed per request but when its turn is over, so that
it takes little of the machine from what is measured.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from benchmarks.dispatch.arms import Slot

MODEL: Final = "exact"
OUTPUT_TOKENS: Final = 8
_END: Final = b"\r\n\r\n"
_STREAM: Final = b'"stream":true'
_STOP_S: Final = 5.0


class Seen(NamedTuple):
    """What a server has seen: requests, and the most that were in flight or waiting at once."""

    requests: int
    peak: int


class ExactServer:
    """The server in a child process; a context manager.

    Args:
        name: of the slot.
        parallel: how many requests it works on at once.
        delay_ms: how long it works on one; 0: it answers at once.
    """

    def __init__(self, name: str, parallel: int, delay_ms: float) -> None:
        self.name = name
        self.parallel = parallel
        self.delay_ms = delay_ms
        self.port = 0

    def __enter__(self) -> Self:
        arguments = [f"--parallel={self.parallel}", f"--delay-ms={self.delay_ms}"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_STOP_S)

    def slot(self, queue_ahead: int = 0) -> Slot:
        """As the arms are told of it."""
        endpoint = f"http://127.0.0.1:{self.port}"
        return Slot(self.name, endpoint, MODEL, self.parallel, queue_ahead)

    def seen(self) -> Seen:
        """Since the last look."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_STOP_S)
        with contextlib.closing(connection):
            connection.request("GET", "/seen")
            return Seen(*json.load(connection.getresponse()))


class _Work:
    """The requests of all connections: those that are worked on, and those that wait."""

    def __init__(self, parallel: int, delay_s: float) -> None:
        self.parallel = parallel
        self._delay_s = delay_s
        self._free = parallel
        self._waiting: deque[_Connection] = deque()
        self._requests = self._in_flight = self._peak = 0
        self._answer = _response(_completion())
        self._stream = _streamed(_completion())

    def begin(self, connection: "_Connection") -> None:
        self._requests += 1
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        if self._free:
            self._free -= 1
            self._work_on(connection, asyncio.get_running_loop().time())
        else:
            self._waiting.append(connection)

    def _work_on(self, connection: "_Connection", since: float) -> None:
        if self._delay_s:
            due = since + self._delay_s
            asyncio.get_running_loop().call_at(due, self._end, connection, due)
        else:
            self._end(connection, since)

    def _end(self, connection: "_Connection", due: float) -> None:
        self._in_flight -= 1
        connection.send(self._stream if connection.streams else self._answer)
        if self._waiting:
            # From when its turn was due: no timer's delay adds up.
            self._work_on(self._waiting.popleft(), due)
        else:
            self._free += 1

    def seen(self) -> Seen:
        seen = Seen(self._requests, self._peak)
        self._requests, self._peak = 0, self._in_flight
        return seen


class _Connection(asyncio.Protocol):
    def __init__(self, work: _Work) -> None:
        self._work = work
        self._read = b""
        self.streams = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (request := self._next()) is not None:
            path = request.split(b" ", 2)[1]
            if path.endswith(b"/completions"):
                self._work.begin(self)
            elif path == b"/seen":
                self.send(_response(self._work.seen()))
            else:  # /health, /props, /v1/models
                self.send(_response({"total_slots": self._work.parallel, "data": []}))

    def _next(self) -> bytes | None:
        """The head of the next request that is there whole."""
        head, end, rest = self._read.partition(_END)
        if not end:
            return None
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return None
        self.streams = _STREAM in rest[:length]
        self._read = rest[length:]
        return head


def _completion() -> dict[str, Any]:
    message = {"role": "assistant", "content": "An answer of a few words, always the same one."}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": 20 + OUTPUT_TOKENS,
        },
        "timings": {
            **{"cache_n": 0, "prompt_n": 20, "prompt_ms": 20.0},
            **{"predicted_n": OUTPUT_TOKENS, "predicted_ms": 80.0},
        },
    }


def _streamed(completion: dict[str, Any]) -> bytes:
    """The same answer as a stream: an event for each token, and one with the figures."""
    [choice] = completion.pop("choices")
    figures = {name: completion.pop(name) for name in ("usage", "timings")}
    words = choice["message"]["content"].split(" ")
    deltas: list[dict[str, Any]] = [{"content": f"{word} "} for word in words[: OUTPUT_TOKENS - 1]]
    deltas.append({"content": " ".join(words[OUTPUT_TOKENS - 1 :])})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    events = [{**completion, "choices": [each]} for each in choices]
    events.append({**completion, "choices": [], **figures})
    parts = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b"data: [DONE]\n\n"])
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
    return head.encode() + _END + body + b"0\r\n\r\n"


def _response(body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    return head.encode() + _END + content


async def _serve(parallel: int, delay_ms: float) -> None:
    work = _Work(parallel, delay_ms / 1000)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(work), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(options.parallel, options.delay_ms))
