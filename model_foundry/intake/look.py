"""The stream and the durable consumer as they are, for whoever only wants to look.

Belongs here: reading. Does not: making what is missing (`configuration`).
"""

from typing import NamedTuple

from nats.js.errors import NotFoundError

from model_foundry.intake.configuration import asked
from model_foundry.intake.jetstream import connect
from model_foundry.settings import Settings


class Stand(NamedTuple):
    """What the stream holds.

    Attributes:
        messages: in the stream, those that were drained too; None: there is no stream yet.
        waiting: messages that no drain has taken; None: there is no consumer yet.
        held: those delivered and not acknowledged.
    """

    messages: int | None
    waiting: int | None
    held: int | None


async def look(settings: Settings) -> Stand:
    """How the stream stands.

    Raises:
        FoundryError: NATS cannot be reached, or JetStream gives no answer.
    """
    client = await connect(settings, name="model-foundry-status")
    try:
        jetstream = client.jetstream(timeout=settings.connect_timeout_s)
        stream, durable = settings.nats_stream, settings.nats_durable
        try:
            messages = (await asked(settings, lambda: jetstream.stream_info(stream))).state.messages
        except NotFoundError:
            return Stand(None, None, None)
        try:
            info = await asked(settings, lambda: jetstream.consumer_info(stream, durable))
        except NotFoundError:
            return Stand(messages, None, None)
        return Stand(messages, info.num_pending or 0, info.num_ack_pending or 0)
    finally:
        await client.close()
