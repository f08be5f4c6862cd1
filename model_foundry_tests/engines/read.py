"""Reads a table of the lake by one engine, over and over; run by the Python of `.engines`.

    read.py ENGINE CATALOG TABLE    (the database's URL is on the first line of its input)

Each further line of its input is answered by one of rows and distinct event ids, as JSON.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

warnings.simplefilter("ignore")


def by_pyiceberg(table: Table) -> tuple[int, int]:
    """Arrow, of what its scan plans."""
    ids = table.scan(selected_fields=("event_id",)).to_arrow()["event_id"]
    return len(ids), len(ids.unique())


def by_polars(table: Table) -> tuple[int, int]:
    """Its own reader of Iceberg."""
    import polars as pl

    found = pl.scan_iceberg(table).select(pl.len(), pl.col("event_id").n_unique().alias("ids"))
    rows, ids = found.collect().row(0)
    return rows, ids


def by_daft(table: Table) -> tuple[int, int]:
    """Of the files that the snapshot names: Daft itself takes no files without field ids."""
    import daft

    paths = [task.file.file_path for task in table.scan().plan_files()]
    ids = daft.read_parquet(paths).select("event_id").to_pydict()["event_id"]
    return len(ids), len(set(ids))


def by_clickhouse(table: Table) -> tuple[int, int]:
    """Its table function for a folder."""
    import chdb

    folder, _, name = table.metadata_location.partition("/metadata/")
    query = (
        f"SELECT count(), uniqExact(event_id) FROM icebergLocal('{folder}', "
        f"SETTINGS iceberg_metadata_file_path = 'metadata/{name}')"
    )
    rows, ids = str(chdb.query(query, "CSV")).strip().split(",")
    return int(rows), int(ids)


def by_duckdb(table: Table) -> tuple[int, int]:
    """1.5 and its extension."""
    import duckdb

    with duckdb.connect(config={"allow_unsigned_extensions": True}) as connection:
        for name in ("avro", "iceberg"):
            package = importlib.import_module(f"duckdb_extension_{name}")
            [extension] = Path(str(package.__file__)).parent.rglob("*.duckdb_extension")
            connection.execute(f"LOAD '{extension}'")
        query = "SELECT count(*), count(DISTINCT event_id) FROM iceberg_scan(?)"
        [(rows, ids)] = connection.execute(query, [table.metadata_location]).fetchall()
    return rows, ids


ENGINES: dict[str, Callable[[Table], tuple[int, int]]] = {
    "pyiceberg": by_pyiceberg,
    "polars": by_polars,
    "daft": by_daft,
    "clickhouse": by_clickhouse,
    "duckdb": by_duckdb,
}


def main() -> None:
    """Until its input ends."""
    engine, catalog_name, name = sys.argv[1:]
    url = sys.stdin.readline().strip()
    properties: dict[str, Any] = {"uri": url, "init_catalog_tables": "false"}
    catalog = SqlCatalog(catalog_name, **properties)
    for _ in sys.stdin:
        rows, ids = ENGINES[engine](catalog.load_table(("lake", name)))
        sys.stdout.write(f"{json.dumps([rows, ids])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
