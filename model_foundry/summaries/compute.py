"""What the summaries compute: the SQL of sql/duckdb, run on whatever tables a connection has.

Belongs here: macros, the tables that a summary reads, one day of one, the roll-ups over the daily
ones. Does not: where a day's rows come from and where the result is kept (`day`), summaries
that lie outside the package (`own`).
"""

import functools
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa

from model_foundry.sql import load_sql, sql_names, text_digest
from model_foundry.summaries import functions

SUMMARIES: Final = sql_names("duckdb")
_MACROS: Final = sql_names("duckdb/macros")
ROLLUPS: Final = sql_names("duckdb/rollups")
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_PERIODS: Final = {"weekly": "week", "monthly": "month"}


class Rate(NamedTuple):
    """What a slot costs while it works, and how many requests share that: None is unknown."""

    slot: str
    parallel: int | None
    price_per_hour: float | None
    watts: float | None


class Outside(NamedTuple):
    """What a summary may ask for that stands in no table.

    Attributes:
        timezone: of whoever looks at days and hours (`$timezone`), an IANA name.
        slots: the fleet's (`$slots`, JSON in SQL).
    """

    timezone: str = "UTC"
    slots: Sequence[Rate] = ()


NOTHING: Final = Outside()


class Summary(NamedTuple):
    """A summary: its name, and the SQL of one day of it."""

    name: str
    statement: str


def shipped(name: str) -> Summary:
    """One of `SUMMARIES`."""
    return Summary(name, load_sql(f"duckdb/{name}"))


class Computed(NamedTuple):
    """One day of a summary.

    Attributes:
        rows: all of them.
        new: how many of these were computed now.
        keys: of which sessions or conversations those are, in a column `key`; None: of all.
    """

    rows: pa.Table
    new: int
    keys: pa.Table | None = None


@functools.cache
def code_version(summary: Summary, timezone: str = "UTC") -> str:
    """Changes with the SQL of a summary, and with any macro or function that it might call.

    Also with the time zone, where the summary asks for it.
    """
    zone = [timezone] if "$timezone" in summary.statement else []
    return text_digest(summary.statement, *macros(), functions.source(), *zone)


@functools.cache
def input_tables(summary: Summary) -> tuple[str, ...]:
    """The tables that a summary's SQL reads, sorted, found by DuckDB's own parser.

    Raises:
        ValueError: it is not one SELECT.
    """
    with _parser().cursor() as cursor:
        [(tree,)] = cursor.execute("SELECT json_serialize_sql(?)", [summary.statement]).fetchall()
    parsed = json.loads(tree)
    if parsed.get("error"):
        raise ValueError(parsed.get("error_message"))
    if len(parsed["statements"]) != 1:
        raise ValueError("it is not one SELECT")
    nodes = list(_nodes(parsed))
    named = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
    defined = {
        entry["key"]
        for node in nodes
        if isinstance(node.get("cte_map"), dict)
        for entry in node["cte_map"].get("map", [])
    }
    return tuple(sorted(named - defined))


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    """One for all: to make a database costs more than to parse."""
    return duckdb.connect(":memory:")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def reaches_back(summary: Summary) -> bool:
    """Whether a summary reads earlier days too: those of sessions that are under way."""
    return "$first_day" in summary.statement


def is_of_hours(summary: Summary) -> bool:
    """Whether a summary has rows of hours, and can be computed from one hour on."""
    return "$since" in summary.statement


def slots_json(slots: Sequence[Rate]) -> str:
    """The fleet's slots, as SQL is given them."""
    return json.dumps([rate._asdict() for rate in slots])


def asks_for_slots(summary: Summary) -> bool:
    """Whether a summary asks what the fleet's slots cost."""
    return "$slots" in summary.statement


def summary_of(
    connection: duckdb.DuckDBPyConnection,
    summary: Summary,
    day: date,
    first_day: date | None = None,
    *,
    since: datetime = _EVER,
    outside: Outside = NOTHING,
) -> pa.Table:
    """One day of a summary, computed from the connection's tables of the names that it reads.

    `first_day` is that of the days in them, for a summary that reaches back; `since` the begin of
    the first hour that is wanted, for one of hours.
    """
    connection.execute("SET TimeZone = 'UTC'")
    functions.register(connection, summary.statement)
    make_macros(connection)
    parameters: dict[str, Any] = {"day": day}
    if reaches_back(summary):
        parameters["first_day"] = first_day or day
    if is_of_hours(summary):
        parameters["since"] = since
    if "$timezone" in summary.statement:
        parameters["timezone"] = outside.timezone
    if asks_for_slots(summary):
        parameters["slots"] = slots_json(outside.slots)
    return connection.sql(summary.statement, params=parameters).to_arrow_table()


def make_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make those that summaries use."""
    for macro in macros():
        connection.execute(macro)


def macros() -> list[str]:
    """The statements that make the macros which summaries and roll-ups use."""
    return [load_sql(f"duckdb/macros/{name}") for name in _MACROS]


def rollup_views() -> set[str]:
    """Names of the views that roll-ups are."""
    return {f"{period}_{name}" for period in _PERIODS for name in ROLLUPS}


def rollups(tables: Collection[str]) -> list[list[str]]:
    """The statements of each roll-up over those of the daily summaries that there are.

    `events_by('quarter')` rolls daily_events up by any period that DuckDB's date_trunc knows;
    `weekly_events` and `monthly_events` are views of it.
    """
    return [
        [
            load_sql(f"duckdb/rollups/{name}"),
            *(
                f"CREATE VIEW {period}_{name} AS SELECT * FROM {name}_by('{unit}')"  # noqa: S608
                for period, unit in _PERIODS.items()
            ),
        ]
        for name in ROLLUPS
        if f"daily_{name}" in tables
    ]
