"""Lives of a stream: as long as a sequence means one message.

A stream that was made anew counts from 1 again; one that was restored from a backup counts on from
there, and gives numbers a second time. Neither shows in timestamps: a mirror's messages are older
than the mirror. So each batch in the ledger says of which life it is, and a drain looks at its
beginning whether the stream still holds the last message that it has taken from it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential_jitter,
)

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.intake import configuration
from model_foundry.intake.jetstream import Client
from model_foundry.intake.stored import stored_message
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_T = TypeVar("_T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Life(NamedTuple):
    """One life of the configured stream; sequences up to `through_seq` are proven."""

    life_id: int
    created: datetime
    first_seq: int
    through_seq: int


class _Taken(NamedTuple):
    """The last message of a batch."""

    seq: int
    received_at: datetime


async def current_life(client: Client, settings: Settings) -> Life:
    """The life that the stream is in, noted when it is seen for the first time.

    Raises:
        FoundryError: there is no such stream, or NATS or PostgreSQL is out of reach.
    """
    info = await _stream(client, settings)
    created = info.created.astimezone(UTC) if info.created else _EPOCH
    known, last = await _asked(settings, lambda: _known(settings))
    if known is None or known.created != created:
        begun = {"first_seq": max(1, info.state.first_seq), "shared_seq": None}
        return await _asked(settings, lambda: _begin(settings, known, created, begun))
    if last is None or await _is_held(client, settings, info, last) is not False:
        return known
    taken = await _asked(settings, lambda: _taken(settings, known))
    shared = await _last_shared(client, settings, info, taken)
    begun = {"first_seq": min(shared, known.through_seq) + 1, "shared_seq": shared}
    return await _asked(settings, lambda: _begin(settings, known, created, begun))


async def _stream(client: Client, settings: Settings) -> StreamInfo:
    jetstream = client.jetstream(timeout=settings.connect_timeout_s)
    try:
        return await configuration.asked(
            settings, lambda: jetstream.stream_info(settings.nats_stream)
        )
    except NotFoundError as error:
        raise configuration.jetstream_error(settings, error) from None


async def _is_held(
    client: Client, settings: Settings, info: StreamInfo, taken: _Taken
) -> bool | None:
    """Whether the stream holds this very message; None: it removed it, which says nothing."""
    if info.state.last_seq < taken.seq:
        return False
    message = await stored_message(client, settings, taken.seq)
    return None if message is None else message.received_at == taken.received_at


async def _last_shared(
    client: Client, settings: Settings, info: StreamInfo, taken: list[_Taken]
) -> int:
    """The last sequence known to mean the same message as before: 0 if none is."""
    low, high = 0, len(taken)
    while low < high:
        middle = (low + high) // 2
        if await _is_held(client, settings, info, taken[middle]):
            low = middle + 1
        else:
            high = middle
    return taken[low - 1].seq if low else 0


def _known(settings: Settings) -> tuple[Life | None, _Taken | None]:
    """The stream's last life, and the last message that was taken in it."""
    with _connected(settings) as connection:
        life = _latest(connection, settings)
        if life is None:
            return None, None
        row = connection.execute(
            load_sql("postgres/lives/last_taken"), {"life_id": life.life_id}
        ).fetchone()
    return life, None if row is None else _Taken(*row)


def _taken(settings: Settings, life: Life) -> list[_Taken]:
    """The last message of each batch of a life, ascending."""
    with _connected(settings) as connection:
        rows = connection.execute(
            load_sql("postgres/lives/taken"), {"life_id": life.life_id}
        ).fetchall()
    return [_Taken(*row) for row in rows]


def _begin(
    settings: Settings, known: Life | None, created: datetime, begun: dict[str, Any]
) -> Life:
    with _connected(settings) as connection, connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            (f"life {settings.nats_stream}",),
        )
        latest = _latest(connection, settings)
        if latest is not None and (known is None or latest.life_id != known.life_id):
            return latest  # another drain has seen it as well
        [row] = connection.execute(
            load_sql("postgres/lives/begin"),
            {
                "stream": settings.nats_stream,
                "created": created,
                "former": None if known is None else known.life_id,
                **begun,
            },
        ).fetchall()
        life = Life(*row)
        moved = {"life_id": life.life_id, "stream": settings.nats_stream, "created": created}
        if begun["shared_seq"] is not None and known is not None:
            moved |= {"former": known.life_id, "shared_seq": begun["shared_seq"]}
            connection.execute(load_sql("postgres/lives/take_over"), moved)
        elif known is None:
            connection.execute(load_sql("postgres/lives/adopt"), moved)
            [row] = connection.execute(load_sql("postgres/lives/reach_back"), moved).fetchall()
            life = Life(*row)
        return life


def _latest(connection: psycopg.Connection[Any], settings: Settings) -> Life | None:
    row = connection.execute(
        load_sql("postgres/lives/latest"), {"stream": settings.nats_stream}
    ).fetchone()
    return None if row is None else Life(*row)


@contextlib.contextmanager
def _connected(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with contextlib.closing(postgres.connect(settings)) as connection:
        yield connection


async def _asked(settings: Settings, ask: Callable[[], _T]) -> _T:
    """What PostgreSQL answers; asked again for a while if it is away.

    Raises:
        FoundryError: it stayed away.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((psycopg.OperationalError, FoundryError)),
        wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
        stop=stop_after_delay(settings.intake_retry_s),
        reraise=True,
    )
    try:
        return await asyncio.to_thread(retrying, ask)
    except (psycopg.Error, FoundryError) as error:
        raise FoundryError(
            f"PostgreSQL did not say how far the stream has been read: "
            f"{' '.join(str(error).split())} Nothing is lost: the messages stay in the stream; "
            "run the drain again when PostgreSQL is well."
        ) from error
