"""The drain: fetch a batch while the one before it lands, acknowledge what has committed.

What is drained is a `Source`: the durable consumer here, a stretch of the stream in `replay`.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, Protocol

from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Event
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.advisories import land_given_up
from model_foundry.intake.announce import announcer
from model_foundry.intake.landing import COUNTS, NOTHING_LANDED, Landed, Lander
from model_foundry.intake.life import current_life
from model_foundry.intake.pull import Delivery, Puller
from model_foundry.settings import Settings

_REPORT_EVERY_S: Final = 5.0
_RETRY_EVERY_S: Final = 0.2
# So many batches land at once: one is decoded while PostgreSQL takes in another.
_LANES: Final = 2

Status = Literal["empty", "drained", "limit"]
Report = Callable[[str], None]


class Drained(NamedTuple):
    """What one drain did. `status`: "empty" (nothing waited), "drained" (the queue is empty now),
    or "limit" (a bound on messages or time was reached, more may wait)."""

    status: Status
    batches: int
    wall_s: float
    landed: Landed

    def after(self, earlier: Landed, *, preview_rows: int) -> "Drained":
        """With what landed before it, in the same run."""
        if not earlier.counts["messages"]:
            return self
        status = "drained" if self.status == "empty" else self.status
        landed = earlier.plus(self.landed, preview_rows=preview_rows)
        return self._replace(status=status, landed=landed)

    def as_dict(self) -> dict[str, Any]:
        """The JSON-able form, the same keys whatever happened."""
        landed = self.landed
        return {
            "status": self.status,
            **{name: landed.counts[name] for name in COUNTS},
            "batches": self.batches,
            "wall_s": round(self.wall_s, 3),
            "events_per_s": round(landed.counts["messages"] / self.wall_s, 1)
            if self.wall_s > 0
            else 0.0,
            "touched_days": {str(day): count for day, count in sorted(landed.days.items())},
            "subjects": dict(sorted(landed.subjects.items())),
            "preview": [_shown(event) for event in landed.preview],
        }


def _shown(event: Event) -> dict[str, str | None]:
    return {
        "event_id": event.event_id,
        "subject": event.subject,
        "correlation_id": event.correlation_id,
    }


class Source(Protocol):
    """Where messages come from. An empty fetch means that there are no more."""

    async def fetch(self, count: int) -> list[Delivery]:
        """Up to `count` deliveries, in order."""
        ...

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """These have been committed."""
        ...


async def drain(
    settings: Settings, *, run_id: str | None = None, report: Report = lambda _: None
) -> Drained:
    """Carry what waits on the durable consumer into the inbox, within the bounds of the settings.

    Stream and consumer are made if missing. Several drains may run at once. It begins with what
    the server gave up (`advisories`).

    Raises:
        FoundryError: NATS or PostgreSQL is out of reach, or stayed so past `intake_retry_s`, or
            the stream or consumer was deleted meanwhile. What had committed stays committed.
    """
    client = await jetstream.connect(settings, name="model-foundry-intake")
    try:
        consumer = await configuration.ensure_consumer(client, settings)
        life = await current_life(client, settings)
        given_up = await land_given_up(client, settings, life, run_id=run_id)
        async with Puller(
            client, settings.nats_stream, settings.nats_durable, consumer.limits
        ) as puller:
            source = _Durable(settings, client, puller)
            try:
                drained = await carry(
                    settings, source, life_id=life.life_id, run_id=run_id, report=report
                )
                return drained.after(given_up, preview_rows=settings.preview_rows)
            finally:
                await source.give_back()
    finally:
        await client.close()


async def carry(
    settings: Settings,
    source: Source,
    *,
    life_id: int | None = None,
    run_id: str | None,
    report: Report,
) -> Drained:
    """Carry a source into the inbox until it is empty or a bound of the settings is reached.

    `life_id`: of the stream that the source reads; None: it is no stream.
    """
    landers = [Lander(settings, run_id, life_id=life_id) for _ in range(_LANES)]
    try:
        announce = announcer(settings, run_id)
        return await _Loop(settings, source, list(landers), report, announce).run()
    finally:
        for lander in landers:
            lander.close()


class _Durable:
    """The durable consumer as a source."""

    def __init__(self, settings: Settings, client: jetstream.Client, puller: Puller) -> None:
        self._settings = settings
        self._client = client
        self._puller = puller
        self._held: list[list[Delivery]] = []
        # A message larger than a request's byte limit would never come: room for the largest.
        self._max_bytes = max(settings.intake_batch_bytes, client.max_payload + 64 * 1024)

    async def fetch(self, count: int) -> list[Delivery]:
        away_since = None
        while True:
            pulled = await self._puller.fetch(
                count, max_bytes=self._max_bytes, wait_s=self._settings.intake_idle_s
            )
            if pulled.deliveries or pulled.status == "empty":
                if pulled.deliveries:
                    self._held.append(pulled.deliveries)
                return pulled.deliveries
            why = f"gave no messages; last answer: {pulled.status}"
            away_since = await self._outlast(why, away_since)

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        self._held.remove(deliveries)
        away_since = None
        while True:
            try:
                return await self._puller.acknowledge(deliveries)
            except (NatsError, TimeoutError) as error:
                why = f"confirmed no acknowledgement; {type(error).__name__}"
                away_since = await self._outlast(why, away_since)

    async def give_back(self) -> None:
        """What was fetched and did not land comes to the next drain at once, not after ack_wait."""
        with contextlib.suppress(NatsError):
            held = itertools.chain(*self._held, self._puller.unread())
            await self._client.answer((delivery.reply for delivery in held), b"-NAK")

    async def _outlast(self, what: str, away_since: float | None) -> float:
        """Wait a moment for a server that is away, since when; raise when that is too long ago."""
        now = time.monotonic()
        if away_since is None:
            away_since = now
        await self._check_consumer(what)
        if self._client.is_closed or now - away_since >= self._settings.intake_retry_s:
            raise FoundryError(
                f"JetStream {what}, for {now - away_since:.0f} s. Nothing is lost: what was "
                "not acknowledged stays in the stream, and what landed is known when it comes "
                "again. Run the drain again when the server is well."
            )
        await asyncio.sleep(_RETRY_EVERY_S)
        return away_since

    async def _check_consumer(self, what: str) -> None:
        """Tell a consumer that is gone from a server that is away for a moment."""
        stream, durable = self._settings.nats_stream, self._settings.nats_durable
        try:
            await self._client.jetstream(timeout=self._settings.connect_timeout_s).consumer_info(
                stream, durable
            )
        except NotFoundError as error:
            raise FoundryError(
                f"stream {stream} or its consumer {durable} was deleted while it was drained "
                f"({error.description}; JetStream {what}). What had landed stays. The next drain "
                "makes them anew; a new consumer reads the stream from its first message, and what "
                "is known is counted as redelivered, not landed twice."
            ) from None
        except (APIError, NatsError, TimeoutError):
            return


class _Loop:
    """Fetches while up to `_LANES` batches before it land, each through a connection of its own."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        landers: list[Lander],
        report: Report,
        announce: Callable[[Landed], None],
    ) -> None:
        self._settings = settings
        self._source = source
        self._idle = landers
        self._report = report
        self._announce = announce
        self._started = time.monotonic()
        self._reported = self._started
        self._total = NOTHING_LANDED
        self._batches = 0

    async def run(self) -> Drained:
        landing: set[asyncio.Task[None]] = set()
        fetched = 0
        status: Status = "limit"
        try:
            while (room := self._room(fetched)) > 0:
                deliveries = await self._source.fetch(room)
                if not deliveries:
                    status = "drained" if fetched else "empty"
                    break
                fetched += len(deliveries)
                landing = await self._settled(landing, wait=not self._idle)
                landing.add(asyncio.create_task(self._land(deliveries, self._idle.pop())))
                if deliveries[-1].pending == 0 and len(deliveries) < room:
                    status = "drained"
                    break
        finally:
            # Also when the fetch failed or the run was cancelled: what commits is acknowledged.
            if landing:
                await asyncio.wait(landing)
        await self._settled(landing, wait=False)
        return Drained(status, self._batches, time.monotonic() - self._started, self._total)

    async def _settled(
        self, landing: set[asyncio.Task[None]], *, wait: bool
    ) -> set[asyncio.Task[None]]:
        """Those that still land, once one has ended or at once; raises what one raised."""
        if wait:
            await asyncio.wait(landing, return_when=asyncio.FIRST_COMPLETED)
        for task in landing:
            if task.done():
                task.result()
        return {task for task in landing if not task.done()}

    def _room(self, fetched: int) -> int:
        if time.monotonic() - self._started >= self._settings.intake_max_s:
            return 0
        return min(
            self._settings.intake_batch_messages, self._settings.intake_max_messages - fetched
        )

    async def _land(self, deliveries: list[Delivery], lander: Lander) -> None:
        landed = await asyncio.to_thread(lander.land, [d.message for d in deliveries])
        self._total = self._total.plus(landed, preview_rows=self._settings.preview_rows)
        self._batches += 1
        self._announce(landed)
        await self._source.acknowledge(deliveries)
        self._idle.append(lander)
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY_S:
            self._reported = now
            done = self._total.counts["messages"]
            self._report(
                f"{done:,} messages, {done / (now - self._started):,.0f} per second, "
                f"{deliveries[-1].pending:,} still wait"
            )
