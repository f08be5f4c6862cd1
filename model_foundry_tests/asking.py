"""Jobs for the tests of inference, and settings that make its waits short."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.feeding import Jobs
from model_foundry.dispatch.report import DispatchReport
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result

WITHIN_S = 30.0
DAY = date(2026, 11, 20)
QUICK = {
    "connect_timeout_s": 2.0,
    "inference_idle_s": 5.0,
    "inference_backoff_s": 0.05,
    "inference_backoff_max_s": 0.2,
    "inference_probe_s": 0.05,
    "inference_land_s": 0.05,
    "inference_response_max_bytes": 8 * 1024 * 1024,
}


def quick(home: Path, **changes: Any) -> Settings:
    """Settings without any server, with short waits."""
    return Settings.model_validate({"home": home, **QUICK, **changes})


def job(text: str = "Hello", **changes: Any) -> Job:
    """A chat job; its text may name a fault of the fake slot."""
    fields: dict[str, Any] = {
        "recipe": "test",
        "kind": "generation",
        "role": "worker",
        "occurred_on": DAY,
        "source_event_id": "event-1",
        "correlation_id": "session-1",
        "request": Request(
            messages=[{"role": "user", "content": text}], temperature=0, max_tokens=32
        ),
    }
    return Job(**fields | changes)


def calling(text: str) -> Job:
    """A chat job that may call the tool `search`."""
    tool = {"type": "function", "function": {"name": "search"}}
    return job(text, request=Request(messages=[{"role": "user", "content": text}], tools=[tool]))


def jobs(count: int, text: str = "Hello", **changes: Any) -> Iterator[Job]:
    """Different jobs of one text."""
    for number in range(count):
        yield job(text, source_event_id=f"{text}-{number}", **changes)


def declared(**changes: Any) -> Slot:
    """A slot of runtime `openai` that nobody runs."""
    fields: dict[str, Any] = {
        "name": "a",
        "roles": ["worker"],
        "runtime": "openai",
        "endpoint": "http://h:1",
        "model": "m",
        "licence": "MIT",
        "parallel": 1,
        "context_tokens": 4096,
    }
    return Slot.model_validate(fields | changes)


async def dispatched(
    asked: Jobs, slots: Sequence[Slot], settings: Settings
) -> tuple[DispatchReport, list[Result]]:
    """A dispatch to its end, and what has landed; one that hangs fails."""
    landed: list[Result] = []

    async def land(results: Sequence[Result]) -> None:
        landed.extend(results)

    async with asyncio.timeout(WITHIN_S):
        report = await dispatch(asked, slots=slots, environment={}, land=land, settings=settings)
    return report, landed
