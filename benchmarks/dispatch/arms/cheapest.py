"""The cheapest client there is: bytes made beforehand, and nothing read but where an answer ends.

What it reaches is what the test server can give; nobody could ask it faster.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from benchmarks.dispatch.arms import Task

_END = b"0\r\n\r\n"


def prepare(task: Task) -> Callable[[], object]:
    """The requests as bytes, a stream each."""
    requests = [_request({**task.chat(number), "stream": True}) for number in range(task.jobs)]

    async def run() -> None:
        asked = iter(requests)
        loop = asyncio.get_running_loop()
        places = [
            (slot, loop.create_future())
            for slot in task.slots
            for _ in range(slot.parallel + slot.queue_ahead)
        ]
        for slot, done in places:
            url = urlsplit(slot.endpoint)
            await loop.create_connection(
                lambda done=done: _Place(asked, done), url.hostname, url.port
            )
        await asyncio.gather(*(done for _, done in places))

    return lambda: asyncio.run(run())


class _Place(asyncio.Protocol):
    """A connection that asks the next request when the last is answered."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if data.endswith(_END):
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
            return
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()


def _request(chat: dict[str, object]) -> bytes:
    body = json.dumps(chat, separators=(",", ":")).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: slot\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
