"""A slot as the dispatcher sees it: how much it can take now, and how it has been doing.

Belongs here: a slot's state. Does not: what follows from it (`dispatcher`), HTTP (`client`).
"""

import asyncio

from model_foundry.dispatch.leases import Lease
from model_foundry.dispatch.report import SlotTally
from model_foundry.slot.client import SlotClient


class ServedSlot:
    """A slot as the dispatcher sees it. `cap` is 0 while it is paused."""

    def __init__(self, client: SlotClient, lease: Lease | None) -> None:
        self.client = client
        self.slot = client.slot
        self.lease = lease
        self.tally = SlotTally()
        self.cap = 0
        self.busy = 0
        self.interactive = 0
        self.resting = 0
        self.rested_at = 0.0
        self.suspect = asyncio.Event()
        self.paused_at: float | None = None
        self.failing_at: float | None = None
        self.failed_at = 0.0
        self.failures = 0
        self.refuses = False
        self.trouble = "it was not reached yet"

    @property
    def places(self) -> int:
        """Of all runs together."""
        return self.cap + self.slot.queue_ahead if self.cap else 0

    def open(self, now: float) -> int:
        """How many more requests the slot can take, whoever has the places."""
        return 0 if now < self.rested_at else max(0, self.places - self.busy - self.resting)

    def free(self, now: float) -> int:
        """How many more requests this run may send it."""
        if self.lease is None:
            return self.open(now)
        return min(self.open(now), self.lease.usable - self.busy)

    def load(self) -> float:
        return self.busy / self.cap if self.cap else 1.0

    def pause(self, now: float) -> None:
        self.cap = 0
        self.paused_at = now if self.paused_at is None else self.paused_at
        self.suspect.set()

    def answers(self) -> None:
        self.failures = 0
        self.failing_at = None
