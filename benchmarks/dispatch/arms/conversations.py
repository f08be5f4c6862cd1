"""Ours on recorded conversations of growing length: each turn is a job that repeats those before.

As many are under way at once as when they were recorded; `task.jobs` is how many there are
in all. They share nothing but the template's beginning.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final

from benchmarks.dispatch.arms import Task
from benchmarks.dispatch.arms.ours import slots_of
from model_foundry.errors import FoundryError
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Request

RECIPE: Final = "conversations"
TURNS: Final = 5
AT_ONCE: Final = 20
_DAY: Final = date(2026, 11, 20)


def prepare(task: Task, *, affinity: bool = True) -> Callable[[], object]:
    """The settings, and the slots."""
    settings = Settings.model_validate(
        {
            "home": task.directory,
            "postgres_url": task.postgres_url,
            "inference_prefix_affinity": affinity,
        }
    )

    async def ask() -> None:
        report = await run_jobs(_jobs(task), settings=settings, slots=slots_of(task))
        if report.ok + report.rejected != task.jobs * TURNS:
            raise FoundryError(f"{report.failed} jobs failed: {report.error_kinds}")

    return lambda: asyncio.run(ask())


def _jobs(task: Task) -> Iterator[Job]:
    for first in range(0, task.jobs, AT_ONCE):
        for turn in range(1, TURNS + 1):
            for number in range(first, min(first + AT_ONCE, task.jobs)):
                yield Job(
                    recipe=RECIPE,
                    kind="generation",
                    role="worker",
                    occurred_on=_DAY,
                    source_event_id=f"{task.salt}-{number}-{turn}",
                    request=Request(
                        messages=_messages(f"{task.salt} {number}", turn),
                        temperature=0.0,
                        max_tokens=task.max_tokens,
                    ),
                )


def _messages(name: str, turns: int) -> list[dict[str, Any]]:
    messages = []
    for turn in range(1, turns + 1):
        asked = f"{name}, part {turn}: what next?"
        said = f"He climbs the stairs of tower {name}."
        messages += [{"role": "user", "content": asked}]
        messages += [{"role": "assistant", "content": said}]
    return messages[:-1]
