"""PostgreSQL: connections with limits, and forward-only migrations.

Table names are unqualified everywhere; the connection's search_path decides the schema.
"""

import asyncio
import contextlib
import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from model_foundry.errors import FoundryError
from model_foundry.postgres import pooler
from model_foundry.postgres.address import SETUP, VARIABLE, Address, address_of
from model_foundry.settings import Settings
from model_foundry.sql import load_sql, sql_names

MIGRATIONS: Final = "postgres/migrations"
MINIMUM_VERSION: Final = 160000
# Held while migrations are applied, and shared by what must not see them half done.
MIGRATING: Final = "hashtextextended('model-foundry', 0)"
# What a statement meets whose tables are another version's.
STRANGE_TABLES: Final = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)
_BEGIN: Final = SETUP.format("%s")
# A prepared statement is planned for any day, and then locks the partitions of every day. (Not by
# plan_cache_mode, which would plan functions anew at each call as well.)
_OPTIONS: Final[dict[str, Any]] = {"autocommit": True, "prepare_threshold": None}


def connect(settings: Settings) -> psycopg.Connection[TupleRow]:
    """A connection (not autocommit) to the configured PostgreSQL.

    Raises:
        FoundryError: it cannot be reached, does not answer in time, refuses us, or is behind a
            pooler whose sessions are not one's own; the text names host and port, never the
            password.
    """
    address = address_of(settings)
    try:
        connection = psycopg.connect(address.conninfo, **_OPTIONS)
    except (psycopg.Error, UnicodeError) as error:
        raise address.refused(error) from None
    try:
        with _hung_up_after(settings.connect_timeout_s, connection):
            [(pid, _)] = connection.execute(_BEGIN, (address.setup,)).fetchall()
        if pid != connection.info.backend_pid:
            with ThreadPoolExecutor(1) as thread:  # this one may have a loop that runs
                own = pooler.require_own_session(settings, address)
                thread.submit(asyncio.run, own).result()
        connection.autocommit = False
    except BaseException as error:
        connection.close()
        raise _refused(address, error) from None
    return connection


async def connect_async(settings: Settings) -> psycopg.AsyncConnection[TupleRow]:
    """As `connect`, for asyncio."""
    address = address_of(settings)
    try:
        connection = await psycopg.AsyncConnection.connect(address.conninfo, **_OPTIONS)
    except (psycopg.Error, UnicodeError) as error:
        raise address.refused(error) from None
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            cursor = await connection.execute(_BEGIN, (address.setup,))
            [(pid, _)] = await cursor.fetchall()
        if pid != connection.info.backend_pid:
            await pooler.require_own_session(settings, address)
        await connection.set_autocommit(False)
    except BaseException as error:
        await connection.close()
        raise _refused(address, error) from None
    return connection


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
    """A connection for reading (autocommit), closed whatever happens.

    The connection's own context manager ends the transaction first, and leaves it open where that
    is cancelled.

    Raises:
        FoundryError: as `connect`.
    """
    connection = await connect_async(settings)
    try:
        await connection.set_autocommit(True)
        yield connection
    finally:
        await connection.close()


def _refused(address: Address, error: BaseException) -> BaseException:
    if isinstance(error, TimeoutError):
        return address.refused(TimeoutError("no answer in time"))
    if isinstance(error, psycopg.OperationalError):
        return address.refused(error)
    if isinstance(error, psycopg.Error):
        return address.refused(error, why="refuses what the address asks for")
    return error


@contextlib.contextmanager
def _hung_up_after(seconds: float, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A statement in the block fails if the server has not answered by then."""
    line = socket.fromfd(connection.fileno(), socket.AF_UNSPEC, socket.SOCK_STREAM)
    hang_up = threading.Timer(seconds, _shut, (line,))
    hang_up.daemon = True
    with line:
        hang_up.start()
        try:
            yield
        finally:
            hang_up.cancel()
            hang_up.join()


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def in_words(settings: Settings, error: psycopg.Error) -> Exception:
    """What PostgreSQL said of a right that lacks, or of its own troubles, for whoever runs it.

    Any other error comes back as it is: it is ours.
    """
    if isinstance(error, errors.InsufficientPrivilege):
        why = "does not let this role do what is needed"
        return address_of(settings).refused(error, why=why, check="grant it, or name another role")
    if isinstance(error, (psycopg.OperationalError, errors.ReadOnlySqlTransaction)):
        return address_of(settings).refused(error, why="does not do what is needed")
    return error


def lock_key(*parts: str) -> int:
    """31 bits: the first of the two numbers of an advisory lock."""
    digest = hashlib.sha256("\n".join(("model-foundry", *parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Migration(NamedTuple):
    """One file of sql/postgres/migrations."""

    name: str
    digest: str
    text: str


def known_migrations() -> list[Migration]:
    """The migrations that ship with this version, in order."""
    found = []
    for name in sql_names(MIGRATIONS):
        text = load_sql(f"{MIGRATIONS}/{name}")
        found.append(Migration(name, hashlib.sha256(text.encode()).hexdigest(), text))
    return found


def migrate(connection: psycopg.Connection[Any]) -> list[str]:
    """Apply what is missing, each in a transaction of its own, and return the names applied.

    Each of its own, because one that alters a table locks every day of it. Two at once are safe:
    one waits, then goes on where the other ended.

    Raises:
        FoundryError: the server or its database will not do, an applied migration differs from its
            file, or a newer model-foundry has been here.
    """
    applied: list[str] = []
    with connection.transaction():
        if not _missing(connection):
            return applied
        _require_fit(connection)
    while True:
        with connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATING})")
            connection.execute(load_sql("postgres/migration_table"))
            missing = _missing(connection)
            if not missing:
                return applied
            migration = missing[0]
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO schema_migration (name, digest, applied_by) VALUES (%s, %s, %s)",
                (migration.name, migration.digest, _this_version()),
            )
        applied.append(migration.name)


def require_schema(connection: psycopg.Connection[Any]) -> None:
    """Refuse tables that are not this version's.

    Raises:
        FoundryError: they are older or newer; the text says what to do.
    """
    with connection.transaction():
        missing = _missing(connection)
    if missing:
        raise FoundryError(
            f"the tables in PostgreSQL lack {', '.join(each.name for each in missing)}: run "
            "`model-foundry migrate`"
        )


def _missing(connection: psycopg.Connection[Any]) -> list[Migration]:
    """The migrations that have not been applied in the schema that tables are made in."""
    known = known_migrations()
    [(is_there,)] = connection.execute(load_sql("postgres/is_migrated")).fetchall()
    if not is_there:
        return known
    rows = connection.execute("SELECT name, digest FROM schema_migration").fetchall()
    done = {str(name): str(digest) for name, digest in rows}
    strange = sorted(done.keys() - {migration.name for migration in known})
    if strange:
        raise _newer(connection, strange)
    for migration in known:
        if done.get(migration.name, migration.digest) != migration.digest:
            raise FoundryError(
                f"migration {migration.name} was applied with another text than its file: "
                "migrations are forward only; restore the file and add a new one"
            )
    return [migration for migration in known if migration.name not in done]


def _newer(connection: psycopg.Connection[Any], names: list[str]) -> FoundryError:
    [(by,)] = connection.execute(load_sql("postgres/applied_by"), {"name": names[-1]}).fetchall()
    return FoundryError(
        f"the tables in PostgreSQL are newer than this model-foundry ({_this_version()}), which "
        f"does not know {', '.join(names)}: install the version that applied them "
        f"({by or 'not noted'}), or a newer one"
    )


def _require_fit(connection: psycopg.Connection[Any]) -> None:
    info = connection.info
    if info.server_version < MINIMUM_VERSION:
        raise FoundryError(
            f"PostgreSQL 16 or newer is needed; this server is {info.server_version // 10000}"
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise FoundryError(
            f"the database {info.dbname} is in {encoding}, which cannot hold every text: make one "
            f"with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in {VARIABLE}"
        )
    [(schema,)] = connection.execute("SELECT current_schema()").fetchall()
    if schema is None:
        raise FoundryError(
            f"the search_path of {info.dbname} names no schema that exists: make it with "
            f"CREATE SCHEMA, or name another in {VARIABLE}"
        )


def _this_version() -> str:
    return version("model-foundry")
