"""One message of the stream, asked for by its number, as a drain would have received it."""

import json
from datetime import datetime
from typing import Final

import msgspec

from model_foundry.events.envelope import Message
from model_foundry.intake import configuration
from model_foundry.intake.jetstream import Client
from model_foundry.intake.wire import read_headers
from model_foundry.settings import Settings

_NOT_FOUND: Final = 404


class _Stored(msgspec.Struct):
    subject: str
    seq: int
    time: str
    data: bytes = b""
    hdrs: bytes = b""


class _Failure(msgspec.Struct):
    code: int
    description: str = ""


class _Answer(msgspec.Struct):
    message: _Stored | None = None
    error: _Failure | None = None


async def stored_message(client: Client, settings: Settings, seq: int) -> Message | None:
    """The message of that number; None if the stream has it no more.

    Raises:
        FoundryError: NATS is out of reach, or refuses.
    """
    stream = settings.nats_stream
    reply = await configuration.asked(
        settings,
        lambda: client.request(
            f"$JS.API.STREAM.MSG.GET.{stream}",
            json.dumps({"seq": seq}).encode(),
            timeout=settings.connect_timeout_s,
        ),
    )
    answer = msgspec.json.decode(reply.data, type=_Answer)
    if answer.message is None:
        if answer.error is None or answer.error.code != _NOT_FOUND:
            raise configuration.jetstream_error(settings, ValueError(str(answer.error)))
        return None
    found = answer.message
    headers = read_headers(found.hdrs) if found.hdrs else None
    # Of the server's nanoseconds, microseconds are kept, and not rounded: as in a delivery.
    received_at = datetime.fromisoformat(found.time)
    return Message(found.subject, found.data, headers, stream, found.seq, received_at)
