"""One module an arm, each with `prepare(task)`: what that returns asks every job of the task.

Belongs here: how one tool is used, as well as it can reasonably be, and which arms there are.
Does not: anything about servers, checks or figures. The standard library is all that is imported
here, since a peer's interpreter may have no more.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import peers
from benchmarks.measured import Call

OURS: Final = "ours"
GATHER: Final = "gather"
SEMAPHORE: Final = "semaphore"
BARE_LOOP: Final = "bare_loop"
CHEAPEST: Final = "cheapest"
CONVERSATIONS: Final = "conversations"
ANYWHERE: Final = "conversations_anywhere"
LITELLM: Final = "litellm_router"
LITELLM_WEIGHTED: Final = "litellm_weighted"
PEERS: Final = (LITELLM, "curator", "data_designer")
"""Those that know one slot; `LITELLM_WEIGHTED` is for several."""


class Slot(NamedTuple):
    """Where an arm asks: a server, what it serves, and how much at once.

    `queue_ahead` more may wait in the server's own queue; `endpoint` is without `/v1`.
    """

    name: str
    endpoint: str
    model: str
    parallel: int
    queue_ahead: int = 0
    context_tokens: int = 4096


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

    `peer` is whose interpreter it needs (`benchmarks.peers`), if not ours.
    """

    name: str
    peer: str | None = None

    @property
    def installed(self) -> bool:
        """Whether its interpreter is there."""
        return peers.installed(self.peer)

    def call(self, task: Task) -> Call:
        """The arm with a task, to be measured."""
        return Call(_prepare, (self.name, task), peers.python(self.peer))


ARMS: Final = {
    arm.name: arm
    for arm in (
        Arm(OURS),
        Arm(GATHER),
        Arm(SEMAPHORE),
        Arm(BARE_LOOP),
        Arm(CHEAPEST),
        Arm(CONVERSATIONS),
        Arm(ANYWHERE),
        Arm(LITELLM, peer="litellm"),
        Arm(LITELLM_WEIGHTED, peer="litellm"),
        Arm("curator", peer="bespokelabs-curator"),
        Arm("data_designer", peer="data-designer"),
    )
}


def _prepare(named_task: tuple[str, Task]) -> Callable[[], Any]:
    name, task = named_task
    arm = importlib.import_module(f"{__name__}.{name}")
    # What a tool imports and makes with its first request is a matter of the process, not of jobs.
    arm.prepare(task._replace(jobs=1, salt=f"{task.salt}-first"))()
    run: Callable[[], Any] = arm.prepare(task)
    return run
