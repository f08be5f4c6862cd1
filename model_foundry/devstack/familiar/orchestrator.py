"""`run_sessions`: some sessions, one after the other, and what they came to."""

import textwrap
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from model_foundry.devstack.familiar.publish import Journal, Publisher
from model_foundry.devstack.familiar.session import Action, Did, Session
from model_foundry.devstack.familiar.slots import Slots
from model_foundry.devstack.familiar.tasks import tasks
from model_foundry.devstack.familiar.vault import Vault
from model_foundry.settings import Settings
from model_foundry.telemetry import sender_of


class Step(NamedTuple):
    """Something that was done, for whoever watches. `session` counts from 1.

    `slot` is None, and `output_tokens` 0, where no slot was asked.
    """

    session: int
    sessions: int
    who: str
    action: Action
    text: str
    slot: str | None
    output_tokens: int

    def __str__(self) -> str:
        """One line for a progress display."""
        place = f" on {self.slot}" if self.slot else ""
        text = textwrap.shorten(self.text, 72, placeholder=" …")
        return (
            f"session {self.session} of {self.sessions}: {self.who}{place}, {self.action}: {text}"
        )


class TrafficReport(NamedTuple):
    """What JetStream has acknowledged, by published subject, and what the slots counted."""

    sessions: int
    events: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    wall_s: float
    correlation_ids: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {**self._asdict(), "wall_s": round(self.wall_s, 3)}


async def run_sessions(
    settings: Settings,
    *,
    sessions: int,
    seed: int,
    on_step: Callable[[Step], None] | None = None,
) -> TrafficReport:
    """Hold sessions on the slots of the profile, and publish everything that happens in them.

    Args:
        settings: fleet, profile and NATS; the stream exists already.
        sessions: how many; the first one, and then every second, is Japanese.
        seed: which tasks, and how the slots sample.
        on_step: called with each step as soon as it is done.

    Raises:
        FoundryError: a slot or NATS cannot be reached, or does not take what it is sent.
    """
    started = time.perf_counter()
    vault = Vault.packaged()
    correlation_ids = []
    input_tokens = output_tokens = 0
    sender = sender_of(settings)
    async with Publisher.connect(settings) as publisher, Slots.connect(settings) as slots:
        for number, task in enumerate(tasks(sessions, seed), start=1):
            journal = Journal(publisher, sender)

            def show(did: Did, number: int = number) -> None:
                if on_step is not None:
                    on_step(Step(number, sessions, *did))

            session = Session(task, slots=slots, vault=vault, journal=journal, on_done=show)
            await session.run()
            await publisher.flush()
            correlation_ids.append(journal.correlation_id)
            input_tokens += session.input_tokens
            output_tokens += session.output_tokens
        return TrafficReport(
            sessions=sessions,
            events=dict(publisher.acknowledged),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            wall_s=time.perf_counter() - started,
            correlation_ids=tuple(correlation_ids),
        )
