"""The connection to NATS, and the stream and durable consumer that intake reads, as code."""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from model_foundry.errors import FoundryError
from model_foundry.events.subjects import STREAM_SUBJECTS
from model_foundry.settings import Settings

# Longer than any batch takes to land: a message comes again only if its drain died.
ACK_WAIT_S: Final = 60.0
# Room for several drains, each with two batches in flight.
MAX_ACK_PENDING: Final = 100_000


async def connect(settings: Settings, *, name: str = "model-foundry") -> Client:
    """A connection to the configured NATS; it reconnects by itself.

    Raises:
        FoundryError: it cannot be reached, or refuses the credentials.
    """
    url = settings.require_nats_url()
    creds = settings.nats_creds
    if creds is not None and not creds.is_file():
        raise FoundryError(f"MODEL_FOUNDRY_NATS_CREDS: there is no file {creds}")
    last: list[Exception] = []

    async def remember(error: Exception) -> None:
        last[:] = [error]

    client = Client()
    try:
        await client.connect(
            servers=[server.strip() for server in url.split(",")],
            name=name,
            user_credentials=str(creds) if creds else None,
            connect_timeout=max(1, round(settings.connect_timeout_s)),
            # The first connection fails fast; once connected, see below.
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            error_cb=remember,
            pending_size=64 * 1024 * 1024,
        )
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        reason = str(last[0] if last else error) or type(error).__name__
        raise FoundryError(
            f"NATS at {without_password(url)} cannot be reached: {reason}. "
            "Check MODEL_FOUNDRY_NATS_URL and MODEL_FOUNDRY_NATS_CREDS, and that the server runs."
        ) from None
    client.options["max_reconnect_attempts"] = -1
    return client


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def stream_config(settings: Settings) -> StreamConfig:
    """The stream as intake creates it: on disk, acked messages kept for replay until it is full."""
    return StreamConfig(
        name=settings.nats_stream,
        subjects=list(STREAM_SUBJECTS),
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_bytes=settings.stream_max_bytes,
        duplicate_window=120,
    )


def consumer_config(settings: Settings) -> ConsumerConfig:
    """The durable pull consumer as intake creates it: explicit acks, redelivery without end.

    A message is never given up by the server: what cannot be accepted is quarantined by us.
    """
    return ConsumerConfig(
        durable_name=settings.nats_durable,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_S,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


async def ensure_stream(client: Client, settings: Settings) -> None:
    """Create the stream if there is none.

    Raises:
        FoundryError: JetStream is off, or the stream cannot be made as configured.
    """
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    try:
        await jetstream.stream_info(settings.nats_stream)
    except NotFoundError:
        await _create_stream(jetstream, settings)
    except (APIError, NatsError, TimeoutError) as error:
        raise _jetstream_error(settings, error) from None


async def ensure_consumer(client: Client, settings: Settings) -> ConsumerInfo:
    """Create stream and durable consumer where they are missing; the consumer's state.

    Raises:
        FoundryError: as `ensure_stream`.
    """
    await ensure_stream(client, settings)
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    try:
        return await jetstream.add_consumer(settings.nats_stream, consumer_config(settings))
    except (APIError, NatsError, TimeoutError) as error:
        raise _jetstream_error(settings, error) from None


async def pending_count(settings: Settings) -> int:
    """How many messages wait for the drain: not yet delivered, or delivered and not acked.

    Stream and consumer are created if missing, so that the first event after this is kept.
    """
    client = await connect(settings, name="model-foundry-sensor")
    try:
        info = await ensure_consumer(client, settings)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)
    finally:
        await client.close()


async def _create_stream(jetstream: JetStreamContext, settings: Settings) -> None:
    try:
        await jetstream.add_stream(stream_config(settings))
    except (APIError, NatsError, TimeoutError) as error:
        raise _jetstream_error(settings, error) from None


def _jetstream_error(settings: Settings, error: Exception) -> FoundryError:
    reason = getattr(error, "description", None) or str(error) or type(error).__name__
    return FoundryError(
        f"JetStream, stream {settings.nats_stream} at "
        f"{without_password(settings.require_nats_url())}: {reason}. "
        "Check that JetStream is on (`nats-server -js`), that no other stream takes "
        f"{', '.join(STREAM_SUBJECTS)}, and MODEL_FOUNDRY_NATS_STREAM."
    )
