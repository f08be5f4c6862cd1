"""A slot in the test's own process that does with each request what a function says.

For what depends on the request itself: its shape, its length, how many came before. Faults of the
wire are `fake_slot`'s. It counts four bytes of a prompt as a token.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from model_foundry.fleet.file import Slot


class Told(NamedTuple):
    """What becomes of a request: a status other than 200 is an error, with this message."""

    status: int = 200
    after_s: float = 0.0
    message: str = "as told"
    says: str = "Yes."


class Asked(NamedTuple):
    """A request; `number` counts from 1."""

    number: int
    path: str
    body: dict[str, Any]
    job_id: str

    @property
    def prompt(self) -> str:
        return str(self.body.get("prompt") or self.body["messages"][-1]["content"])

    @property
    def tokens(self) -> int:
        return len(json.dumps(self.body.get("messages") or self.body["prompt"])) // 4


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    while not condition():  # noqa: ASYNC110 (what is waited for has no event)
        await asyncio.sleep(0.005)


class ToldSlot:
    """The server, on loopback; an async context manager. `asked` keeps every request."""

    def __init__(
        self, decide: Callable[[Asked], Told], *, name: str = "told", parallel: int = 4
    ) -> None:
        self.name = name
        self.parallel = parallel
        self.asked: list[Asked] = []
        self.at: dict[str, float] = {}
        self._decide = decide

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self._port = self._server.sockets[0].getsockname()[1]
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        served = [task for task in self._open.values() if task is not None]
        for writer in self._open:
            writer.transport.abort()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        await self._server.wait_closed()

    def slot(self, **changes: Any) -> Slot:
        """As a fleet file would declare it."""
        declared = {
            "name": self.name,
            "roles": ("worker",),
            "runtime": "llama.cpp",
            "endpoint": f"http://127.0.0.1:{self._port}",
            "model": "told",
            "licence": "Apache-2.0",
            "parallel": self.parallel,
            "context_tokens": 4096,
        }
        return Slot.model_validate(declared | changes)

    def times(self) -> Counter[str]:
        """How often each job was asked."""
        return Counter(each.job_id for each in self.asked)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value
                    for name, _, value in (each.partition(": ") for each in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = await self._answer(line.split()[1], headers, body)
                content = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} As told\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(content)}\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        self._open.pop(writer, None)
        writer.close()

    async def _answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        if not path.endswith("/completions"):
            known = path in {"/health", "/props", "/v1/models"}
            return 200 if known else 404, {"total_slots": self.parallel, "data": []}
        job_id = headers.get("x-job-id") or headers.get("x-request-id", "")
        asked = Asked(len(self.asked) + 1, path, json.loads(body), job_id)
        self.asked.append(asked)
        self.at.setdefault(asked.prompt, time.monotonic())
        told = self._decide(asked)
        await asyncio.sleep(told.after_s)
        if told.status != 200:
            return told.status, {"error": {"message": told.message, "code": told.status}}
        choice = (
            {"message": {"content": told.says}} if "messages" in asked.body else {"text": told.says}
        )
        return 200, {
            "choices": [{"index": 0, "finish_reason": "stop", **choice}],
            "usage": {"prompt_tokens": asked.tokens, "completion_tokens": 2},
        }
