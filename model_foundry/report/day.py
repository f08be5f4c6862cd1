"""The report of one day: its questions, and which of them are pictures."""

from datetime import date, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.looks import charts, units
from model_foundry.report import markdown, page
from model_foundry.report.parts import Cell, Parts, Table, Total
from model_foundry.settings import Settings
from model_foundry.sql import load_sql, sql_description
from model_foundry.summaries.query import Answer, answer, open_foundry, views

PICTURES: Final = ("events", "tokens")
TABLES: Final = ("slots", "tools", "recipes", "sessions", "agreement")

IF_THERE: Final = {
    "quarantined": "event_quarantine",
    "lost": "daily_lost_output",
    "reread": "daily_cache_misses",
}


class Report(NamedTuple):
    """A day."""

    parts: Parts

    def markdown(self) -> str:
        """As Markdown, its pictures as data URIs."""
        return markdown.write(self.parts)

    def page(self) -> str:
        """As one HTML file, without scripts and without network."""
        return page.write(self.parts)


def day_report(settings: Settings, day: date) -> Report:
    """The report of a UTC day, from the lake alone.

    Raises:
        FoundryError: the lake has no event of the day, or lacks what a part reads.
    """
    with open_foundry(settings) as connection:

        def ask(name: str, day: date = day) -> Answer:
            return answer(settings, connection, load_sql(f"duckdb/report/{name}"), {"day": day})

        totals = _totals(ask("totals"), ask("totals", day - timedelta(days=1)))
        if not totals:
            raise FoundryError(
                f"the lake has no event of {day}: materialize its summaries first "
                "(`model-foundry query --name busy-hours` shows what there is)"
            )
        # The lake has no such table before one of its days was summarized.
        there = views(connection)
        failed = ["failed", *(name for name, view in IF_THERE.items() if view in there)]
        had_a_day_before = any(total.before is not None for total in totals)
        return Report(
            Parts(
                day,
                settings.zone,
                totals,
                changed=_table(ask("changed"), "changed", settings.zone)
                if had_a_day_before
                else None,
                failed=[_table(ask(name), name, settings.zone) for name in failed],
                pictures=[
                    picture
                    for name in PICTURES
                    for picture in _pictures(ask(name), day, settings.zone)
                ],
                tables=[_table(ask(name), name, settings.zone) for name in TABLES],
            )
        )


def _totals(today: Answer, before: Answer) -> list[Total]:
    """Nothing for a day without events."""
    [figures], [figures_before] = today.as_dicts(), before.as_dicts()
    if not figures["events"]:
        return []
    known = bool(figures_before["events"])
    return [
        Total(units.heading(name), value, figures_before[name] if known else None)
        for name, value in figures.items()
    ]


def _pictures(found: Answer, day: date, zone: tzinfo | None) -> list[charts.Chart]:
    """One for each figure: columns are hour, name, figures."""
    made = []
    for number, (column, _) in enumerate(found.columns[2:], start=2):
        named: dict[str, dict[int, float]] = {}
        for row in found.rows:
            named.setdefault(str(row[1]), {})[int(row[0])] = float(row[number] or 0)
        shown = charts.with_others(named)
        words = units.heading(column)
        title = f"{words[:1].upper()}{words[1:]} by hour"
        made.append(charts.by_hour(title, charts.Scale(words), shown, day, zone))
    return made


def _table(found: Answer, name: str, zone: tzinfo | None) -> Table:
    title, _, note = sql_description(f"duckdb/report/{name}").partition("\n\n")
    columns = [column for column, _ in found.columns]
    rows = [
        [_cell(column, value, zone) for column, value in zip(columns, row, strict=True)]
        for row in found.rows
    ]
    return Table(title, note, [units.heading(column) for column in columns], rows)


def _cell(column: str, value: Any, zone: tzinfo | None) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    slots = value if isinstance(value, str) and column == "slot" else None
    return Cell(units.shown(column, value, zone), is_number=is_number, slot=slots)
