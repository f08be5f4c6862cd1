"""One session's rows, and its figures.

The lake is the source, because it has every day, those included that PostgreSQL has dropped. Where
PostgreSQL is within reach, the lake is first brought up to date for the days of which PostgreSQL
has rows of this session, as a summary does with what it reads; so both agree, and one tells of a
session as soon as its flat tables have it.
"""

import contextlib
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa

from model_foundry import lake, postgres
from model_foundry.errors import FoundryError
from model_foundry.postgres import days, flat
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.compute import shipped, summary_of
from model_foundry.summaries.query import open_foundry
from model_foundry.summaries.views import publish_views

TABLES: Final = (
    "event_inbox",
    "llm_chat",
    "llm_tool_call",
    "llm_flow_node",
    "llm_flow_edge",
    "obsidian_semantic_search",
    "inference_result",
)


class SessionRows(NamedTuple):
    """A session as it lies in the lake.

    Args:
        days: those of the session; `other_days`: those on which the same id was used before or
            after it, a UTC day without an event between.
        summary: its row of `session_summary`; `agreement`: its rows of `session_agreement`.
        tables: lake table → rows, payloads left out.
        cut: tables of which there are more than `trace_max_rows` rows.
        stale_because: why PostgreSQL was not looked at; None: it was.
    """

    correlation_id: str
    days: list[date]
    other_days: list[date]
    summary: dict[str, Any]
    agreement: list[dict[str, Any]]
    tables: dict[str, list[dict[str, Any]]]
    cut: list[str]
    stale_because: str | None


def read_session(settings: Settings, correlation_id: str, day: date | None = None) -> SessionRows:
    """The session of a correlation_id: the last one, or the one that `day` belongs to.

    Raises:
        FoundryError: nothing is known of it; the text names some recent ones.
    """
    stale_because = _bring_up(settings, correlation_id)
    with open_foundry(settings) as connection:
        _require_tables(connection)
        found = connection.execute(
            "SELECT DISTINCT occurred_on FROM event_inbox WHERE correlation_id = ?",
            [correlation_id],
        ).fetchall()
        known = sorted(occurred_on for (occurred_on,) in found)
        if not known or (day is not None and day not in known):
            raise FoundryError(_unknown(connection, correlation_id, known, stale_because))
        days = _unbroken(known, day or known[-1], settings.session_max_days)
        tables, cut = _rows(settings, connection, correlation_id, days)
    with duckdb.connect(":memory:") as memory:
        memory.execute("SET TimeZone = 'UTC'")
        for name, rows in tables.items():
            memory.register(name, rows)
        [summary], agreement = (
            summary_of(memory, shipped(name), days[-1], days[0]).to_pylist()
            for name in ("session_summary", "session_agreement")
        )
    return SessionRows(
        correlation_id=correlation_id,
        days=days,
        other_days=[other for other in known if other not in days],
        summary=summary,
        agreement=agreement,
        tables={name: rows.to_pylist() for name, rows in tables.items()},
        cut=cut,
        stale_because=stale_because,
    )


def _bring_up(settings: Settings, correlation_id: str) -> str | None:
    """Refresh the lake for the session's days in PostgreSQL; why not, where that cannot be."""
    if settings.postgres_url is None:
        return "no PostgreSQL is configured or running"
    if "\x00" in correlation_id:
        return "PostgreSQL knows no text with a NUL"
    try:
        with contextlib.closing(postgres.connect(settings)) as connection:
            key = {"correlation_id": correlation_id}
            found = {
                *days.asked(connection, load_sql("postgres/sessions/days"), key, flat.FLAT_TABLES),
                *connection.execute(load_sql("postgres/sessions/result_days"), key).fetchall(),
            }
    except FoundryError as error:
        return str(error)
    for (day,) in sorted(found):
        for table in TABLES:
            lake.refresh_day(settings, table, day)
    if found:
        publish_views(settings)
    return None


def _require_tables(connection: duckdb.DuckDBPyConnection) -> None:
    there = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    missing = set(TABLES) - {str(name) for (name,) in there}
    if missing:
        raise FoundryError(
            f"the lake has no {', '.join(sorted(missing))} yet: materialize session_summary for "
            "the session's day, which brings them there"
        )


def _unknown(
    connection: duckdb.DuckDBPyConnection,
    correlation_id: str,
    known: list[date],
    stale_because: str | None,
) -> str:
    if known:
        days = ", ".join(str(day) for day in known[-20:])
        return f"session {correlation_id!r} has no event on that day; it has on {days}"
    recent = connection.execute(load_sql("duckdb/sessions/recent")).fetchall()
    listed = "".join(
        f"\n  {name}  ({events} events, until {at:%F %T})" for name, at, events in recent
    )
    stale = f" (the lake alone was asked: {stale_because})" if stale_because else ""
    return (
        f"nothing is known of correlation_id {correlation_id!r}{stale}. An event is known once its "
        f"day's flat tables are materialized. Recent ones:{listed or ' none'}"
    )


def _unbroken(known: list[date], last: date, most: int) -> list[date]:
    """The days without a gap around `last`, at most so many, the last ones."""
    days = [last]
    while days[-1] + timedelta(days=1) in known:
        days.append(days[-1] + timedelta(days=1))
    while days[0] - timedelta(days=1) in known:
        days.insert(0, days[0] - timedelta(days=1))
    return days[-most:]


def _rows(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    correlation_id: str,
    days: list[date],
) -> tuple[dict[str, pa.Table], list[str]]:
    tables, cut = {}, []
    for name in TABLES:
        columns = "* EXCLUDE (payload)" if name == "event_inbox" else "*"
        rows = connection.sql(
            f"SELECT {columns} FROM {name} WHERE correlation_id = $id "  # noqa: S608
            "AND occurred_on BETWEEN $first AND $last LIMIT $most",
            params={
                "id": correlation_id,
                "first": days[0],
                "last": days[-1],
                "most": settings.trace_max_rows + 1,
            },
        ).to_arrow_table()
        if rows.num_rows > settings.trace_max_rows:
            cut.append(name)
        tables[name] = rows.slice(0, settings.trace_max_rows)
    return tables, cut
