"""A slot that answers exactly as told: for faults and exact timings, and nothing else.

`FakeSlot` runs it in a process of its own, on loopback, and can kill it and start it again on
the same port. What it does with one request stands in that request: a prompt that holds
`!fault=NAME,times=N,retry_after=VALUE!` gets that fault the first N times that its job asks
(always, without `times`), then an answer. `tell(say=[…])` gives the answers themselves: a job's
first request gets the first, the last one is for every further request. `tell(translate={…})` makes
it a translator into a language whose words are written backwards; what it does wrong stands there,
by a piece of the text. `send_bytes({…})` gives responses' bodies as they stand. It works on
`parallel` requests at a time, each taking `delay_ms`; more wait in a queue.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import os
import re
import subprocess
import sys
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import brotli

if TYPE_CHECKING:  # the server itself starts without it
    from model_foundry.fleet.file import Slot

FAULT = re.compile(
    r"!fault=(?P<name>[\w-]+)(,times=(?P<times>\d+))?(,retry_after=(?P<after>[^!]+))?!"
)
HUGE_BYTES = 100 * 1024 * 1024
COMPRESSIONS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
JSON = "application/json"
# Of a stream whose end is the connection's.
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class FakeSlot:
    """The fake server in a child process; a context manager."""

    def __init__(
        self,
        *,
        name: str = "fake",
        parallel: int = 8,
        delay_ms: float = 0,
        flavour: str = "llama.cpp",
        total_slots: int | None = None,
        model: str = "fake-model",
    ) -> None:
        self.name = name
        self.parallel = parallel
        self.model = model
        self.flavour = flavour
        self.port = 0
        self._options = [
            f"--parallel={parallel}",
            f"--delay-ms={delay_ms}",
            f"--flavour={flavour}",
            f"--total-slots={parallel if total_slots is None else total_slots}",
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, on the port that it had before if there was one."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, f"--port={self.port}", *self._options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL: connections are reset, the port is closed."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def slot(self, **changes: Any) -> "Slot":
        """As a fleet file would declare it."""
        from model_foundry.fleet.file import Slot

        runtime = "vllm" if self.flavour.startswith("vllm") else self.flavour
        declared = {
            "name": self.name,
            "roles": ("worker",),
            "runtime": runtime,
            "endpoint": self.url,
            "model": self.model,
            "licence": "Apache-2.0",
            "parallel": self.parallel,
            "context_tokens": 4096,
            # So fast that no attempt has time besides its silence.
            "expected": {"pp_tokens_per_s": 1e6, "tg_tokens_per_s": 1e6},
        }
        return Slot.model_validate(declared | changes)

    def stats(self) -> dict[str, Any]:
        """requests, peak (most at once), busy, asked per job, keys that were echoed, and the last
        headers and body."""
        return self._control("stats")

    def tell(self, **changes: Any) -> None:
        """Change `delay_ms`, `health` (a status), `fault` (for every request), `say` (answers:
        a text, or a list of `{"name": …, "arguments": …}` that are called), `translate` (see
        `translated`), `paths` (answers of other paths, see `as_told`) or `refuse` (parameters, each
        with the body of a 400) while it runs."""
        self._control("tell", changes)

    def send_bytes(self, bodies: dict[str, list[bytes]], content_type: str = JSON) -> None:
        """Answer these prompts, "" for any other, with these bytes, each piece a chunk."""
        raw = {
            prompt: [piece.decode("latin-1") for piece in pieces if piece]
            for prompt, pieces in bodies.items()
        }
        self._control("tell", {"raw": raw, "content_type": content_type})

    def _control(self, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/fake/{what}", data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        return answer


class _Server:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.delay_s: float = arguments.delay_ms / 1000
        self.flavour: str = arguments.flavour
        self.total_slots: int = arguments.total_slots
        self.places = asyncio.Semaphore(arguments.parallel)
        self.health = 200
        self.fault: str | None = None
        self.say: list[str | list[dict[str, str]]] = []
        self.translate: dict[str, str] | None = None
        self.raw: dict[str, list[str]] = {}
        self.content_type = JSON
        self.paths: dict[str, Any] = {}
        self.refuse: dict[str, Any] = {}
        self.requests = self.busy = self.peak = self.bytes_sent = 0
        self.asked: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.last: dict[str, Any] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value
                    for name, _, value in (each.partition(": ") for each in lines)
                    if name
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self.answer(line.split()[1], headers, body, writer)
                await writer.drain()
        writer.close()

    async def answer(
        self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        if path == "/fake/stats":
            send(writer, 200, self.stats())
        elif path == "/fake/tell":
            changes = json.loads(body)
            self.delay_s = changes.get("delay_ms", self.delay_s * 1000) / 1000
            self.health = changes.get("health", self.health)
            self.fault = changes.get("fault", self.fault)
            self.say = changes.get("say", self.say)
            self.translate = changes.get("translate", self.translate)
            self.raw = changes.get("raw", self.raw)
            self.content_type = changes.get("content_type", self.content_type)
            self.paths = changes.get("paths", self.paths)
            self.refuse = changes.get("refuse", self.refuse)
            send(writer, 200, {})
        elif path in self.paths:
            await as_told(writer, self.paths[path], headers)
        elif path == "/health":
            send(writer, self.health, {"status": "ok" if self.health == 200 else "loading"})
        elif path == "/props":
            send(writer, 200, {"total_slots": self.total_slots})
        elif path == "/v1/models":
            send(writer, 200, {"data": []})
        else:
            self.requests += 1
            self.busy += 1
            self.peak = max(self.peak, self.busy)
            self.last = {"headers": headers, "body": json.loads(body), "path": path}
            try:
                await self.complete(path, headers, self.last["body"], writer)
            finally:
                self.busy -= 1

    def stats(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "peak": self.peak,
            "busy": self.busy,
            "bytes_sent": self.bytes_sent,
            "asked": self.asked,
            "keys": sorted(self.keys),
            **self.last,
        }

    async def complete(
        self,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any],
        writer: asyncio.StreamWriter,
    ) -> None:
        job_id = headers.get("x-job-id", "")
        self.asked[job_id] += 1
        try:
            prompt = str(body.get("prompt") or body["messages"][-1]["content"])
        except (KeyError, IndexError, TypeError):
            send(writer, 400, {"error": {"message": "no messages", "code": 400}})
            return
        fault, retry_after = self.fault, None
        match = FAULT.search(prompt)
        if match and self.asked[job_id] <= int(match["times"] or sys.maxsize):
            fault, retry_after = match["name"], match["after"]
        for name, refusal in self.refuse.items():
            if name in body:
                send(writer, 400, refusal)
                return
        if fault is not None and fault.isdigit():
            extra = {} if retry_after is None else {"Retry-After": retry_after}
            told = f"told to answer {fault} to {headers.get('authorization')} {'and so on ' * 1000}"
            error = {"message": told, "type": "fake", "code": int(fault)}
            send(writer, int(fault), {"error": error}, extra)
            return
        async with self.places:
            if self.delay_s and not body.get("stream"):
                await asyncio.sleep(self.delay_s)
            if (pieces := self.raw.get(prompt, self.raw.get(""))) is not None:
                await self.send_pieces(pieces, writer)
            elif fault == "hang":
                await asyncio.Event().wait()
            elif fault == "reset":
                writer.transport.abort()
            elif fault == "trickle":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not writer.transport.is_closing():
                    writer.write(b" ")
                    await asyncio.sleep(0.05)
            elif fault == "locked":
                await asyncio.sleep(self.delay_s)
                self.keys.add(str(headers.get("authorization")))
                send_bytes(writer, 401, f"Who is {headers.get('authorization')}?".encode())
            elif fault == "echo":
                await asyncio.sleep(self.delay_s)
                self.keys.add(str(headers.get("authorization")))
                message = {"content": f"Your headers: {headers}"}
                choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
                send(writer, 200, {"choices": choices, "model": headers.get("authorization")})
            elif fault == "open-end":
                await self.stream(fault, self.completion(path, fault, prompt, job_id), writer)
                await writer.drain()
                await asyncio.Event().wait()
            elif fault == "comments":
                writer.write(EVENTS)
                while not writer.transport.is_closing():
                    writer.write(b": keep-alive\n\n")
                    await asyncio.sleep(0.05)
            elif fault == "late":
                await asyncio.sleep(1)
                send(writer, 200, self.completion(path, fault, prompt, job_id))
            elif fault == "slowly":
                await self.slowly(writer)
            elif fault == "not-json":
                send_bytes(writer, 200, b"{ this is not JSON")
            elif fault == "html":
                send_bytes(writer, 200, b"<html>Please log in</html>", "text/html")
            elif fault == "error-object":
                send(writer, 200, {"error": {"message": "no model is loaded", "code": 500}})
            elif fault == "no-choices":
                send(writer, 200, {"id": "x", "choices": []})
            elif fault == "bomb":
                bomb = gzip.compress(bytes(HUGE_BYTES // 6))
                send_bytes(writer, 200, bomb, extra={"Content-Encoding": "gzip"})
            elif fault == "huge":
                await self.huge(writer, 200)
            elif fault == "huge-error":
                await self.huge(writer, 500)
            elif fault == "longer":
                answer = json.dumps(self.completion(path, None, prompt, job_id)).encode()
                send_bytes(writer, 200, answer, extra={"Content-Length": str(len(answer) + 9)})
                writer.close()
            elif fault in COMPRESSIONS:
                answer = json.dumps(self.completion(path, None, prompt, job_id)).encode()
                extra = {"Content-Encoding": fault}
                send_bytes(writer, 200, COMPRESSIONS[fault](answer), extra=extra)
            elif body.get("stream"):
                await self.stream(fault, self.completion(path, fault, prompt, job_id), writer)
            else:
                answer = json.dumps(self.completion(path, fault, prompt, job_id)).encode()
                send_bytes(writer, 200, answer, cut=fault == "cut")

    def completion(self, path: str, fault: str | None, prompt: str, job_id: str) -> dict[str, Any]:
        text = _TEXTS.get(fault, f"Answer to: {prompt}")
        said = self.say[min(self.asked[job_id], len(self.say)) - 1] if self.say else text
        calls = [] if isinstance(said, str) else said
        text = said if isinstance(said, str) else ""
        finish_reason = "length" if fault == "length" else "stop"
        if self.translate is not None:
            text, finish_reason = translated(prompt, self.translate)
        if path.endswith("/chat/completions"):
            message: dict[str, Any] = {"role": "assistant", "content": text}
            if fault == "tool-call":
                calls = [{"name": "search", "arguments": '{"query": "x"}'}]
            if calls:
                tool_calls = [{"type": "function", "function": call} for call in calls]
                message = {"content": None, "tool_calls": tool_calls}
                finish_reason = "tool_calls"
            if fault == "reasoning":
                name = "reasoning" if self.flavour.startswith("vllm") else "reasoning_content"
                message[name] = "Because."
            choice: dict[str, Any] = {"message": message}
        else:
            choice = {"text": text}
        choice |= {"index": 0, "finish_reason": finish_reason}
        return {"model": "fake-model-v1", "choices": [choice], **self.figures()}

    def figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "usage": {
                "prompt_tokens": 30,
                "completion_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 10},
            }
        }
        if self.flavour == "llama.cpp":
            figures["timings"] = {
                **{"cache_n": 10, "prompt_n": 20, "prompt_ms": 50.0},
                **{"predicted_n": 11, "predicted_ms": 110.0},
            }
        if self.flavour == "vllm":
            figures["metrics"] = {
                **{"time_to_first_token_ms": 50.0, "generation_time_ms": 100.0},
                "queue_time_ms": 7.0,
            }
        return figures

    async def stream(
        self, fault: str | None, answer: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\n"
            b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await asyncio.sleep(self.delay_s / 2)
        *begun, ended = streamed(answer["choices"][0])
        for number, choice in enumerate(begun):
            chunk(writer, {"model": "fake-model-v1", "choices": [choice]})
            if number == 1:  # between the first token and the others
                await writer.drain()
                await asyncio.sleep(self.delay_s / 2)
        if fault == "cut":
            writer.transport.abort()
            return
        if fault == "error-event":
            chunk(writer, {"error": {"message": "the queue is full", "code": 429}})
        if fault == "not-json-event":
            chunk(writer, "{ this is not JSON")
        if fault == "heartbeats":
            chunk(writer, {"choices": [ended]})
            while not writer.transport.is_closing():
                chunk(writer, ": still here")
                await asyncio.sleep(0.05)
            return
        if fault != "cut-quietly":
            chunk(writer, {"choices": [ended]})
            chunk(writer, {"choices": [], **self.figures()})
            chunk(writer, "[DONE]")
        if fault == "no-chunk":
            await writer.drain()
            await asyncio.sleep(0.05)  # so that it is read apart
            writer.write(b"this is no chunk\r\n")
        elif fault != "open-end":
            writer.write(b"0\r\n\r\n")

    async def slowly(self, writer: asyncio.StreamWriter) -> None:
        """Twelve words, a tenth of a second between them."""
        writer.write(EVENTS)
        for number in range(12):
            last = {"finish_reason": "stop"} if number == 11 else {}
            event = {"choices": [{"index": 0, "delta": {"content": "word "}, **last}]}
            writer.write(f"data: {json.dumps(event)}\n\n".encode())
            await asyncio.sleep(0.1)
        writer.write(b"data: [DONE]\n\n")
        writer.close()

    async def send_pieces(self, pieces: list[str], writer: asyncio.StreamWriter) -> None:
        head = f"Content-Type: {self.content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + head.encode())
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n{piece}\r\n".encode("latin-1"))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def huge(self, writer: asyncio.StreamWriter, status: int) -> None:
        head, tail = b'{"choices": [{"message": {"content": "', b'"}, "finish_reason": "stop"}]}'
        length = len(head) + HUGE_BYTES + len(tail)
        headers = f"Content-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n"
        writer.write(f"HTTP/1.1 {status} As told\r\n{headers}".encode() + head)
        part = b"a" * 65536
        for _ in range(HUGE_BYTES // len(part)):
            writer.write(part)
            await writer.drain()
            self.bytes_sent += len(part)
        writer.write(tail)


def streamed(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The choices of a stream's events that a whole one is cut into; the last one ends it."""
    index = {"index": 0}
    if "text" in choice:
        for word in re.findall(r"\S+\s*|\s+", choice["text"]):
            yield {**index, "text": word}
    else:
        message = choice["message"]
        yield {**index, "delta": {"role": "assistant", "content": None}}
        for name in ("reasoning", "reasoning_content"):
            if name in message:
                yield {**index, "delta": {name: message[name]}}
        for word in re.findall(r"\S+\s*|\s+", message["content"] or ""):
            yield {**index, "delta": {"content": word}}
        for number, call in enumerate(message.get("tool_calls", ())):
            function = call["function"]
            whole = {"index": number, "id": f"call-{number}", **call}
            yield {**index, "delta": {"tool_calls": [_with(whole, {**function, "arguments": ""})]}}
            for part in (function["arguments"][:4], function["arguments"][4:]):
                added = _with({"index": number}, {"arguments": part})
                yield {**index, "delta": {"tool_calls": [added]}}
    yield {**index, "delta": {}, "text": "", "finish_reason": choice["finish_reason"]}


def _with(call: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    return {**call, "function": function}


async def as_told(writer: asyncio.StreamWriter, answer: Any, headers: dict[str, str]) -> None:
    """A path's answer: a status, a status and a body, "echo", or None for none at all."""
    if answer is None:
        await asyncio.Event().wait()
    if answer == "echo":
        send(writer, 401, {"detail": [{"loc": ["header"], "msg": f"wrong: {headers}"}]})
        return
    status, body = (answer, "") if isinstance(answer, int) else answer
    send_bytes(
        writer, status, body.encode() if isinstance(body, str) else json.dumps(body).encode()
    )


def translated(text: str, wrong: dict[str, str]) -> tuple[str, str]:
    """A text in the language of words written backwards, and the finish_reason.

    `wrong` says what is done instead with a text that holds a piece: echo, loop, nothing, markdown
    (of its own), stub, unmarked (without code and links), or long (cut off); anything else is the
    answer.
    """
    backwards = re.sub(r"[A-Za-z]+", lambda word: word[0][::-1], text)
    numbers = re.findall(r"`\d+`", text)
    how = next((how for piece, how in wrong.items() if piece in text), "")
    turned = iter(reversed(numbers))
    said = {
        "echo": text,
        "loop": f"{backwards[:20]} " * 50,
        "nothing": "",
        "markdown": f"# {backwards}\n\n- eno\n- owt",
        "stub": backwards[: len(backwards) // 8],
        "unmarked": re.sub(r"[`\[\]]|\(\d+\)", "", backwards),
        "reversed": re.sub(r"`\d+`", lambda _: next(turned), backwards),
        "moved": re.sub(r"`\d+`", "", backwards) + " ".join(numbers),
        "example": "Es konnte keine Verbindung zur Datenbank hergestellt werden.",
        "long": backwards[: len(backwards) // 2],
    }.get(how, how or backwards)
    return said, "length" if how == "long" else "stop"


_TEXTS: dict[str | None, str] = {"empty": " \n", "unstorable": "a\x00b\ud800c"}


def send(
    writer: asyncio.StreamWriter, status: int, body: object, extra: dict[str, str] | None = None
) -> None:
    send_bytes(writer, status, json.dumps(body).encode(), extra=extra)


def send_bytes(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    content_type: str = JSON,
    *,
    extra: dict[str, str] | None = None,
    cut: bool = False,
) -> None:
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **(extra or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(
        f"HTTP/1.1 {status} As told\r\n{lines}\r\n".encode() + (body[:20] if cut else body)
    )
    if cut:
        writer.close()


def chunk(writer: asyncio.StreamWriter, event: object) -> None:
    data = event if isinstance(event, str) else json.dumps(event)
    line = f"data: {data}\n\n".encode()
    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


async def main(arguments: argparse.Namespace) -> None:
    server = await asyncio.start_server(
        _Server(arguments).serve, "127.0.0.1", arguments.port, backlog=1024, limit=1 << 20
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--total-slots", type=int, default=8)
    parser.add_argument("--flavour", choices=("llama.cpp", "vllm", "vllm-bare", "openai"))
    asyncio.run(main(parser.parse_args()))
