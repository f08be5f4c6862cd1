"""What the drills on dispatches share: a process that asks jobs of a fake slot, and what landed."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import value

DEADLINE_S = 30.0


def until(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Wait for it, and fail if it does not come."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def landed(settings: Settings, text: str = "") -> int:
    """How many jobs have an answer; of those with this text, if it is given."""
    query = """
        SELECT count(*) FROM inference_result
        WHERE status = 'ok' AND starts_with(source_event_id, %s)
    """
    return int(value(settings, query, text))


@contextlib.contextmanager
def asking(
    settings: Settings,
    fake: FakeSlot,
    *,
    count: int,
    text: str = "Hello",
    changes: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[subprocess.Popen[str]]:
    """A process that asks so many jobs of the fake slot; at the end it runs no more."""
    values = {"home": settings.home, "postgres_url": settings.require_postgres_url()}
    values |= QUICK | dict(changes)
    environment = {f"MODEL_FOUNDRY_{name.upper()}": str(value) for name, value in values.items()}
    slot = fake.slot().model_dump_json()
    with subprocess.Popen(
        [sys.executable, "-m", "model_foundry_tests.job_process", str(count), slot, text],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
