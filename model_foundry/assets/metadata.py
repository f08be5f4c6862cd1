"""What a materialization shows in the Dagster UI: row counts, column schema, tables."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

_MAX_CELL_CHARS = 120


def column_schema(
    columns: Iterable[tuple[str, str]], comments: Mapping[str, str] | None = None
) -> dg.TableSchema:
    """A table schema from (name, type) pairs, and what there is to say of some columns."""
    known = comments or {}
    return dg.TableSchema(
        [dg.TableColumn(name, data_type, known.get(name)) for name, data_type in columns]
    )


def table(
    rows: Sequence[Mapping[str, Any]], columns: Iterable[tuple[str, str]]
) -> dg.MetadataValue:
    """Rows as a table; long cells are cut, what is not a number or a flag is shown as text."""
    schema = column_schema(columns)
    names = [column.name for column in schema.columns]
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def telemetry(dropped: int | None) -> dict[str, int]:
    """How many telemetry events were dropped meanwhile; nothing without telemetry (None)."""
    return {} if dropped is None else {"telemetry_dropped": dropped}


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else str(value)  # JSON has no infinity
    text = value if isinstance(value, str) else _text(value)
    return text if len(text) <= _MAX_CELL_CHARS else f"{text[: _MAX_CELL_CHARS - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
