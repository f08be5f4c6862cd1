"""What a materialization shows in the Dagster UI: row counts, column schema, tables."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import dagster as dg

from model_foundry.looks import units

_MAX_CELL_CHARS = 120
_SHORT_CHARS = 40


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
) -> dg.TableMetadataValue:
    """Rows as a table; long cells are cut, what is not a number or a flag is shown as text."""
    schema = column_schema(columns)
    names = [column.name for column in schema.columns]
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def preview(
    rows: Sequence[Mapping[str, Any]],
    columns: Iterable[tuple[str, str]],
    zone: tzinfo | None,
    *,
    most: int | None = None,
) -> dg.TableMetadataValue:
    """A few rows as a table that fits the pane: what tells rows apart first, long and nested last.

    Columns without a value are left out, and of several rows those with one text, or no figure but
    0, in all.

    Args:
        rows: column → value.
        columns: (name, type) pairs.
        zone: in which times are shown; None: the machine's.
        most: so many columns at most.
    """
    told = {
        name: kind for name, kind in columns if _tells([row.get(name) for row in rows], len(rows))
    }
    shown = sorted(told, key=lambda name: _rank(told[name], [row.get(name) for row in rows]))[:most]
    read = [{name: _read(name, row.get(name), zone) for name in shown} for row in rows]
    return table(read, [(name, told[name]) for name in shown])


def telemetry(dropped: int | None) -> dict[str, int]:
    """How many telemetry events were dropped meanwhile; nothing without telemetry (None)."""
    return {} if dropped is None else {"telemetry_dropped": dropped}


def _tells(values: Sequence[Any], rows: int) -> bool:
    """Whether a column says something: in a table without rows, and of one row, all that is."""
    if not rows:
        return True
    given = [value for value in values if value is not None]
    if not given or rows == 1:
        return bool(given)
    if all(isinstance(value, int | float) for value in given):
        return any(given)
    return any(value != values[0] for value in values)


def _rank(kind: str, values: Sequence[Any]) -> int:
    """Short texts, days and flags; then figures; then times; then what is long, then nested."""
    if any(isinstance(value, dict | list) for value in values) or "json" in kind:
        return 4
    if "timestamp" in kind:
        return 2
    if all(isinstance(value, int | float) for value in values if value is not None):
        return 1
    return 3 if max((len(str(value)) for value in values), default=0) > _SHORT_CHARS else 0


def _read(name: str, value: Any, zone: tzinfo | None) -> Any:
    """Figures whose column names a unit, with it; times in the zone."""
    if isinstance(value, datetime):
        return units.shown(name, value, zone)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return units.figure(name, value) if name.endswith(units.SUFFIXES) else value
    return value


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
