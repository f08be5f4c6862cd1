"""Batched pulls on one plain subscription: three times what nats-py's `fetch()` gives."""

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from model_foundry.events.envelope import Message
from model_foundry.intake.jetstream import Client
from model_foundry.intake.wire import read_headers, text

# How long past a request's own expiry its closing status may take before we ask again.
_GRACE_S: Final = 2.0
_ACK_S: Final = 2.0


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message, where it is acknowledged, and how many wait behind it."""

    message: Message
    reply: bytes
    pending: int


class Pulled(NamedTuple):
    """What one request brought, and the status that closed it.

    `status` is "full" (as many messages or bytes as asked for), "empty" (the server has no more),
    "disconnected", "lost" (no answer: the connection or the server went away), or the server's own
    text.
    """

    deliveries: list[Delivery]
    status: str


class Limits(NamedTuple):
    """What a consumer refuses requests beyond; None: no limit."""

    messages: int | None = None
    max_bytes: int | None = None
    wait_s: float | None = None


class Puller:
    """Pull requests to one durable consumer. One fetch at a time; use as a context manager."""

    def __init__(
        self, client: Client, stream: str, durable: str, limits: Limits | None = None
    ) -> None:
        self._client = client
        self._limits = limits or Limits()
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._info_subject = f"$JS.API.CONSUMER.INFO.{stream}.{durable}"
        self._inbox = client.new_inbox()
        self._tokens = itertools.count(1)
        self._open = AsyncExitStack()
        self._arrived: list[Delivery] = []
        self._wanted = 0
        self._token = b""
        self._closed: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        subscription = await self._client.subscribe(f"{self._inbox}.*", cb=_unused)
        self._open.push_async_callback(self._unsubscribe, subscription)
        self._open.enter_context(self._client.tapped(subscription, self._receive))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        if not self._client.is_closed:
            await subscription.unsubscribe()

    def _receive(self, subject: bytes, reply: bytes, body: bytes, headers: bytes) -> None:
        if not reply:  # a status of the server; a message has where to acknowledge it
            if subject == self._token and (status := _status(headers)) is not None:
                self._close(status)
            return
        self._arrived.append(_delivery(subject, reply, body, headers))
        if len(self._arrived) >= self._wanted:
            self._close("full")

    def _close(self, status: str) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(status)

    async def fetch(self, count: int, *, max_bytes: int, wait_s: float) -> Pulled:
        """Up to `count` messages; waits `wait_s` for a first one when there is none.

        What a request left unanswered still arrives later, and is handed out by the next fetch.
        A consumer that allows less is asked several times.
        """
        limits = self._limits
        max_bytes = min(max_bytes, limits.max_bytes or max_bytes)
        wait_s = min(wait_s, limits.wait_s or wait_s)
        taken: list[Delivery] = []
        while True:
            asked = min(count - len(taken), limits.messages or count)
            pulled = await self._ask(asked, max_bytes=max_bytes, wait_s=wait_s)
            taken += pulled.deliveries
            if len(taken) == count or len(pulled.deliveries) < asked or not taken[-1].pending:
                return Pulled(taken, pulled.status)

    async def _ask(self, count: int, *, max_bytes: int, wait_s: float) -> Pulled:
        self._wanted = count
        self._closed = asyncio.get_running_loop().create_future()
        missing = count - len(self._arrived)
        if missing > 0 and not self._client.is_connected:
            # Requests that pile up until it is connected again would all be answered at once.
            status = "disconnected"
        elif missing > 0:
            token = f"{self._inbox}.{next(self._tokens)}"
            self._token = token.encode()
            request = {
                "batch": missing,
                "max_bytes": max_bytes,
                "expires": int(wait_s * 1e9),
                "no_wait": True,
            }
            await self._client.publish(
                self._request_subject, json.dumps(request).encode(), reply=token
            )
            try:
                # (wait_for of Python 3.11 loses a cancellation that comes with the answer.)
                async with asyncio.timeout(wait_s + _GRACE_S):
                    status = await self._closed
            except TimeoutError:
                status = "lost"
        else:
            status = "full"
        taken, self._arrived = self._arrived[:count], self._arrived[count:]
        return Pulled(taken, status)

    def unread(self) -> list[Delivery]:
        """What arrived and was not handed out."""
        return self._arrived

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Ack each delivery, and wait until the server has read the acks.

        Raises:
            nats.errors.Error: no sign of it: the connection or the server is away.
        """
        await self._client.answer((delivery.reply for delivery in deliveries), b"+ACK")
        # Any answered request would do, as it goes the way of the acks. nats-py's `flush` does not:
        # its ping overtakes them, and a late answer to it ends the read loop. Nor do acks that ask
        # for an answer: a server that was restarted gives none to those it had forgotten.
        await self._client.request(self._info_subject, timeout=_ACK_S)


async def _unused(_: Msg) -> None:
    """What nats-py would call, were the subscription not tapped."""


def _status(headers: bytes) -> str | None:
    found = read_headers(headers) or {}
    code, description = found.get("Status", "100"), found.get("Description", "")
    if code == "100":  # a heartbeat
        return None
    if code in {"404", "408"}:
        return "empty"
    if "MaxBytes" in description:
        return "full"
    return f"{code} {description}".strip()


def _delivery(subject: bytes, reply: bytes, body: bytes, headers: bytes) -> Delivery:
    """`$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<seq>.<cseq>.<ns>.<pending>`."""
    parts = reply.split(b".")
    if len(parts) == 9:
        stream, seq, nanoseconds, pending = parts[2], parts[5], parts[7], parts[8]
    else:
        stream, seq, nanoseconds, pending = parts[4], parts[7], parts[9], parts[10]
    # Exact: doubles tell microseconds apart until the year 2255.
    received_at = datetime.fromtimestamp(int(nanoseconds) // 1000 / 1e6, UTC)
    return Delivery(
        Message(
            text(subject),
            body,
            read_headers(headers) if headers else None,
            text(stream),
            int(seq),
            received_at,
        ),
        reply,
        int(pending),
    )
