"""The stream and the durable consumer as code: made if missing, compared if there.

What someone configured differently is never overwritten unasked; `MODEL_FOUNDRY_NATS_CONFIG` says
what a difference means: `check` (an error that names it), `accept` (go on), `apply` (overwrite).
"""

import asyncio
import copy
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
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
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from model_foundry.errors import FoundryError
from model_foundry.events.subjects import STREAM_SUBJECTS
from model_foundry.intake.address import address_of
from model_foundry.intake.jetstream import Client, connect
from model_foundry.intake.pull import Limits
from model_foundry.settings import Settings

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

# Room for four drains, each with two batches that land and one that waits.
MAX_ACK_PENDING: Final = 100_000
_ADVISORIES_MAX_BYTES: Final = 64 * 1024**2
# A cluster that lost its leader has another within this.
_ELECTION_S: Final = 15.0
# Where nobody listens, JetStream is off, or the server is just starting.
_ABSENT_S: Final = 2.0
# What the server calls JetStream that is off, for the account or at all: no election mends it.
_NOT_ENABLED: Final = (10039, 10076)
_ASK_EVERY_S: Final = 0.2
_STREAM_FIELDS: Final = ("storage", "retention", "discard")
_CONSUMER_FIELDS: Final = (
    "ack_policy",
    "ack_wait",
    "backoff",
    "deliver_subject",
    "filter_subject",
    "filter_subjects",
    "headers_only",
    "max_ack_pending",
    "max_deliver",
)


# Of a consumer that exists the server changes neither.
_FIXED_FIELDS: Final = ("replay_policy", "max_waiting")
# Each drain has one request open, and the one before it may still be there.
_LEAST_WAITING: Final = 16
_NANOSECONDS: Final = 1_000_000_000


class Consumer(NamedTuple):
    """A consumer's state, and how much it gives at once."""

    info: ConsumerInfo
    limits: Limits


def stream_config(settings: Settings) -> StreamConfig:
    """The stream as we make it: on disk; acked messages stay for replay until it is full."""
    return StreamConfig(
        name=settings.nats_stream,
        subjects=list(STREAM_SUBJECTS),
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_bytes=settings.stream_max_bytes,
        num_replicas=settings.stream_replicas,
        duplicate_window=120,
    )


def consumer_config(settings: Settings) -> ConsumerConfig:
    """The durable pull consumer as we make it: explicit acks, redelivery without end.

    The server never gives a message up: what cannot be accepted is quarantined by us. No backoff:
    it would replace ack_wait, and bad content is not tried again.
    """
    return ConsumerConfig(
        durable_name=settings.nats_durable,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=settings.intake_ack_wait_s,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


def advisory_stream(settings: Settings) -> str:
    """The name of the stream that keeps what the server says of messages that it gave up."""
    return f"{settings.nats_stream}_ADVISORIES"


async def asked(settings: Settings, request: Callable[[], Awaitable[_T]]) -> _T:
    """What JetStream answers; asked again for a while if it cannot, as when it elects a leader.

    Raises:
        NotFoundError: there is no such stream or consumer.
        FoundryError: JetStream refuses, or gave no answer within the time of an election.
    """
    began = time.monotonic()
    while True:
        try:
            return await request()
        except NotFoundError:
            raise
        except (ServiceUnavailableError, NoRespondersError, TimeoutError) as error:
            if getattr(error, "err_code", None) in _NOT_ENABLED:
                raise jetstream_error(settings, error) from None
            limit_s = _ABSENT_S if isinstance(error, NoRespondersError) else _ELECTION_S
            if time.monotonic() - began >= limit_s:
                raise jetstream_error(settings, error) from None
        except (APIError, NatsError) as error:
            raise jetstream_error(settings, error) from None
        await asyncio.sleep(_ASK_EVERY_S)


async def api(
    client: Client, settings: Settings, subject: str, request: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What JetStream's API answers, whole: nats-py leaves out what it does not know.

    Raises:
        NotFoundError, FoundryError: as `asked`.
    """
    body = json.dumps(request).encode() if request is not None else b""

    async def ask() -> dict[str, Any]:
        message = await client.request(
            f"$JS.API.{subject}", body, timeout=settings.connect_timeout_s
        )
        answer: dict[str, Any] = json.loads(message.data)
        if "error" in answer:
            raise APIError.from_error(answer["error"])
        return answer

    return await asked(settings, ask)


async def ensure_stream(client: Client, settings: Settings) -> list[str]:
    """Make the stream if there is none; compare it if there is; the subjects that it takes.

    Raises:
        FoundryError: JetStream is off, the stream cannot be made, or it differs (see the module).
    """
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    wanted = stream_config(settings)
    try:
        info = await asked(settings, lambda: jetstream.stream_info(settings.nats_stream))
    except NotFoundError:
        await asked(settings, lambda: jetstream.add_stream(wanted))
        return list(STREAM_SUBJECTS)
    there: StreamConfig = info.config
    # A mirror, or a stream of sources, hears what those heard.
    is_copy = bool(there.mirror or there.sources) and not there.subjects
    heard = STREAM_SUBJECTS if is_copy else there.subjects or []
    unheard = [subject for subject in STREAM_SUBJECTS if subject not in heard]
    differences = [f"subjects lack {', '.join(unheard)}"] if unheard else []
    differences += _differences(there, wanted, _STREAM_FIELDS)
    if differences and _shall_apply(settings, f"stream {settings.nats_stream}", differences):
        changes: dict[str, Any] = {name: getattr(wanted, name) for name in _STREAM_FIELDS}
        changes["subjects"] = [*(there.subjects or []), *unheard]
        changed = there.evolve(**changes)
        await asked(settings, lambda: jetstream.update_stream(changed))
        return list(changes["subjects"])
    return list(there.subjects or [])


async def ensure_consumer(client: Client, settings: Settings) -> Consumer:
    """Make stream and durable consumer where they are missing; the consumer's state.

    Raises:
        FoundryError: as `ensure_stream`, for either.
    """
    await ensure_stream(client, settings)
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    wanted = consumer_config(settings)
    stream, durable = settings.nats_stream, settings.nats_durable
    try:
        answer = await api(client, settings, f"CONSUMER.INFO.{stream}.{durable}")
    except NotFoundError:
        made = await asked(settings, lambda: jetstream.add_consumer(stream, wanted))
        return Consumer(made, Limits())
    there = answer["config"]
    info = ConsumerInfo.from_response(copy.deepcopy(answer))
    differences = _differences(info.config, wanted, _CONSUMER_FIELDS)
    stalling = _stalling(there, client, settings)
    differences += [f"{name} is {shown}" for name, shown in stalling.items()]
    if answer.get("paused"):
        differences.append(f"it is paused until {there.get('pause_until')}")
    if differences and _shall_apply(settings, f"consumer {durable}", differences):
        if fixed := [name for name in _FIXED_FIELDS if name in stalling]:
            raise FoundryError(
                f"consumer {durable}: the server changes no {' and no '.join(fixed)} of a consumer "
                f"that exists. Remove it (`nats consumer rm {stream} {durable}`); the next drain "
                "makes it anew and reads the stream from its first message, and what is known is "
                "not landed twice. Or set MODEL_FOUNDRY_NATS_CONFIG=accept."
            )
        told = wanted.as_dict()
        there = {name: there[name] for name in there if name not in {*_CONSUMER_FIELDS, *stalling}}
        there |= {name: told[name] for name in _CONSUMER_FIELDS if name in told}
        there.pop("pause_until", None)
        request = {"stream_name": stream, "config": there}
        if answer.get("paused"):
            await api(client, settings, f"CONSUMER.PAUSE.{stream}.{durable}", {})
        await api(client, settings, f"CONSUMER.DURABLE.CREATE.{stream}.{durable}", request)
    limits = Limits(
        there.get("max_batch"),
        there.get("max_bytes"),
        there["max_expires"] / _NANOSECONDS if there.get("max_expires") else None,
    )
    return Consumer(info, limits)


def _stalling(there: dict[str, Any], client: Client, settings: Settings) -> dict[str, str]:
    """Fields, most of them unknown to nats-py, under which a drain would stall or crawl."""
    largest = max(settings.intake_batch_bytes, client.max_payload)
    found = {}
    for name, least, unit in (
        ("max_batch", settings.intake_batch_messages, 1),
        ("max_bytes", largest, 1),
        ("max_expires", settings.intake_idle_s, _NANOSECONDS),
        ("max_waiting", _LEAST_WAITING, 1),
    ):
        value = (there.get(name) or 0) / unit
        if 0 < value < least:
            found[name] = f"{value:g}, less than {least:g}"
    if there.get("inactive_threshold"):
        found["inactive_threshold"] = f"{there['inactive_threshold'] / _NANOSECONDS:g} s, not unset"
    if there.get("priority_policy", "none") != "none":
        found["priority_policy"] = f"{there['priority_policy']}, not unset"
        found["priority_groups"] = f"{', '.join(there.get('priority_groups', []))}, not unset"
    if there.get("replay_policy", "instant") != "instant":
        found["replay_policy"] = f"{there['replay_policy']}, not instant"
    return found


async def advisories_waiting(client: Client, settings: Settings) -> int:
    """How many advisories no drain has followed; their stream and consumer are made if missing.

    Raises:
        FoundryError: they cannot be made; under `nats_config=accept` that is only a warning.
    """
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    stream, durable = advisory_stream(settings), settings.nats_durable
    try:
        info = await asked(settings, lambda: jetstream.consumer_info(stream, durable))
    except NotFoundError:
        kinds = ("MAX_DELIVERIES", "MSG_TERMINATED")
        kept = StreamConfig(
            name=stream,
            subjects=[
                f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{settings.nats_stream}.{durable}"
                for kind in kinds
            ],
            storage=StorageType.FILE,
            retention=RetentionPolicy.WORK_QUEUE,
            max_bytes=_ADVISORIES_MAX_BYTES,
            num_replicas=settings.stream_replicas,
        )
        wanted = consumer_config(settings)
        try:
            await asked(settings, lambda: jetstream.add_stream(kept))
            await asked(settings, lambda: jetstream.add_consumer(stream, wanted))
        except FoundryError as error:
            told = f"stream {stream}, which tells of messages given up, cannot be made: {error}"
            if settings.nats_config != "accept":
                raise FoundryError(
                    f"{told} Set MODEL_FOUNDRY_NATS_CONFIG=accept to work without it."
                ) from None
            _log.warning("%s", told)
        return 0
    return _waiting(info)


class Queue(NamedTuple):
    """What waits for a drain.

    Attributes:
        new: messages that were never delivered.
        held: those delivered and not acknowledged; to a drain that died, as long as `ack_wait_s`.
        state: another one as soon as something was delivered, acknowledged, or came again.
    """

    new: int
    held: int
    state: str
    ack_wait_s: float


async def queue(settings: Settings) -> Queue:
    """What waits on the durable consumer, and of advisories.

    Stream and consumer are made if missing, so that the first event after this is kept.
    """
    client = await connect(settings, name="model-foundry-sensor")
    try:
        infos = [(await ensure_consumer(client, settings)).info]
        if await advisories_waiting(client, settings):
            jetstream = client.jetstream(timeout=settings.connect_timeout_s)
            stream, durable = advisory_stream(settings), settings.nats_durable
            infos.append(await asked(settings, lambda: jetstream.consumer_info(stream, durable)))
    finally:
        await client.close()
    return Queue(
        sum(info.num_pending or 0 for info in infos),
        sum(info.num_ack_pending or 0 for info in infos),
        " ".join(_state(info) for info in infos),
        max(info.config.ack_wait or settings.intake_ack_wait_s for info in infos),
    )


def _state(info: ConsumerInfo) -> str:
    seqs = [each.consumer_seq if each else 0 for each in (info.delivered, info.ack_floor)]
    counts = [info.num_ack_pending or 0, info.num_redelivered or 0]
    return ":".join(map(str, (info.created.isoformat(), *seqs, *counts)))


async def pending_count(settings: Settings) -> int:
    """How many messages wait for a drain; stream and consumer are made if missing."""
    waits = await queue(settings)
    return waits.new + waits.held


def _waiting(info: ConsumerInfo) -> int:
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


def _differences(there: Any, wanted: Any, fields: tuple[str, ...]) -> list[str]:
    found = []
    for field in fields:
        is_now, should_be = getattr(there, field) or None, getattr(wanted, field) or None
        if is_now != should_be:
            found.append(f"{field} is {_named(is_now)}, not {_named(should_be)}")
    return found


def _named(value: Any) -> str:
    return "unset" if value is None else str(getattr(value, "value", value))


def _shall_apply(settings: Settings, what: str, differences: list[str]) -> bool:
    told = f"{what} is configured differently: {'; '.join(differences)}"
    if settings.nats_config == "check":
        raise FoundryError(
            f"{told}. It was left as it is. Set MODEL_FOUNDRY_NATS_CONFIG=apply to have it "
            "overwritten, or =accept to work with it as it is."
        )
    if settings.nats_config == "accept":
        _log.warning("%s: accepted as it is", told)
        return False
    return True


def jetstream_error(settings: Settings, error: Exception) -> FoundryError:
    """What JetStream answered, with what to look at."""
    reason = getattr(error, "description", None) or str(error) or type(error).__name__
    return FoundryError(
        f"JetStream, stream {settings.nats_stream} at "
        f"{address_of(settings).where}: {reason}. "
        "Check that JetStream is on (`nats-server -js`), that no other stream takes "
        f"{', '.join(STREAM_SUBJECTS)}, and MODEL_FOUNDRY_NATS_STREAM."
    )
