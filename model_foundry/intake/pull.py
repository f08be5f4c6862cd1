"""Batched pulls on one plain subscription: three times what nats-py's `fetch()` gives."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from model_foundry.events.envelope import Message

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How long past a request's own expiry its closing status may take before we ask again.
_GRACE_S: Final = 2.0
_ACK_S: Final = 2.0


class Delivery(NamedTuple):
    """A message, where to acknowledge it, and how many wait behind it."""

    message: Message
    ack_subject: str
    pending: int


class Pulled(NamedTuple):
    """What one request brought, and the status that closed it.

    `status` is "full" (as many messages or bytes as asked for), "empty" (the server has no more),
    "disconnected", "lost" (no answer: the connection or the server went away), or the server's own
    text.
    """

    deliveries: list[Delivery]
    status: str


class Puller:
    """Pull requests to one durable consumer. One fetch at a time; use as a context manager."""

    def __init__(self, client: Client, stream: str, durable: str) -> None:
        self._client = client
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._info_subject = f"$JS.API.CONSUMER.INFO.{stream}.{durable}"
        self._inbox = client.new_inbox()
        self._tokens = itertools.count(1)
        self._subscription: Subscription | None = None
        self._arrived: list[Msg] = []
        self._wanted = 0
        self._token = ""
        self._closed: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(
            f"{self._inbox}.*",
            cb=self._receive,
            pending_msgs_limit=1_000_000,
            pending_bytes_limit=1024**3,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()

    async def _receive(self, msg: Msg) -> None:
        headers = msg.headers
        if headers is not None and not msg.reply and "Status" in headers:
            if msg.subject == self._token and headers["Status"] != "100":
                self._close(_status(headers))
            return
        self._arrived.append(msg)
        if len(self._arrived) >= self._wanted:
            self._close("full")

    def _close(self, status: str) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(status)

    async def fetch(self, count: int, *, max_bytes: int, wait_s: float) -> Pulled:
        """Up to `count` messages; waits `wait_s` for a first one when there is none.

        What a request left unanswered still arrives later, and is handed out by the next fetch.
        """
        self._wanted = count
        self._closed = asyncio.get_running_loop().create_future()
        missing = count - len(self._arrived)
        if missing > 0 and not self._client.is_connected:
            # Requests that pile up until it is connected again would all be answered at once.
            status = "disconnected"
        elif missing > 0:
            self._token = f"{self._inbox}.{next(self._tokens)}"
            request = {
                "batch": missing,
                "max_bytes": max_bytes,
                "expires": int(wait_s * 1e9),
                "no_wait": True,
            }
            await self._client.publish(
                self._request_subject, json.dumps(request).encode(), reply=self._token
            )
            try:
                status = await asyncio.wait_for(self._closed, wait_s + _GRACE_S)
            except TimeoutError:
                status = "lost"
        else:
            status = "full"
        taken, self._arrived = self._arrived[:count], self._arrived[count:]
        return Pulled([_delivery(msg) for msg in taken], status)

    def unread(self) -> list[Delivery]:
        """What arrived and was not handed out."""
        return [_delivery(msg) for msg in self._arrived]

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Ack each delivery, and wait until the server has read the acks.

        Raises:
            nats.errors.Error: no sign of it: the connection or the server is away.
        """
        for delivery in deliveries:
            await self._client.publish(delivery.ack_subject, b"+ACK")
        # Any answered request would do, as it goes the way of the acks. nats-py's `flush` does not:
        # its ping overtakes them, and a late answer to it ends the read loop. Nor do acks that ask
        # for an answer: a server that was restarted gives none to those it had forgotten.
        await self._client.request(self._info_subject, timeout=_ACK_S)


def _status(headers: dict[str, str]) -> str:
    code, description = headers["Status"], headers.get("Description", "")
    if code in {"404", "408"}:
        return "empty"
    if "MaxBytes" in description:
        return "full"
    return f"{code} {description}".strip()


def _delivery(msg: Msg) -> Delivery:
    """`$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<seq>.<cseq>.<ns>.<pending>`."""
    parts = msg.reply.split(".")
    if len(parts) == 9:
        stream, seq, nanoseconds, pending = parts[2], parts[5], parts[7], parts[8]
    else:
        stream, seq, nanoseconds, pending = parts[4], parts[7], parts[9], parts[10]
    received_at = _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
    message = Message(msg.subject, msg.data, msg.headers, stream, int(seq), received_at)
    return Delivery(message, msg.reply, int(pending))
