"""One module an arm, each with `prepare(task)`: what that returns carries the events.

Belongs here: how one tool is used, as well as it can reasonably be, and which arms there are.
Does not: anything about servers, checks or figures.
"""

import importlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from benchmarks import harness
from benchmarks.harness import Call
from benchmarks.intake.line import Task

NAIVE: Final = "naive"
PEERS: Final = ("textbook", "faststream_batch", "dlt_merge")
OURS: Final = "ours"
BOUND: Final = "copy_bound"

_PEER_INBOX: Final = "SELECT event_id, jsonb_typeof(payload) = 'object' FROM peer_inbox"
_DLT: Final = "SELECT event_id, jsonb_typeof(payload) = 'object' FROM landed.event"
_OURS: Final = (
    "SELECT event_id, jsonb_typeof(payload) = 'object' FROM event_inbox WHERE batch_id > 0"
)


class Arm(NamedTuple):
    """An arm as the benchmark knows it, without importing it.

    Attributes:
        name: of its module here.
        landed: the query that shows what landed: event_id, and whether the payload is an object
            in jsonb.
        reads_stream: whether it takes the events from the consumer.
        requires: modules that it needs and model-foundry does not.
    """

    name: str
    landed: str = _PEER_INBOX
    reads_stream: bool = True
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
        Arm(NAIVE),
        Arm("textbook"),
        Arm("faststream_batch", requires=("faststream", "uvloop")),
        Arm("dlt_merge", landed=_DLT, requires=("dlt", "orjson")),
        Arm(OURS, landed=_OURS),
        Arm(BOUND, reads_stream=False),
    )
}


def _prepare(named_task: tuple[str, Task]) -> Callable[[], Any]:
    name, task = named_task
    run: Callable[[], Any] = importlib.import_module(f"{__name__}.{name}").prepare(task)
    return run
