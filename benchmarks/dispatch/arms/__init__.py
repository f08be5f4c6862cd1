"""One module an arm, each with `prepare(task)`: what that returns asks every job of the task.

Belongs here: how one tool is used, as well as it can reasonably be, and which arms there are.
Does not: anything about servers, checks or figures.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import harness
from benchmarks.harness import Call
from model_foundry.inference.fleet import Slot

OURS: Final = "ours"
GATHER: Final = "gather"
SEMAPHORE: Final = "semaphore"
BARE_LOOP: Final = "bare_loop"
LAZY: Final = ("httpcore", "httpcore2", "anyio._backends._asyncio", "openai.resources.chat")
"""What clients import with their first request: a matter of the process, not of the jobs."""
PEERS: Final = ("litellm_router", "curator")


class Task(NamedTuple):
    """What an arm is told: how many jobs it asks of which slots.

    Attributes:
        slots: all of one model.
        jobs: each with a prompt of its own.
        max_tokens: of an answer.
        salt: makes the prompts of two tasks differ.
        postgres_url: where ours lands its results.
        directory: for what an arm keeps.
    """

    slots: tuple[Slot, ...]
    jobs: int
    max_tokens: int
    salt: str
    postgres_url: str
    directory: Path

    @property
    def parallel(self) -> int:
        """Of all slots together."""
        return sum(slot.parallel for slot in self.slots)

    def prompt(self, number: int) -> str:
        """The whole prompt of a job."""
        return f"Note {number} of {self.salt}: write a short story about a lighthouse keeper."

    def chat(self, number: int) -> dict[str, Any]:
        """The job as the body of a chat completion."""
        return {
            "model": self.slots[0].model,
            "messages": [{"role": "user", "content": self.prompt(number)}],
            "temperature": 0.0,
            "max_tokens": self.max_tokens,
        }


class Arm(NamedTuple):
    """An arm as the benchmark knows it, without importing it; it is the module of its name here.

    `requires` are modules that it needs and model-foundry does not.
    """

    name: str
    requires: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether what it requires is there."""
        return harness.installed(self.requires)

    def call(self, task: Task) -> Call:
        """The arm with a task, to be measured."""
        return Call(_prepare, (self.name, task))


ARMS: Final = {
    arm.name: arm
    for arm in (
        Arm(OURS),
        Arm(GATHER),
        Arm(SEMAPHORE),
        Arm(BARE_LOOP),
        Arm("litellm_router", requires=("litellm",)),
        Arm("curator", requires=("bespokelabs",)),
    )
}


def _prepare(named_task: tuple[str, Task]) -> Callable[[], Any]:
    name, task = named_task
    for module in LAZY:
        importlib.import_module(module)
    run: Callable[[], Any] = importlib.import_module(f"{__name__}.{name}").prepare(task)
    return run
