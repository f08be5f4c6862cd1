"""The wire under nats-py: frames read in bulk, and read whatever their bytes.

nats-py spends on each message a task, a queue and an object of its own, which is most of what a
drain costs; and what it cannot decode ends its read loop without a word: the connection looks
alive, nothing comes any more, and the message does the same to every drain after. Belongs here:
bytes to frames, and header blocks. Does not: what a frame means.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

_LINE_END: Final = b"\r\n"
_COUNTS_ONCE: Final = ("nats-", "ce-", "status", "description", "traceparent")
_PREAMBLE: Final = len(b"NATS/1.0")
# Far above a server's INFO, which names every server of its cluster.
_MAX_LINE_BYTES: Final = 1024**2

Receive = Callable[[bytes, bytes, bytes, bytes], None]
"""Called with subject, reply, body and header block; the last two, or the reply, may be empty."""


class Wire(Parser):
    """nats-py's parser, with `taps`: subscription ids whose frames are handed over as they are.

    Lines that are no message go to nats-py's own parsing, one at a time.
    """

    def __init__(self, client: Client) -> None:
        self.taps: dict[bytes, Receive] = {}
        super().__init__(client)

    def reset(self) -> None:
        """Forget what has arrived: the connection is a new one."""
        super().reset()
        self._held: list[bytes] = []
        self._missing = 0

    async def parse(self, data: bytes = b"") -> None:
        """Hand over every frame that is whole by now.

        Raises:
            ProtocolError: this is not a NATS server, or the bytes are out of step.
        """
        self._missing -= len(data)
        if self._held:
            self._held.append(data)
            if self._missing > 0:
                return
            data = b"".join(self._held)
            self._held.clear()
        position, size = 0, len(data)
        while position < size:
            line_end = data.find(_LINE_END, position)
            if line_end < 0:
                if size - position > _MAX_LINE_BYTES:
                    raise ProtocolError
                self._missing = 0
                break
            start = line_end + 2
            frame = _frame(data[position:line_end])
            if frame is None:
                await self._control(data[position:start])
                position = start
                continue
            subject, sid, reply, header_length, length = frame
            body_end = start + length
            if size < body_end + 2:
                self._missing = body_end + 2 - size
                break
            position = body_end + 2
            header_end = start + header_length
            headers, body = data[start:header_end], data[header_end:body_end]
            if (receive := self.taps.get(sid)) is not None:
                receive(subject, reply, body, headers)
            else:
                await self.nc._process_msg(int(sid), subject, reply, body, headers)
        if position < size:
            self._held.append(data[position:])

    async def _control(self, line: bytes) -> None:
        await super().parse(line)
        if self.buf:
            raise ProtocolError


def _frame(line: bytes) -> tuple[bytes, bytes, bytes, int, int] | None:
    """Subject, subscription id, reply, and the lengths of headers and all; None of another line.

    One space stands between them, as nats-server writes it; a subject may hold any other byte.
    """
    try:
        match line.split(b" "):
            case b"MSG", subject, sid, length:
                return subject, sid, b"", 0, int(length)
            case b"MSG", subject, sid, reply, length:
                return subject, sid, reply, 0, int(length)
            case b"HMSG", subject, sid, header_length, length:
                return subject, sid, b"", int(header_length), int(length)
            case b"HMSG", subject, sid, reply, header_length, length:
                return subject, sid, reply, int(header_length), int(length)
            case _:
                return None
    except ValueError:
        raise ProtocolError from None


def read_headers(block: bytes) -> dict[str, str] | None:
    """A message's header block as text; a status of the server as `Status` and `Description`.

    Of a name that comes twice, the first counts where it means something to the server or to us,
    as it does for the server; of others, the values stand one after the other, as in HTTP.
    """
    first, *lines = block.split(_LINE_END)
    headers: dict[str, str] = {}
    code, _, description = first[_PREAMBLE:].strip().partition(b" ")
    if code.isdigit():
        headers["Status"] = text(code)
        if description:
            headers["Description"] = text(description)
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            named, said = text(name.strip()), text(value.strip())
            if named not in headers:
                headers[named] = said
            elif not named.lower().startswith(_COUNTS_ONCE):
                headers[named] += f", {said}"
    return headers or None


@lru_cache(maxsize=1024)
def text(raw: bytes) -> str:
    """As UTF-8, with an escape for what is none and for U+0000, which PostgreSQL does not take."""
    return raw.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
