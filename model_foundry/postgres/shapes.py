"""Which rows of a flat table are of no family that is known."""

from datetime import date
from typing import Any, Final, NamedTuple

import psycopg

from model_foundry.postgres.flat import of_rows
from model_foundry.sql import sql_names

SHAPED_TABLES: Final = tuple(
    table for table in sql_names("postgres/flatten") if sql_names(f"postgres/flatten/{table}")
)
"""Tables whose payloads come in several families: those with a file for each."""


class Unknown(NamedTuple):
    """A day's rows in which nothing could be read, of all; `examples` are up to 10 event ids."""

    rows: int
    all_rows: int
    examples: list[str]


def unknown_rows(connection: psycopg.Connection[Any], table: str, day: date) -> Unknown:
    """Count the rows of shape `unknown` of a day."""
    with connection.transaction():
        [(rows, all_rows, examples)] = connection.execute(
            of_rows("unknown_shapes", table, "shape"), {"day": day}
        ).fetchall()
    return Unknown(rows, all_rows, examples or [])
