"""PostgreSQL: connections and migrations, the days, the flat tables.

Belongs here: where it is (`address`), connections with limits and migrations (`connection`),
poolers before it (`pooler`), a connection for many small works (`patient`), partitions (`days`),
keys of events (`keys`), the flat tables and what they refuse (`flat`, `flat_rows`, `flat_refused`,
with the SQL of sql/postgres/flatten), days that changed otherwise (`changes`).
Does not: what an event means (`events`), how it gets here (`intake`), the files of a day (`lake`).
"""

from model_foundry.postgres.connection import (
    MIGRATING,
    MINIMUM_VERSION,
    STRANGE_TABLES,
    Migration,
    connect,
    connect_async,
    in_words,
    known_migrations,
    lock_key,
    migrate,
    require_schema,
    session,
)

__all__ = [
    "MIGRATING",
    "MINIMUM_VERSION",
    "STRANGE_TABLES",
    "Migration",
    "connect",
    "connect_async",
    "in_words",
    "known_migrations",
    "lock_key",
    "migrate",
    "require_schema",
    "session",
]
