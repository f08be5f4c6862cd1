"""What a report consists of, before it is written in one form or the other."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from model_foundry.looks import units
from model_foundry.looks.charts import Chart


class Total(NamedTuple):
    """A figure of the day, and what it was the day before, if there was one with events.

    None: nobody said.
    """

    name: str
    value: int | None
    before: int | None

    @property
    def shown(self) -> str:
        """The figure, as people read it."""
        return units.NONE if self.value is None else units.number(self.value)

    @property
    def change(self) -> str:
        """Against the day before; nothing where there was none."""
        if self.before is None or self.value is None:
            return ""
        if self.before == self.value:
            return "as the day before"
        if self.before == 0:
            return "none the day before"
        return f"{100 * (self.value / self.before - 1):+,.0f} % on {units.number(self.before)}"


class Cell(NamedTuple):
    """A text, whether it is a figure, and the slot that it names."""

    text: str
    is_number: bool = False
    slot: str | None = None


class Table(NamedTuple):
    """Rows below their headings; `note`: what is to be said of them."""

    title: str
    note: str
    headings: list[str]
    rows: list[list[Cell]]

    def is_number(self, column: int) -> bool:
        """Whether its cells are figures."""
        return any(row[column].is_number for row in self.rows)


class Parts(NamedTuple):
    """In the order in which they are read. `changed`: None without a day before."""

    day: date
    zone: tzinfo | None
    totals: list[Total]
    changed: Table | None
    failed: list[Table]
    pictures: list[Chart]
    tables: list[Table]

    @property
    def stretch(self) -> str:
        """The UTC day in the owner's time."""
        first = datetime.combine(self.day, time(), UTC)
        begin, end = first.astimezone(self.zone), (first + timedelta(days=1)).astimezone(self.zone)
        form = "%Y-%m-%d %H:%M"
        return f"{self.day:%A}, {begin:{form}} to {end:{form}} {end.tzname() or ''}".rstrip()
