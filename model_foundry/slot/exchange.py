"""One HTTP exchange with a slot's server: sent, bounded in silence, time and size, decoded.

Belongs here: connections, and what goes wrong with them, in our own words: those of a transport may
hold headers. Does not: what is asked or answered (`client`, `answers`).
"""

import asyncio
import contextlib
import io
import math
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import aiohttp

from model_foundry.slot.decoding import decoder_of
from model_foundry.slot.errors import ErrorKind, SlotError
from model_foundry.slot.limits import Limits
from model_foundry.slot.refusals import BODY_MAX_BYTES

# Below the five seconds after which uvicorn closes an idle connection, perhaps as it is used.
KEEP_ALIVE_S: Final = 4.0
ERROR_BODY_S: Final = 5.0
_HEAD_MAX_BYTES: Final = 64 * 1024
_IN_ONE_PIECE_BYTES: Final = 512 * 1024
_SUCCESS: Final = range(200, 300)

# The part and when it came; within how many seconds the response ends, None while nobody knows.
Take = Callable[[bytes, float], float | None]


class Refused(NamedTuple):
    """An answer whose status is no success; `body` is its start."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchanges:
    """The connections to one server.

    Args:
        at_once: how many there may be.
        connect_s: in which one must be there.
        max_bytes: of an answer, decoded.
        headers: that every request carries.
    """

    def __init__(
        self, *, at_once: int, connect_s: float, max_bytes: int, headers: Mapping[str, str]
    ) -> None:
        self._at_once = at_once
        self._connect_s = connect_s
        self._max_bytes = max_bytes
        self._headers = {"User-Agent": "model-foundry", "Accept-Encoding": "identity", **headers}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection; the server notices and stops working on what is in flight."""
        if self._session is not None:
            await self._session.close()

    async def exchange(
        self,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits,
        take: Take,
    ) -> Refused | None:
        """Send a request (a POST where there is a body), and hand on its answer as it comes.

        Args:
            url: whole.
            body: JSON.
            headers: beside those of every request.
            limits: of its time.
            take: is given each part of a success, decoded, and the milliseconds since the start.
                When it says that the answer is at its end, what follows has so many seconds from
                then on, whatever comes: a server may leave the connection open, and keep it alive.

        Returns:
            What a server said that refused; None for a success, all of which `take` has got.

        Raises:
            SlotError: no connection, no whole answer within the limits, or one that is too large.
        """
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        expires_at = loop.time() + limits.whole_s
        begun = False
        size = 0
        rest_s: float | None = None
        ends_at = math.inf
        try:
            async with asyncio.timeout(min(limits.first_s, limits.whole_s)) as silence:
                response = await (self._session or self._open()).request(
                    "GET" if body is None else "POST",
                    url,
                    # aiohttp takes a large one only in pieces, so that others go on meanwhile.
                    data=io.BytesIO(body) if body and len(body) > _IN_ONE_PIECE_BYTES else body,
                    headers=headers,
                    allow_redirects=False,
                )
                try:
                    _keep_or_not(response)
                    if response.status not in _SUCCESS:
                        start = await _start_of(response)
                        return Refused(response.status, response.headers, start)
                    decoder = decoder_of(response.headers.get("Content-Encoding", ""))
                    async for data in response.content.iter_any():
                        begun = True
                        elapsed_ms = (time.perf_counter() - started) * 1000
                        for part in decoder.feed(data):
                            size += len(part)
                            if size > self._max_bytes:
                                raise SlotError(
                                    "too_large",
                                    f"the answer is larger than {self._max_bytes} bytes",
                                )
                            rest_s = take(part, elapsed_ms)
                        now = loop.time()
                        ends_at = min(ends_at, now + rest_s) if rest_s is not None else math.inf
                        silence.reschedule(min(now + limits.idle_s, ends_at, expires_at))
                finally:
                    response.close()
        except aiohttp.ServerTimeoutError as error:
            raise _broken(error, begun=begun) from None
        except TimeoutError:
            raise _too_late(limits, begun=begun, whole=loop.time() >= expires_at) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _broken(error, begun=begun) from None
        return None

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._at_once, keepalive_timeout=KEEP_ALIVE_S),
            headers={"Content-Type": "application/json", **self._headers},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_HEAD_MAX_BYTES,
            max_field_size=_HEAD_MAX_BYTES,
        )
        return self._session


def _keep_or_not(response: aiohttp.ClientResponse) -> None:
    """Close behind the answer where the server will, before it meets the next request.

    cpp-httplib (llama.cpp) closes behind a stream without a word. It is known by its header.
    """
    if "max=" in response.headers.get("Keep-Alive", "") and response.connection is not None:
        protocol = response.connection.protocol
        if protocol is not None:
            protocol.force_close()


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    """The start of an error's body, as far as it comes soon: its status is known already."""
    start = bytearray()
    with contextlib.suppress(TimeoutError, SlotError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(ERROR_BODY_S):
            decoder = decoder_of(response.headers.get("Content-Encoding", ""))
            async for data in response.content.iter_any():
                for part in decoder.feed(data):
                    start += part
                    if len(start) >= BODY_MAX_BYTES:
                        return bytes(start)
    return bytes(start)


def _too_late(limits: Limits, *, begun: bool, whole: bool) -> SlotError:
    if whole:
        return SlotError("timeout", f"no whole answer within {limits.whole_s:.3g} s")
    if begun:
        return SlotError("timeout", f"nothing came for {limits.idle_s:g} s")
    return SlotError("timeout", f"no answer began within {limits.first_s:.3g} s")


def _broken(error: Exception, *, begun: bool) -> SlotError:
    kind: ErrorKind = "connection"
    match error:
        case aiohttp.ClientConnectorDNSError():
            said = "the host's name is not found"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            said = "no TLS connection: is its certificate trusted?"
        case aiohttp.ServerTimeoutError():
            said = "no connection in time"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            said = f"no connection: {os.strerror(number) if number else 'refused'}"
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL():
            kind, said = "invalid_response", "what came is not HTTP"
        case aiohttp.ClientError() | OSError():
            said = f"the connection ended {'in' if begun else 'before'} the answer"
        case _:
            kind, said = "invalid_response", "the answer cannot be read"
    return SlotError(kind, said)
