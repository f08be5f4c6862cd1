"""Rows as programs read them: JSON and CSV.

Belongs here: what becomes of DuckDB's values in either form.
Does not: what people read (`answer_table`).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from model_foundry.cli.plain import escaped


def json_document(rows: Iterable[Mapping[str, Any]]) -> str:
    """One array, with an object a row, each on a line of its own."""
    lines = ",\n".join(json.dumps(_value(row), ensure_ascii=False) for row in rows)
    return escaped(f"[\n{lines}\n]\n" if lines else "[]\n")


def csv_line(row: Sequence[Any]) -> str:
    """A record as in RFC 4180, but for its end, which is a newline.

    NULL is nothing, an empty text is `""`, and what is nested is JSON. A row of one NULL is `""`
    as well: readers pass over lines without anything.
    """
    return (",".join(map(_field, row)) or '""') + "\n"


def _value(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """The nearest that JSON has: times as ISO 8601, bytes as hex digits, NaN as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return _number(value)
        case timedelta():
            return msgspec.to_builtins(value)
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case bytes():
            return value.hex()
        case Mapping():
            return {str(_value(key)): _value(item) for key, item in value.items()}
        case list() | tuple():
            return [_value(item) for item in value]
        case _:
            return str(value)


def _number(value: Decimal) -> int | float | str:
    """A number where that is the same one for whoever reads it, else its digits."""
    if value == value.to_integral_value():
        return int(value)
    nearest = float(value)
    return nearest if Decimal(repr(nearest)) == value else str(value)


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(value)
    ready = _value(value)
    text = ready if isinstance(ready, str) else json.dumps(ready, ensure_ascii=False)
    if text and text == text.strip() and not set(text) & set(',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
