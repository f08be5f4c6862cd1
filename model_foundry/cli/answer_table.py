"""An answer of any width as a table that a person can read in a terminal.

Belongs here: which columns are shown, how wide, in which order, and how a cell is written.
Does not: what programs read (`rows`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from model_foundry.cli.plain import plain
from model_foundry.summaries.query import Answer

_TEXT_AT_LEAST: Final = 16
_TEXT_AT_MOST: Final = 60
_LONGEST: Final = 200
_NAMES: Final = 30
_NESTED: Final = ("MAP", "STRUCT", "UNION", "JSON")
_NULL: Final = "–"


class Shown(NamedTuple):
    """A table, its width in cells, and what is to be said of the columns that are not in it."""

    table: Table
    width: int
    notes: list[Text]


class _Column(NamedTuple):
    name: str
    kind: str
    values: list[Any]
    cells: list[Text]
    at_least: int
    at_most: int

    @property
    def is_number(self) -> bool:
        return _is_number(self.kind)

    @property
    def rank(self) -> int:
        """Short texts and times say which row it is; then figures; then ids; then the long."""
        if self.kind.startswith(_NESTED) or self.kind.endswith("]"):
            return 4
        if self.is_number:
            return 1
        if self.name.endswith("_id"):
            return 2
        return 3 if self.at_most > _TEXT_AT_LEAST * 2 else 0

    @property
    def is_sketch(self) -> bool:
        return self.name.endswith("_sketch") and self.kind.startswith("MAP")

    @property
    def is_constant(self) -> bool:
        return len(self.values) > 1 and all(value == self.values[0] for value in self.values)


def answer_table(answer: Answer, *, width: int, wide: bool = False) -> Shown:
    """The answer's rows within `width` cells; with `wide`, every column as wide as it is."""
    columns = [
        _column(name, kind, [row[number] for row in answer.rows], wide=wide)
        for number, (name, kind) in enumerate(answer.columns)
    ]
    if wide:
        return Shown(_table(columns, [c.at_most for c in columns]), _total(columns), [])
    left = [c for c in columns if not c.is_sketch] or columns
    varying = [column for column in left if not column.is_constant] or left
    constant = [column for column in left if column not in varying]
    if len(answer.rows) == 1 and _total(varying) > width:
        return Shown(_record(varying), width, _notes([], _without(columns, varying)))
    chosen = varying if _total(varying) <= width else _fitting(varying, width)
    notes = _notes(constant, _without(columns, [*chosen, *constant]))
    widths = _widths(chosen, width)
    return Shown(_table(chosen, widths), sum(widths) + 3 * len(widths) + 1, notes)


def _column(name: str, kind: str, values: list[Any], *, wide: bool) -> _Column:
    cells = [plain(_cell(value), most=_LONGEST) for value in values]
    natural = max((cell_len(cell.plain) for cell in cells), default=0)
    pieces = _pieces(name)
    heading = max(cell_len(piece) for piece in pieces)
    if wide:
        return _Column(name, kind, values, cells, natural, max(natural, cell_len(name)))
    keeps = _is_number(kind) or kind.startswith(("DATE", "TIME")) or name.endswith("_id")
    natural = min(natural, _TEXT_AT_MOST)
    at_least = natural if keeps else min(natural, _TEXT_AT_LEAST)
    return _Column(name, kind, values, cells, max(at_least, heading), max(natural, heading))


def _is_number(kind: str) -> bool:
    return kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")) or (
        "INT" in kind and not kind.startswith(_NESTED) and not kind.endswith("]")
    )


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.at_most for column in columns) + 3 * len(columns) + 1


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The first column, then by rank what finds room."""
    first, *others = columns
    chosen, room = [first], width - first.at_least - 4
    for column in sorted(others, key=lambda column: column.rank):
        if column.at_least + 3 <= room:
            chosen.append(column)
            room -= column.at_least + 3
    return chosen


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """As wide as they want to be, or the room shared out, to the narrowest first."""
    widths = [column.at_least for column in columns]
    room = width - sum(widths) - 3 * len(widths) - 1
    while room > 0:
        cut = [n for n, column in enumerate(columns) if widths[n] < column.at_most]
        if not cut:
            break
        widths[min(cut, key=lambda n: widths[n])] += 1
        room -= 1
    return widths


def _table(columns: Sequence[_Column], widths: Sequence[int]) -> Table:
    table = Table()
    for column, width in zip(columns, widths, strict=True):
        heading = Text("\n").join(map(plain, _lines(column.name, width)))
        table.add_column(
            heading,
            justify="right" if column.is_number else "left",
            width=width,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _record(columns: Sequence[_Column]) -> Table:
    """The one row, a line for each column."""
    table = Table("column", "value")
    for column in columns:
        table.add_row(plain(column.name), column.cells[0])
    return table


def _notes(constant: Sequence[_Column], left_out: Sequence[_Column]) -> list[Text]:
    notes = []
    said = [c for c in constant if c.values[0] is not None]
    empty = [c for c in constant if c.values[0] is None]
    if said:
        listed = (f"{c.name} = {plain(_cell(c.values[0]), most=_TEXT_AT_MOST)}" for c in said)
        notes.append(plain(f"The same in every row: {', '.join(listed)}."))
    if empty:
        notes.append(plain(f"NULL in every row: {_listed(empty)}."))
    if left_out:
        notes.append(plain(f"Not shown: {_listed(left_out)}. --wide shows every column."))
    return notes


def _listed(columns: Sequence[_Column]) -> str:
    names = [column.name for column in columns[:_NAMES]]
    more = len(columns) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _without(columns: Sequence[_Column], shown: Sequence[_Column]) -> list[_Column]:
    seen = set(map(id, shown))
    return [column for column in columns if id(column) not in seen]


def _pieces(name: str) -> list[str]:
    """A name in the parts that it may be broken into, each but the last with its underscore."""
    parts = name.split("_")
    return [f"{part}_" for part in parts[:-1]] + [parts[-1]]


def _lines(name: str, width: int) -> Iterator[str]:
    line = ""
    for piece in _pieces(name):
        if line and cell_len(line + piece) > width:
            yield line
            line = ""
        line += piece
    yield line


def _cell(value: Any) -> str:  # noqa: PLR0911 - one for each kind
    match value:
        case None:
            return _NULL
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return _number(float(value))
        case timedelta():
            return f"-{-value}" if value < timedelta() else str(value)
        case datetime():
            precision = "milliseconds" if value.microsecond else "seconds"
            return value.isoformat(" ", precision).replace("+00:00", "Z")
        case Mapping():
            return ", ".join(f"{key}: {_cell(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if 0 < abs(value) < 1e-9:
        return f"{value:.4g}"
    # Three places, and where that would be less than four digits that say something, more.
    places = max(3, 3 - math.floor(math.log10(abs(value)))) if value else 3
    return f"{value:,.{places}f}".rstrip("0").rstrip(".")
