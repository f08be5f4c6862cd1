"""Ours: `model_foundry.intake.drain.drain`, as the asset runs it."""

import asyncio
from collections.abc import Callable

from benchmarks.intake.arms import Task
from benchmarks.intake.line import settings_of
from model_foundry.intake.drain import drain


def prepare(task: Task) -> Callable[[], object]:
    """The settings."""
    bounds = {} if task.events is None else {"intake_max_messages": task.events}
    settings = settings_of(task, **bounds)
    return lambda: asyncio.run(drain(settings))
