"""The catalog's tables: PyIceberg's `SqlCatalog` over our own connections, one table each.

Its metadata lie in the lake, in `.iceberg/<catalog>/<table>/metadata`, where no view looks. No
property of it holds where PostgreSQL is: that would be a password.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, ValidationError
from pyiceberg.table import Table, Transaction
from sqlalchemy import create_engine

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.lake.place import Lake
from model_foundry.lake.tables import LAKE_TABLES
from model_foundry.settings import Settings
from model_foundry.sql import sql_names

NAMESPACE: Final = "lake"
FOLDER: Final = ".iceberg"
# Metadata that are lost, or not whole.
UNREADABLE: Final = (FileNotFoundError, ValueError, EOFError, ValidationError)
_COLUMNS: Final = "model-foundry.columns"
_MAPPING: Final = "schema.name-mapping.default"
_PROPERTIES: Final = {
    "write.metadata.previous-versions-max": "20",
    # Manifests are merged by night, to some that each tell of a month or so.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "2",
    "commit.manifest.target-size-bytes": str(512 * 1024),
}


class _Catalog(SqlCatalog):
    """Connected as everything else here is, with the settings' certificates and search path."""

    def __init__(self, name: str, settings: Settings, **properties: str) -> None:
        MetastoreCatalog.__init__(self, name, **properties)
        connect = partial(postgres.connect, settings)
        self.engine = create_engine("postgresql+psycopg://", creator=connect)
        self._init_catalog()


class Tables:
    """The tables of one lake, for as long as it is open."""

    def __init__(self, catalog: SqlCatalog, lake: Lake) -> None:
        self._catalog = catalog
        self._lake = lake

    def load(self, name: str) -> Table | None:
        """A table, as it is; None where there is none, or its metadata cannot be read.

        Raises:
            FoundryError: it is another lake's.
        """
        try:
            table = self._catalog.load_table((NAMESPACE, name))
        except (NoSuchTableError, *UNREADABLE):
            return None
        if table.location() != self._location(name):
            raise FoundryError(
                f"the Iceberg catalog {self._catalog.name} is of the lake at "
                f"{Path(table.location()).parents[2]}: name another in MODEL_FOUNDRY_LAKE_CATALOG, "
                "or delete the catalog's rows from iceberg_tables"
            )
        return table

    def make(self, name: str, schema: pa.Schema) -> Table:
        """A table without rows; what it was before is forgotten."""
        identifier = (NAMESPACE, name)
        self.drop(name)
        with self._catalog.create_table_transaction(
            identifier, schema, location=self._location(name), properties=_PROPERTIES
        ) as made:
            if (column := day_column(name, schema)) is not None:
                with made.update_spec() as spec:
                    spec.add_identity(column)
            mapping = made.table_metadata.schema().name_mapping.model_dump_json()
            made.set_properties({_MAPPING: mapping, _COLUMNS: _digest(schema)})
        return self._catalog.load_table(identifier)

    def names(self) -> set[str]:
        """Of every table that there is."""
        return {identifier[-1] for identifier in self._catalog.list_tables(NAMESPACE)}

    def drop(self, name: str) -> None:
        """Forget a table; its files stay."""
        with contextlib.suppress(NoSuchTableError):
            self._catalog.drop_table((NAMESPACE, name))

    def _location(self, name: str) -> str:
        return self._lake.address(f"{self._lake.root}/{FOLDER}/{self._catalog.name}/{name}")


@contextlib.contextmanager
def opened(
    settings: Settings, lake: Lake, connection: psycopg.Connection[tuple[object, ...]]
) -> Iterator[Tables]:
    """The catalog; made where there is none."""
    name = str(settings.lake_catalog)
    # Anything that fsspec knows is read as the lake itself is; PyArrow is faster on a disk.
    reads = {} if lake.is_local else {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"}
    with alone(connection, "lake catalog"):  # its tables are made when it is first opened
        catalog = _Catalog(name, settings, **reads)
        catalog.create_namespace_if_not_exists(NAMESPACE)
    try:
        yield Tables(catalog, lake)
    finally:
        catalog.close()


@contextlib.contextmanager
def alone(connection: psycopg.Connection[tuple[object, ...]], what: str) -> Iterator[None]:
    """Nobody else does this."""
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (what,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (what,))


def add_columns(transaction: Transaction, schema: pa.Schema, *, is_current: bool) -> None:
    """Take in columns that the table does not have; one that is no more stays.

    `is_current`: these are what the lake has now, and not what an older file has.

    Raises:
        ValueError, pyiceberg.exceptions.ValidationError: one has another type now.
    """
    if is_current and transaction.table_metadata.properties.get(_COLUMNS) == _digest(schema):
        return
    with transaction.update_schema() as update:
        update.union_by_name(schema.remove_metadata())
    if is_current:
        transaction.set_properties({_COLUMNS: _digest(schema)})


def day_column(name: str, schema: pa.Schema) -> str | None:
    """What is one day in each file, where it is known to be."""
    column = "occurred_on" if name in LAKE_TABLES else "day"
    known = name in LAKE_TABLES or name in sql_names("duckdb")
    is_date = column in schema.names and pa.types.is_date32(schema.field(column).type)
    return column if known and is_date else None


def _digest(schema: pa.Schema) -> str:
    return hashlib.sha256(schema.remove_metadata().to_string().encode()).hexdigest()
