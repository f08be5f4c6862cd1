"""A slot as the dispatcher sees it: how much it can take now, and how it has been doing.

Belongs here: a slot's state. Does not: what follows from an attempt (`blame`), which job it gets
(`choosing`), HTTP (`client`).
"""

import asyncio
from typing import Final

from model_foundry.dispatch.breaker import Breaker
from model_foundry.dispatch.leases import Lease
from model_foundry.dispatch.report import SlotTally
from model_foundry.dispatch.shape import Shape
from model_foundry.settings import Settings
from model_foundry.slot.client import SlotClient
from model_foundry.slot.jobs import Endpoint
from model_foundry.slot.limits import idle_s_of, load_s_of

# Until a slot has read long prompts. Shorter ones say more of the chat template.
_BYTES_PER_TOKEN: Final = 3.5
_TELLING_BYTES: Final = 1_024
_REMEMBERED_TOKENS: Final = 100_000
_FEWEST_BYTES, _MOST_BYTES = 1.0, 8.0
# A breaker's second rest: what has never worked does not work.
_GONE_AFTER_RESTS: Final = 2


class ServedSlot:
    """A slot as the dispatcher sees it. `cap` is 0 while it is paused."""

    def __init__(self, client: SlotClient, lease: Lease | None, settings: Settings) -> None:
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
        self.loading_at: float | None = None
        self.loading_seen_at = 0.0
        self.failing_at: float | None = None
        self.failed_at = 0.0
        self.failures = 0
        self.locked = False
        self.trouble = "it was not reached yet"
        self._settings = settings
        # A slot that gave no answer for so long, though every attempt had its time.
        self.failing_limit_s = settings.inference_wait_s + idle_s_of(self.slot, settings)
        self._endpoints: dict[Endpoint, Breaker] = {}
        self._features: dict[tuple[str, str | None, bool, int], Breaker] = {}
        self._answered: set[Endpoint] = set()
        self._read_bytes = self._read_tokens = 0.0

    # Places.

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

    # Health.

    def answers(self) -> None:
        self.failures = 0
        self.failing_at = None
        self.loading_at = None

    def loads(self, now: float) -> None:
        """It says that it is loading a model."""
        if self.loading_at is None or now - self.loading_seen_at > self.failing_limit_s:
            self.loading_at = now
        self.loading_seen_at = now

    def dead(self, endpoint: Endpoint, now: float) -> bool:
        """Whether nothing is to be expected of it for an endpoint.

        What it said last counts, not how long ago: while nobody asked, it may have become well.
        """
        if self.locked:
            return True
        if self.loading_at is not None:
            loading_s = self.loading_seen_at - self.loading_at
            return loading_s >= load_s_of(self.slot, self._settings)
        if self.paused_at is not None:
            return now - self.paused_at >= self._settings.inference_slot_dead_s
        if self.failing_at is not None and self.failed_at - self.failing_at >= self.failing_limit_s:
            return True
        return self._gone(endpoint, now)

    def ails(self, now: float) -> bool:
        """Whether it is dead for some endpoint."""
        return self.dead("chat", now) or self.dead("completion", now)

    def _gone(self, endpoint: Endpoint, now: float) -> bool:
        breaker = self._endpoints.get(endpoint)
        if breaker is None or breaker.opened_at is None or breaker.lets(now):
            return False
        if endpoint not in self._answered and breaker.rests >= _GONE_AFTER_RESTS:
            return True
        return now - breaker.opened_at >= self._settings.inference_slot_dead_s

    # What it refuses.

    def has_endpoint(self, endpoint: Endpoint, now: float) -> bool:
        """Whether the endpoint may be asked now."""
        breaker = self._endpoints.get(endpoint)
        return breaker is None or breaker.lets(now)

    def takes(self, shape: Shape, now: float) -> bool:
        """Whether it does not refuse such requests."""
        breaker = self._features.get(shape.features)
        return breaker is None or breaker.lets(now)

    def _breakers(self, shape: Shape) -> list[Breaker]:
        both = self._endpoints.get(shape.endpoint), self._features.get(shape.features)
        return [breaker for breaker in both if breaker is not None]

    def asked(self, shape: Shape) -> bool:
        """It is asked; whether that changes who may be asked next."""
        breakers = self._breakers(shape)
        for breaker in breakers:
            breaker.begins()
        return bool(breakers)

    def took(self, shape: Shape) -> None:
        """It answered such a request."""
        self._answered.add(shape.endpoint)
        for breaker in self._breakers(shape):
            breaker.answered()

    def said_nothing(self, shape: Shape) -> None:
        """An attempt ended in another way."""
        for breaker in self._breakers(shape):
            breaker.ended()

    def endpoint_failed(self, endpoint: Endpoint, job: int, now: float) -> float | None:
        """A job met 403 or 404; the rest in seconds, if one begins."""
        breaker = self._endpoints.setdefault(endpoint, self._breaker())
        return breaker.failed(job, now)

    def refused(self, shape: Shape, job: int, now: float) -> float | None:
        """A job's request was refused; the rest in seconds, if one begins."""
        breaker = self._features.setdefault(shape.features, self._breaker())
        return breaker.failed(job, now)

    def _breaker(self) -> Breaker:
        return Breaker(self._settings.inference_backoff_max_s)

    # How long a prompt is.

    def read(self, size_bytes: int, input_tokens: int | None) -> None:
        """A prompt of so many bytes was so many tokens."""
        if size_bytes < _TELLING_BYTES or not input_tokens:
            return
        if self._read_tokens > _REMEMBERED_TOKENS:
            self._read_bytes /= 2
            self._read_tokens /= 2
        self._read_bytes += size_bytes
        self._read_tokens += input_tokens

    @property
    def bytes_per_token(self) -> float:
        """Of its long prompts so far."""
        if not self._read_tokens:
            return _BYTES_PER_TOKEN
        return min(_MOST_BYTES, max(_FEWEST_BYTES, self._read_bytes / self._read_tokens))

    def tokens(self, shape: Shape) -> float:
        """How many tokens a prompt probably is."""
        return shape.size_bytes / self.bytes_per_token if shape.tokens is None else shape.tokens

    def fits(self, shape: Shape) -> bool:
        """Whether prompt and answer fit."""
        return self.tokens(shape) + shape.max_tokens <= self.slot.context_tokens

    def fits_prompt(self, shape: Shape) -> bool:
        """Whether at least the prompt fits."""
        return self.tokens(shape) < self.slot.context_tokens
