"""Poolers before PostgreSQL: a session must be one's own for as long as it lasts.

Places of slots and the lake's locks are advisory locks of a session; drains have a temporary table,
runs LISTEN, and the lake reads in another session's snapshot.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from model_foundry.errors import FoundryError
from model_foundry.postgres.address import Address
from model_foundry.settings import Settings

_LOOKS: Final = 3
_found_well: set[str] = set()

Connection = psycopg.AsyncConnection[Any]


async def require_own_session(settings: Settings, address: Address) -> None:
    """Refuse a pooler that gives one server process to several sessions; asked once a process.

    Raises:
        FoundryError: the pooler is in transaction or statement mode.
    """
    if address.conninfo in _found_well:
        return
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            shared = await _shares_processes(address)
    except (TimeoutError, psycopg.Error):
        # It lends no second process while the first is held: in the other modes it would.
        shared = False
    if shared:
        raise FoundryError(
            f"PostgreSQL at {address.where} is behind a pooler in transaction or statement mode, "
            "which gives one server process to several sessions: advisory locks, LISTEN and "
            "temporary tables need one's own. Set pool_mode = session for this database, or "
            "connect to PostgreSQL itself."
        )
    _found_well.add(address.conninfo)


async def _shares_processes(address: Address) -> bool:
    """Whether a session finds itself on another's process, or on another one than before."""
    async with _session(address) as one:
        first = await _process(one)
        for _ in range(_LOOKS):
            async with _session(address) as another:
                # In a round robin, asking in turns would find each on a process of its own.
                seen = {await _process(another), await _process(another)}
                if first in seen or len(seen) > 1 or await _process(one) != first:
                    return True
    return False


@asynccontextmanager
async def _session(address: Address) -> AsyncIterator[Connection]:
    connection = await psycopg.AsyncConnection.connect(address.conninfo, autocommit=True)
    try:
        yield connection
    finally:
        await connection.close()


async def _process(connection: Connection) -> int:
    [(pid,)] = await (await connection.execute("SELECT pg_backend_pid()")).fetchall()
    return int(pid)
