"""The statement that fills a flat table, from its file and those of its families.

`postgres/flatten/<table>.sql` reads the inbox; where payloads come in several families, each file
of `postgres/flatten/<table>/` reads one, and all of them stand in the place of `%(readings)s`.
"""

from typing import Final

from model_foundry.sql import load_sql, sql_names

_READINGS: Final = "%(readings)s"


def flatten_names(table: str) -> tuple[str, ...]:
    """The names of all SQL files that the table's statement is made of, its own first."""
    own = f"postgres/flatten/{table}"
    return (own, *(f"{own}/{family}" for family in sql_names(own)))


def flatten_sql(table: str) -> str:
    """The statement; its parameters are `day`, `batches` and `events`."""
    own, *families = flatten_names(table)
    readings = "\nUNION ALL\n".join(load_sql(family) for family in families)
    return load_sql(own).replace(_READINGS, readings)
