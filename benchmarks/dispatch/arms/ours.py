"""Ours: `run_jobs`, as a recipe's asset runs it, with leases and results in PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from benchmarks.dispatch.arms import Task
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Request

_DAY: Final = date(2026, 11, 20)


def prepare(task: Task) -> Callable[[], object]:
    """The settings, and the slots."""
    settings = Settings.model_validate({"home": task.directory, "postgres_url": task.postgres_url})
    slots = slots_of(task)

    async def ask() -> None:
        report = await run_jobs(jobs(task), settings=settings, slots=slots)
        # A short answer that was cut at max_tokens is rejected, and was answered.
        if report.ok + report.rejected != task.jobs:
            raise FoundryError(f"{report.failed} jobs failed: {report.error_kinds}")

    return lambda: asyncio.run(ask())


def slots_of(task: Task) -> tuple[Slot, ...]:
    """The task's slots as a fleet file would declare them."""
    return tuple(
        Slot(roles=("worker",), runtime="llama.cpp", licence="none", **slot._asdict())
        for slot in task.slots
    )


def jobs(task: Task) -> Iterator[Job]:
    """The task's jobs."""
    for number in range(task.jobs):
        chat = task.chat(number)
        yield Job(
            recipe="benchmark",
            kind="generation",
            role="worker",
            occurred_on=_DAY,
            source_event_id=f"{task.salt}-{number}",
            request=Request(
                messages=chat["messages"],
                temperature=chat["temperature"],
                max_tokens=chat["max_tokens"],
            ),
        )
