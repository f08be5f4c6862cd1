"""One module an arm, each with `prepare(task)`: what that returns carries the events.

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

NAIVE: Final = "naive"
PEERS: Final = ("textbook", "faststream_batch", "dlt_merge")
OURS: Final = "ours"
BOUND: Final = "copy_bound"
DURABLE: Final = "benchmark"

_PEER_INBOX: Final = "SELECT event_id, jsonb_typeof(payload) = 'object' FROM peer_inbox"
_DLT: Final = "SELECT event_id, jsonb_typeof(payload) = 'object' FROM landed.event"
_OURS: Final = (
    "SELECT event_id, jsonb_typeof(payload) = 'object' FROM event_inbox WHERE batch_id > 0"
)


class Task(NamedTuple):
    """What an arm is told: where to take how many messages, and where to put them.

    `source` holds the arguments of `events.Events`. `events` is None where several processes share
    the messages: each runs until none is left.
    """

    nats_url: str
    stream: str
    subject: str
    postgres_url: str
    directory: Path
    source: tuple[Any, ...]
    events: int | None


class Arm(NamedTuple):
    """An arm as the benchmark knows it, without importing it.

    Attributes:
        name: of its module here.
        landed: the query that shows what landed: event_id, and whether the payload is an object
            in jsonb.
        reads_stream: whether it takes the events from the consumer.
        peer: whose interpreter it needs (`benchmarks.peers`), if not ours.
    """

    name: str
    landed: str = _PEER_INBOX
    reads_stream: bool = True
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
        Arm(NAIVE),
        Arm("textbook"),
        Arm("faststream_batch", peer="faststream"),
        Arm("dlt_merge", landed=_DLT, peer="dlt"),
        Arm(OURS, landed=_OURS),
        Arm(BOUND, reads_stream=False),
    )
}


def _prepare(named_task: tuple[str, Task]) -> Callable[[], Any]:
    name, task = named_task
    run: Callable[[], Any] = importlib.import_module(f"{__name__}.{name}").prepare(task)
    return run
