"""The time zone of whoever looks at days and hours, as a name that SQL knows."""

import functools

import duckdb

from model_foundry.settings import Settings


def zone_name(settings: Settings) -> str:
    """An IANA name: the settings' zone, else the machine's."""
    return settings.timezone or _machine()


@functools.cache
def _machine() -> str:
    with duckdb.connect(":memory:") as connection:
        [(name,)] = connection.execute("SELECT current_setting('TimeZone')").fetchall()
    return str(name)
