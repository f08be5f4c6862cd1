"""The telemetry that the live page shows: the last events, and what they say of slots and sessions.

Held in memory, as many events as `exporter_events`; what is older is forgotten. Pure but for time.
"""

import statistics
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from model_foundry.slot.timings import MeanSpeed, read_tokens
from model_foundry.telemetry.events import NO_SESSION

WINDOW_S: Final = 60.0
SESSIONS: Final = 12
SHOWN_EVENTS: Final = 40


class Event(msgspec.Struct, frozen=True):
    """What the page uses of an event; whatever else it carries is not kept."""

    event: str
    correlation_id: str
    ts: str = ""
    service: str = ""
    level: str = ""
    status: str = ""
    slot: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    ttft_ms: float | None = None
    duration_ms: float | None = None
    pp_tokens_per_s: float | None = None
    tg_tokens_per_s: float | None = None
    timing_source: str | None = None
    error_kind: str | None = None
    recipe: str | None = None
    role: str | None = None
    node: str | None = None
    state: str | None = None
    source: str | None = None
    target: str | None = None
    message: str | None = None


class _Kept(NamedTuple):
    at: float
    event: Event


class Board:
    """The last events."""

    def __init__(self, events: int) -> None:
        self._kept: deque[_Kept] = deque(maxlen=events)

    def add(self, events: Sequence[Event]) -> None:
        """Events that have just come."""
        now = time.monotonic()
        self._kept.extend(_Kept(now, event) for event in events)

    def slots(self) -> dict[str, dict[str, Any]]:
        """By slot, of the last minute: requests, errors, PP and TG (tokens/s), median TTFT (ms).

        `pp_source` is who measured PP: server, client (it includes the wait), or mixed.
        """
        since = time.monotonic() - WINDOW_S
        requests: dict[str, list[Event]] = {}
        for kept in self._kept:
            if kept.event.event == "llm" and kept.event.slot and kept.at >= since:
                requests.setdefault(kept.event.slot, []).append(kept.event)
        return {slot: _figures(asked) for slot, asked in requests.items()}

    def working(self) -> dict[str, int]:
        """By slot: nodes of sessions that run on it now."""
        states: dict[tuple[str, str], Event] = {}
        for kept in self._kept:
            if kept.event.event == "node" and kept.event.node:
                states[kept.event.correlation_id, kept.event.node] = kept.event
        counted: dict[str, int] = {}
        for event in states.values():
            if event.state == "running" and event.slot:
                counted[event.slot] = counted.get(event.slot, 0) + 1
        return counted

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions heard of last, newest first: events, requests, tokens, seconds since."""
        now = time.monotonic()
        found: dict[str, dict[str, Any]] = {}
        for kept in reversed(self._kept):
            event = kept.event
            if event.event == "log" or event.correlation_id == NO_SESSION:
                continue
            if event.correlation_id not in found and len(found) == SESSIONS:
                continue
            row = found.setdefault(
                event.correlation_id,
                {
                    "correlation_id": event.correlation_id,
                    "service": event.service,
                    "ago_s": round(now - kept.at, 1),
                    **dict.fromkeys(("events", "requests", "tokens", "errors"), 0),
                },
            )
            row["events"] += 1
            row["requests"] += event.event == "llm"
            row["tokens"] += event.completion_tokens or 0
            row["errors"] += event.status not in ("", "ok")
        return list(found.values())

    def last(self) -> list[Event]:
        """The events that came last, newest first."""
        return [kept.event for kept in [*self._kept][: -SHOWN_EVENTS - 1 : -1]]


def _figures(asked: Sequence[Event]) -> dict[str, Any]:
    ttft = [event.ttft_ms for event in asked if event.ttft_ms is not None]
    pp, tg = MeanSpeed(), MeanSpeed()
    for event in asked:
        read = read_tokens(event.prompt_tokens, event.cached_tokens)
        pp.add(read, event.pp_tokens_per_s, event.timing_source)
        tg.add(event.completion_tokens, event.tg_tokens_per_s)
    return {
        "requests": len(asked),
        "errors": sum(event.status != "ok" for event in asked),
        "pp": pp.value(),
        "pp_source": pp.source(),
        "tg": tg.value(),
        "ttft_ms": statistics.median(ttft) if ttft else None,
    }
