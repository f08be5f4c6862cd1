"""The lake's Iceberg catalog as somebody else opens it: by PyIceberg's own SqlCatalog and a URL."""

import contextlib
import os
from collections.abc import Iterator

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from model_foundry.settings import Settings


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[SqlCatalog]:
    """The catalog, over a connection of its own."""
    url = settings.require_postgres_url().replace("postgresql://", "postgresql+psycopg://", 1)
    properties = {"uri": url, "init_catalog_tables": "false"}
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
