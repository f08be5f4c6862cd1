"""What a failed attempt means: for the slot, and for the job.

- Not here is not nowhere. A request that one slot refuses (400, 422, too long) goes once to each
  other slot of its role; an attempt that failed is spent for its slot alone.
- A job fails when every slot that could take it has failed it enough: `inference_max_attempts`,
  divided among them.
- Being turned away for lack of room (429, 503) spends nothing; the place that met it rests, or the
  whole slot for as long as Retry-After says (0 says nothing). A slot that loads a model is waited
  for.
- A wrong key is the slot's own: it is left alone. 403, 404 and refused requests open a breaker, for
  an endpoint or for requests of a shape.

Belongs here: those rules. Does not: a slot's state (`served_slot`), who is asked next (`choosing`).
"""

import logging
import math
import random
from collections.abc import Callable
from typing import Final

from model_foundry.dispatch.choosing import Choosing
from model_foundry.dispatch.queue import Waiting
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.settings import Settings
from model_foundry.slot.errors import REFUSED, ErrorKind, SlotError

TURNED_AWAY: Final[frozenset[ErrorKind]] = frozenset({"rate_limited", "unavailable"})
PERHAPS_DEAD: Final[frozenset[ErrorKind]] = frozenset(
    {"connection", "timeout", "unavailable", "loading"}
)
ENDPOINT: Final[frozenset[ErrorKind]] = frozenset({"forbidden", "not_found"})

log = logging.getLogger(__name__)


class Blame:
    """The rules, for one dispatch; `later` has work looked for again after a wait in seconds.

    With a slot, one of its places rests until then.
    """

    def __init__(
        self,
        choosing: Choosing,
        settings: Settings,
        later: Callable[[float, ServedSlot | None], None],
    ) -> None:
        self._choosing = choosing
        self._settings = settings
        self._later = later

    def slot(self, served: ServedSlot, waiting: Waiting, error: SlotError, now: float) -> None:
        """What a failed attempt means for its slot."""
        served.tally.errors[error.kind] += 1
        served.trouble = f"{error.kind}: {error}"
        self._break(served, waiting, error, now)
        if error.kind == "unauthorized":
            served.locked = True
            served.cap = 0
            log.error("slot %s refuses the key and is left alone: %s", served.slot.name, error)
        elif error.kind in REFUSED:
            served.answers()
        if not error.retryable:
            return
        if served.failing_at is None or now - served.failed_at > served.failing_limit_s:
            served.failing_at = now
            served.failures = 0
        if error.kind == "loading":
            served.loads(now)
        served.failed_at = now
        served.failures += 1
        rounds = served.failures // served.slot.parallel
        least_s = self._settings.inference_backoff_s
        if error.retry_after_s is not None and error.retry_after_s >= least_s:
            wait_s = min(error.retry_after_s, self._settings.inference_retry_after_max_s)
            served.rested_at = max(served.rested_at, now + wait_s)
            self._later(wait_s, None)
        elif error.kind in TURNED_AWAY or error.kind == "loading" or rounds > 0:
            served.resting += 1
            self._later(self._backoff_s(max(rounds, 1)), served)
        if error.kind in PERHAPS_DEAD:
            served.pause(now)

    def _break(self, served: ServedSlot, waiting: Waiting, error: SlotError, now: float) -> None:
        rest_s: float | None = None
        if error.kind in ENDPOINT:
            rest_s = served.endpoint_failed(waiting.shape.endpoint, waiting.order, now)
        elif error.kind in {"bad_request", "too_long"}:
            rest_s = served.refused(waiting.shape, waiting.order, now)
        served.said_nothing(waiting.shape)
        self._choosing.forget_takers()
        if rest_s is not None:
            what = "such requests" if error.kind in REFUSED else f"{waiting.shape.endpoint}s"
            log.warning("slot %s is not asked for %s: %s", served.slot.name, what, error)
            self._later(rest_s, None)

    def may_ask_again(
        self, served: ServedSlot, waiting: Waiting, error: SlotError, now: float
    ) -> bool:
        """What a failed attempt means for its job: whether it is tried again."""
        waiting.last_error = error
        name = served.slot.name
        if error.kind in TURNED_AWAY:
            waiting.turned_away_at = waiting.turned_away_at or now
            if now - waiting.turned_away_at >= self._settings.inference_wait_s:
                return False
        elif error.kind == "too_long":
            slots = self._choosing.by_role[waiting.job.role]
            shorter = served.slot.context_tokens
            # One that is declared alike may be served with more.
            waiting.barred |= {name} | {
                each.slot.name for each in slots if each.slot.context_tokens < shorter
            }
        elif error.kind in REFUSED or error.kind == "unauthorized":
            waiting.barred |= {name}
        elif error.kind != "loading":
            waiting.turned_away_at = None
            waiting.spent[name] += 1
        waiting.without = waiting.barred
        able = self._choosing.takers(waiting, now)
        if not able:
            return False
        enough = math.ceil(self._settings.inference_max_attempts / len(able))
        waiting.without |= {slot for slot, spent in waiting.spent.items() if spent >= enough}
        if not self._choosing.takers(waiting, now):
            return False
        wait_s = self._backoff_s(waiting.attempts)
        waiting.rested_at = now + wait_s
        self._later(wait_s, None)
        return True

    def _backoff_s(self, times: int) -> float:
        longest_s = self._settings.inference_backoff_max_s
        wait_s = self._settings.inference_backoff_s * 2.0 ** min(times - 1, 30)
        return min(longest_s, wait_s) * random.uniform(0.75, 1.0)  # noqa: S311
