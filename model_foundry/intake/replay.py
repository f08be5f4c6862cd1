"""Replay: a stretch of the stream carried through the same door again, the durable left alone."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from model_foundry.errors import FoundryError
from model_foundry.intake import jetstream
from model_foundry.intake.configuration import api, asked
from model_foundry.intake.drain import Drained, Report, carry
from model_foundry.intake.landing import NOTHING_LANDED
from model_foundry.intake.life import current_life
from model_foundry.intake.pull import Delivery, Puller
from model_foundry.settings import Settings

_INACTIVE_S: Final = 120.0
_RETRY_EVERY_S: Final = 0.2


class Stretch(NamedTuple):
    """Which messages: from a sequence or a time (else the first), to one, both included."""

    from_seq: int | None = None
    from_time: datetime | None = None
    until_seq: int | None = None
    until_time: datetime | None = None

    def check(self) -> None:
        """Whether it is one.

        Raises:
            FoundryError: it begins at two places, or ends before it begins.
        """
        if self.from_seq is not None and self.from_time is not None:
            raise FoundryError("a replay starts at a sequence or at a time, not at both")
        if self.from_seq is not None and self.until_seq is not None:
            _check_order(self.from_seq, self.until_seq)
        if self.from_time is not None and self.until_time is not None:
            _check_order(self.from_time, self.until_time)

    def misses(self, holds: "_Holding") -> bool:
        """Whether no message of the stream can lie in it."""
        begins, ends = self.from_seq or 0, self.until_seq
        return (
            holds.messages == 0
            or begins > holds.last_seq
            or (ends is not None and ends < holds.first_seq)
            or (self.from_time is not None and self.from_time > holds.last_at)
            or (self.until_time is not None and self.until_time < holds.first_at)
        )

    def ends_before(self, delivery: Delivery) -> bool:
        """Whether a delivery lies past the end."""
        message = delivery.message
        return (self.until_seq is not None and message.seq > self.until_seq) or (
            self.until_time is not None and message.received_at > self.until_time
        )


class _Holding(NamedTuple):
    """What a stream holds."""

    messages: int
    first_seq: int
    last_seq: int
    first_at: datetime
    last_at: datetime

    def __str__(self) -> str:
        if not self.messages:
            return "the stream holds none"
        if self.first_seq == self.last_seq:
            return f"the stream holds {self.first_seq} alone, of {_shown(self.first_at)}"
        return (
            f"the stream holds {self.first_seq} to {self.last_seq}, "
            f"of {_shown(self.first_at)} to {_shown(self.last_at)}"
        )


def moment(text: str) -> datetime:
    """A point in time as people write it; without an offset it is UTC.

    Raises:
        FoundryError: it is none.
    """
    try:
        read = datetime.fromisoformat(text.strip().upper())
        return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FoundryError(
            f"{text!r} is no time: write it as 2026-11-20T09:30:00Z (without an offset it is UTC)"
        ) from None


def _shown(place: int | datetime) -> str:
    return f"{place}" if isinstance(place, int) else f"{place.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _check_order(begins: Any, ends: Any) -> None:
    if begins > ends:
        raise FoundryError(
            f"a replay from {_shown(begins)} until {_shown(ends)} ends before it begins"
        )


async def replay(
    settings: Settings,
    stretch: Stretch,
    *,
    run_id: str | None = None,
    report: Report = lambda _: None,
) -> Drained:
    """Read a stretch of the stream in order and land what the inbox does not have.

    It reports what is not what was asked for: that nothing lies there, that a bound was reached.

    Raises:
        FoundryError: it is no stretch, the stream does not exist, or NATS or PostgreSQL stayed out
            of reach.
    """
    stretch.check()
    client = await jetstream.connect(settings, name="model-foundry-replay")
    source = _Ordered(settings, client, stretch)
    try:
        holds = await _holding(client, settings)
        if stretch.misses(holds):
            report(f"0 messages lie there: {holds}.")
            return Drained("empty", 0, 0.0, NOTHING_LANDED)
        life = await current_life(client, settings)
        drained = await carry(settings, source, life_id=life.life_id, run_id=run_id, report=report)
        if drained.status == "limit":
            report(
                f"A bound on messages or time was reached, more may lie behind; go on from "
                f"sequence {source.next_seq}."
            )
        elif not drained.landed.counts["messages"]:
            report(f"0 messages lie there: {holds}.")
        return drained
    finally:
        await source.close()
        await client.close()


async def _holding(client: jetstream.Client, settings: Settings) -> _Holding:
    try:
        info = await api(client, settings, f"STREAM.INFO.{settings.nats_stream}")
    except NotFoundError:
        raise FoundryError(f"there is no stream {settings.nats_stream}") from None
    state = info["state"]
    return _Holding(
        state["messages"],
        state["first_seq"],
        state["last_seq"],
        datetime.fromisoformat(state["first_ts"]),
        datetime.fromisoformat(state["last_ts"]),
    )


class _Ordered:
    """An ordered consumer: no acks, in sequence; made anew after the last message if it is lost."""

    def __init__(self, settings: Settings, client: jetstream.Client, stretch: Stretch) -> None:
        self._settings = settings
        self._client = client
        self._stretch = stretch
        self.next_seq = stretch.from_seq
        self._puller: Puller | None = None
        self._name = ""
        self._max_bytes = max(settings.intake_batch_bytes, client.max_payload + 64 * 1024)

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Nothing: the durable keeps its own place."""

    async def fetch(self, count: int) -> list[Delivery]:
        deadline = time.monotonic() + self._settings.intake_retry_s
        while not self._client.is_closed and time.monotonic() < deadline:
            if self._puller is None:
                self._puller = await self._open()
            pulled = await self._puller.fetch(
                count, max_bytes=self._max_bytes, wait_s=self._settings.intake_idle_s
            )
            whole = pulled.status in {"full", "empty"}
            if not whole:
                # What was sent and did not arrive does not come again: go on behind what did.
                await self.close()
            if pulled.deliveries or whole:
                within = [d for d in pulled.deliveries if not self._stretch.ends_before(d)]
                if within:
                    self.next_seq = within[-1].message.seq + 1
                return within
            await asyncio.sleep(_RETRY_EVERY_S)
        raise FoundryError(
            f"JetStream gave no messages for {self._settings.intake_retry_s:.0f} s. What landed "
            "stays; run the replay again when the server is well."
        )

    async def close(self) -> None:
        """Delete the consumer; it would vanish by itself after a while."""
        if self._puller is None:
            return
        await self._puller.__aexit__(None)
        self._puller = None
        try:
            await self._client.jetstream().delete_consumer(self._settings.nats_stream, self._name)
        except (APIError, NatsError, TimeoutError):
            return

    async def _open(self) -> Puller:
        by_time = self._stretch.from_time if self.next_seq is None else None
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE
            if self.next_seq is not None
            else DeliverPolicy.BY_START_TIME
            if by_time is not None
            else DeliverPolicy.ALL,
            opt_start_seq=self.next_seq,
            opt_start_time=by_time.astimezone(UTC) if by_time is not None else None,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=_INACTIVE_S,
            mem_storage=True,
            num_replicas=1,
        )
        context = self._client.jetstream(timeout=self._settings.connect_timeout_s)
        stream = self._settings.nats_stream
        try:
            info = await asked(self._settings, lambda: context.add_consumer(stream, config))
        except NotFoundError:
            raise FoundryError(f"there is no stream {stream}") from None
        self._name = info.name
        return await Puller(self._client, stream, info.name).__aenter__()
