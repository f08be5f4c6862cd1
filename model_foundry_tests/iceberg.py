"""The lake's Iceberg catalog as somebody else opens it: by PyIceberg's own SqlCatalog and a URL.

And readers beside processes that write, rebuild, compact and drop days.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry_tests.faults.lake_process import EVENTS, TABLE

DAYS = (date(2026, 11, 20), date(2026, 11, 21))
_TOLD = ("lake_catalog", "lake_grace_s", "lake_max_parts", "nats_stream", "home", "lake_url")


def url_of(settings: Settings) -> str:
    """Of the database, as SQLAlchemy has it."""
    return settings.require_postgres_url().replace("postgresql://", "postgresql+psycopg://", 1)


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[SqlCatalog]:
    """The catalog, over a connection of its own."""
    properties = {"uri": url_of(settings), "init_catalog_tables": "false"}
    if "AWS_ENDPOINT_URL" in os.environ:  # PyArrow does not know it
        properties |= {"s3.endpoint": os.environ["AWS_ENDPOINT_URL"]}
        properties |= {"s3.region": os.environ["AWS_DEFAULT_REGION"]}
    catalog = SqlCatalog(str(settings.lake_catalog), **properties)
    try:
        yield catalog
    finally:
        catalog.close()


def table_of(settings: Settings, name: str) -> Table:
    """A table, as it is now."""
    with opened(settings) as catalog:
        return catalog.load_table(("lake", name))


def rows_of(settings: Settings, name: str) -> pa.Table:
    """All of its rows."""
    return table_of(settings, name).scan().to_arrow()


def start(settings: Settings, module: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process of model_foundry_tests.faults with these settings."""
    values = {name: getattr(settings, name) for name in _TOLD}
    values["postgres_url"] = settings.require_postgres_url()
    environment = {
        f"MODEL_FOUNDRY_{name.upper()}": str(one) for name, one in values.items() if one is not None
    }
    return subprocess.Popen(
        [sys.executable, "-m", f"model_foundry_tests.faults.{module}", *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_beside_writers(
    settings: Settings, rounds: int, readers: dict[str, Callable[[], tuple[int, int]]]
) -> dict[str, int]:
    """Three processes write, rebuild, compact and drop days; how often each has read meanwhile.

    Every read has each row once, a whole number of batches of them, none less than the one before,
    and nothing that the view does not show after it.
    """
    processes = [
        start(settings, "lake_process", 1, rounds, *DAYS),
        start(settings, "lake_process", 500, rounds, *reversed(DAYS)),
        start(settings, "lake_dropping", rounds, *DAYS),
    ]
    reads = dict.fromkeys(readers, 0)
    seen = dict.fromkeys(readers, 0)
    with views.open_views(settings) as view:
        while any(process.poll() is None for process in processes):
            for name, read in readers.items():
                rows, distinct = read()
                assert rows == distinct, name
                assert rows % EVENTS == 0, name
                assert seen[name] <= rows <= shown(view), name
                seen[name] = rows
                reads[name] += 1
        for process in processes:
            output, errors = process.communicate()
            assert process.returncode == 0, output + errors
        last = shown(view)
        assert last == len(DAYS) * (1 + 2 * rounds) * EVENTS
        for name, read in readers.items():
            assert read() == (last, last), name
    return reads


def shown(view: duckdb.DuckDBPyConnection) -> int:
    """Rows of the view."""
    [found] = view.execute(f"SELECT count(*) FROM {TABLE}").fetchall()
    return int(found[0])
