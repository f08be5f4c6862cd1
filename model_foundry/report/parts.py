"""What a report consists of, before it is written in one form or the other."""

from typing import NamedTuple

from model_foundry.looks import units
from model_foundry.looks.charts import Chart
from model_foundry.report.local_day import LocalDay


class Total(NamedTuple):
    """A figure of the day by its column, and what it was on days before. None: nobody said.

    `before`: what such a day is called, and its figure; without those that had no events.
    """

    column: str
    value: float | None
    before: tuple[tuple[str, float | None], ...] = ()

    @property
    def name(self) -> str:
        """As a heading."""
        return units.heading(self.column)

    @property
    def shown(self) -> str:
        """The figure, as people read it."""
        return units.shown(self.column, self.value)

    @property
    def changes(self) -> list[str]:
        """Against each of the days before, where both are known."""
        return [
            self._change(self.value, before, called)
            for called, before in self.before
            if self.value is not None and before is not None
        ]

    def _change(self, value: float, before: float, called: str) -> str:
        if before == value:
            return f"as {called}"
        if before == 0:
            return f"none {called}"
        return (
            f"{100 * (value / before - 1):+,.0f} % on {units.shown(self.column, before)} {called}"
        )


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

    day: LocalDay
    totals: list[Total]
    changed: Table | None
    failed: list[Table]
    pictures: list[Chart]
    tables: list[Table]
