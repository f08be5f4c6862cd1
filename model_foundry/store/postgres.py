"""PostgreSQL: connections with limits, and forward-only migrations.

Table names are unqualified everywhere; the connection's search_path decides the schema.
"""

import hashlib
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import TupleRow

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.store.sql import load_sql, sql_names

MIGRATIONS = "postgres/migrations"
MINIMUM_VERSION = 160000


def connect(settings: Settings) -> psycopg.Connection[TupleRow]:
    """A connection (not autocommit) to the configured PostgreSQL.

    Raises:
        FoundryError: it cannot be reached; the text names host and port, never the password.
    """
    url = settings.require_postgres_url()
    try:
        return psycopg.connect(url, **_options(settings))
    except (psycopg.Error, UnicodeError) as error:
        raise _unreachable(url, error) from None


async def connect_async(settings: Settings) -> psycopg.AsyncConnection[TupleRow]:
    """As `connect`, for asyncio."""
    url = settings.require_postgres_url()
    try:
        return await psycopg.AsyncConnection.connect(url, **_options(settings))
    except (psycopg.Error, UnicodeError) as error:
        raise _unreachable(url, error) from None


def lock_key(*parts: str) -> int:
    """31 bits: the first of the two numbers of an advisory lock."""
    digest = hashlib.sha256("\n".join(("model-foundry", *parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "connect_timeout": max(2, round(settings.connect_timeout_s)),
        "application_name": "model-foundry",
        "options": "-c timezone=UTC -c jit=off",
        # A cable that stays unplugged must not hold a statement for hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


def _unreachable(url: str, error: Exception) -> FoundryError:
    try:
        parts = urlsplit(url)
        where = f"{parts.hostname or 'its socket'}:{parts.port or 5432}{parts.path}"
        secret = parts.password
    except ValueError:
        where, secret = "the configured address", None
    reason = " ".join(str(error).split())
    if secret:
        reason = reason.replace(secret, "***")
    return FoundryError(
        f"PostgreSQL at {where} cannot be reached: {reason}. "
        "Check MODEL_FOUNDRY_POSTGRES_URL and that the server runs."
    )


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
    """Apply what is missing, in one transaction, and return the names applied.

    Two at once are safe: the second waits, then finds nothing to do.

    Raises:
        FoundryError: the server is too old, or an applied migration differs from its file.
    """
    if connection.info.server_version < MINIMUM_VERSION:
        raise FoundryError(
            "PostgreSQL 16 or newer is needed; this server is "
            f"{connection.info.server_version // 10000}"
        )
    applied: list[str] = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('model-foundry', 0))")
        connection.execute(load_sql("postgres/migration_table"))
        rows = connection.execute("SELECT name, digest FROM schema_migration").fetchall()
        done = {str(name): str(digest) for name, digest in rows}
        for migration in known_migrations():
            if migration.name in done:
                if done[migration.name] != migration.digest:
                    raise FoundryError(
                        f"migration {migration.name} was applied with another text than its file: "
                        "migrations are forward only; restore the file and add a new one"
                    )
                continue
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO schema_migration (name, digest) VALUES (%s, %s)",
                (migration.name, migration.digest),
            )
            applied.append(migration.name)
    return applied
