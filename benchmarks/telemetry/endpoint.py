"""An endpoint in a process of its own: takes every post, after so long, with such a status."""

import argparse
import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

_STOP_S: Final = 5.0


class Endpoint:
    """The endpoint; a context manager. `url` is where it listens."""

    def __init__(self, *, status: int = 204, delay_s: float = 0.0) -> None:
        self._arguments = [f"--status={status}", f"--delay-s={delay_s}"]
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *self._arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/telemetry"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_STOP_S)


async def _serve(status: int, delay_s: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split()[0])
                await reader.readexactly(length)
                await asyncio.sleep(delay_s)
                writer.write(b"HTTP/1.1 %d -\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.telemetry.endpoint")
    parser.add_argument("--status", type=int, required=True)
    parser.add_argument("--delay-s", type=float, required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.status, given.delay_s))
