"""The report of one day: its questions, and which of them are pictures."""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from typing import Any, Final, NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.looks import charts, units
from model_foundry.report import markdown, page
from model_foundry.report.local_day import LocalDay
from model_foundry.report.parts import Cell, Parts, Table, Total
from model_foundry.settings import Settings
from model_foundry.sql import load_sql, sql_description
from model_foundry.summaries.compute import Rate, slots_json
from model_foundry.summaries.query import Answer, answer, open_foundry, views

PICTURES: Final = ("events", "tokens")
TABLES: Final = ("slots", "tools", "recipes", "sessions", "agreement")

READ: Final = {
    *("event_inbox", "llm_chat", "llm_tool_call", "inference_result"),
    *("session_summary", "session_agreement"),
}
# What a day is compared with, and how many days before it is.
BEFORE: Final = {"day_before": 1, "week_before": 7}

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


def day_report(settings: Settings, day: date, slots: Sequence[Rate] = ()) -> Report:
    """The report of a day of whoever looks, from the lake alone.

    `slots` are the fleet's: what they cost.

    Raises:
        FoundryError: the lake has no event of the day, or lacks what a part reads.
    """
    today = LocalDay(day, settings.zone)
    nothing = FoundryError(
        f"the lake has no event of {day}: materialize its summaries first "
        "(`model-foundry query --name busy-hours` shows what there is)"
    )
    try:
        today.variables()
    except (ValueError, OverflowError):  # where the calendar begins and ends
        raise nothing from None
    with open_foundry(settings) as connection:
        # The lake has no such table before one of its days was summarized.
        there = views(connection)
        if lacking := sorted(READ.difference(there)):
            raise FoundryError(
                f"the lake has no {', '.join(lacking)} yet: materialize the summaries of "
                f"{day} first"
            )

        def ask(name: str, of: LocalDay = today, more: Mapping[str, Any] | None = None) -> Answer:
            for variable, value in (of.variables() | dict(more or {})).items():
                connection.execute(f"SET VARIABLE {variable} = ?", [value])
            return answer(settings, connection, load_sql(f"duckdb/report/{name}"))

        def figures(of: LocalDay) -> dict[str, Any] | None:
            [found] = ask("totals", of, {"slots": slots_json(slots)}).as_dicts()
            return found if found["events"] else None

        totals = figures(today)
        if totals is None:
            raise nothing
        before = {called: figures(today.before(days)) for called, days in BEFORE.items()}
        had = {f"had_{called}": bool(found) for called, found in before.items()}
        failed = ["failed", *(name for name, view in IF_THERE.items() if view in there)]
        return Report(
            Parts(
                today,
                [
                    Total(
                        column,
                        value,
                        tuple(
                            (f"the {called.replace('_', ' ')}", found[column])
                            for called, found in before.items()
                            if found is not None
                        ),
                    )
                    for column, value in totals.items()
                ],
                changed=_table(ask("changed", more=had), "changed", today)
                if any(had.values())
                else None,
                failed=[_table(ask(name), name, today) for name in failed],
                pictures=[picture for name in PICTURES for picture in _pictures(ask(name), today)],
                tables=[_table(ask(name), name, today) for name in TABLES],
            )
        )


def _pictures(found: Answer, day: LocalDay) -> list[charts.Chart]:
    """One for each figure: columns are hour, name, figures."""
    made = []
    for number, (column, _) in enumerate(found.columns[2:], start=2):
        named: dict[str, dict[int, float]] = {}
        for row in found.rows:
            named.setdefault(str(row[1]), {})[int(row[0])] = float(row[number] or 0)
        shown = charts.with_others(named)
        words = units.heading(column)
        title = f"{words[:1].upper()}{words[1:]} by hour"
        made.append(
            charts.by_hour(title, charts.Scale(words), shown, day.since, day.zone, hours=day.hours)
        )
    return made


def _table(found: Answer, name: str, day: LocalDay) -> Table:
    title, _, note = sql_description(f"duckdb/report/{name}").partition("\n\n")
    columns = [column for column, _ in found.columns]
    rows = [
        [_cell(column, value, day.zone) for column, value in zip(columns, row, strict=True)]
        for row in found.rows
    ]
    return Table(title, note, [units.heading(column) for column in columns], rows)


def _cell(column: str, value: Any, zone: tzinfo | None) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    slots = value if isinstance(value, str) and column == "slot" else None
    return Cell(units.shown(column, value, zone), is_number=is_number, slot=slots)
