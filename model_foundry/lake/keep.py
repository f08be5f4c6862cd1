"""Rows that come from elsewhere than PostgreSQL (summaries), and the columns of every name."""

import contextlib
from datetime import date
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from model_foundry.lake.catalog import Catalog
from model_foundry.lake.parquet import Footer, Made, State, read_footer, write_rows
from model_foundry.lake.place import Lake


class Kept(NamedTuple):
    """A day of a summary in the lake; `made` is None where an earlier version wrote it."""

    rows: pa.Table
    bytes: int
    made: Made | None


def keep_day(catalog: Catalog, rows: pa.Table, made: Made) -> Kept:
    """Make these rows what a day holds, in place of what it held; under the day's lock."""
    lake, name, day = catalog.lake, catalog.name, catalog.day
    if schema_of(lake, name) != rows.schema.remove_metadata():
        keep_schema(lake, name, rows.schema)
    last = catalog.next_no(0, lake.files(name, day))
    with lake.written(name, day) as path:
        written = write_rows(path, rows.schema, made, rows.to_batches())
        file = lake.part(path, name, day, layer=0, first=0, last=last)
        catalog.publish(path, file, Footer(written, None, made))
    return Kept(rows, file.bytes, made)


def kept_day(lake: Lake, name: str, day: date) -> Kept | None:
    """What a day of a summary holds; None where there is none, or it is damaged."""
    with contextlib.suppress(OSError, pa.ArrowException):
        for file in lake.live(name, day):
            with lake.fs.open(file.path, "rb") as opened:
                rows = pq.read_table(opened)
                return Kept(rows.replace_schema_metadata(), file.bytes, read_footer(opened).made)
    return None


def schema_of(lake: Lake, name: str) -> pa.Schema | None:
    """The columns of a table or summary; None where the lake does not have it, or it is damaged."""
    try:
        with lake.fs.open(lake.schema_path(name), "rb") as file:
            return pq.read_schema(file).remove_metadata()
    except (OSError, pa.ArrowException):
        return None


def schema_is_for(lake: Lake, name: str, columns: str) -> bool:
    """Whether the columns were kept for this query."""
    try:
        with lake.fs.open(lake.schema_path(name), "rb") as file:
            state = read_footer(file).state
    except (OSError, pa.ArrowException):
        return False
    return state is not None and state.columns == columns


def keep_schema(lake: Lake, name: str, schema: pa.Schema, columns: str = "") -> None:
    """Say what columns a table or summary has."""
    with lake.written(name, None) as path:
        write_rows(path, schema, State("", columns, {}))
        lake.publish(path, lake.schema_path(name))
