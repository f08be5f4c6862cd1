"""Asking `foundry.duckdb`: read-only, with nothing but the lake in reach, and with limits.

A statement may come from anyone: it is one SELECT, the file is open read-only, and DuckDB itself
refuses every path outside the lake, extensions, other databases and changes of its configuration.
"""

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import duckdb

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.sql import load_sql, sql_description, sql_names
from model_foundry.summaries.views import open_views
from model_foundry.summaries.zone import zone_name

QUESTIONS: Final = sql_names("duckdb/questions")
_AT_ONCE: Final = 64
# From when on a question looks that is of the last days of a table of the lake.
_LAST_WEEK: Final = re.compile(r"getvariable\('(last_week_of_(\w+))'\)")


class Answer(NamedTuple):
    """What a statement gave. `cut`: there was more than `query_max_rows` or `query_max_bytes`."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]
    cut: bool

    def as_dicts(self) -> list[dict[str, Any]]:
        """Each row by column name; a second column `a` is `a_2`."""
        names: list[str] = []
        for name, _ in self.columns:
            number = sum(1 for other, _ in self.columns[: len(names)] if other == name) + 1
            names.append(name if number == 1 else f"{name}_{number}")
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@contextlib.contextmanager
def open_foundry(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """`foundry.duckdb`, read-only and locked down.

    Raises:
        FoundryError: it does not exist yet, or cannot be opened.
    """
    with open_views(settings) as connection:
        place = lake.lake_of(settings)
        for name, value in {
            "TimeZone": "UTC",
            "memory_limit": settings.duckdb_memory_limit,
            "threads": settings.duckdb_threads,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "allowed_directories": place.within_reach(),
            "enable_external_access": False,
            "lock_configuration": True,
        }.items():
            connection.execute(f"SET {name} = ?", [value])
        # (For questions: sessions stay in UTC, as what they print says.)
        connection.execute("SET VARIABLE timezone = ?", [zone_name(settings)])
        yield connection


def ask(
    settings: Settings, statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()
) -> Answer:
    """The answer to one SELECT.

    Raises:
        FoundryError: it is none, it is wrong, it took too long or too much memory.
    """
    with open_foundry(settings) as connection:
        return answer(settings, connection, statement, parameters)


def ask_question(
    settings: Settings, name: str, since: date | None = None, until: date | None = None
) -> Answer:
    """The answer to a named question, of the UTC days from `since` to `until`.

    Without `since` it looks at all days, or at the last seven up to `until`, as the question says.

    Raises:
        FoundryError: there is none of this name, or it is not answered.
    """
    statement = question(name)
    first, last = since or date.min, until or date.max
    if first > last:
        raise FoundryError(f"--since {first} is after --until {last}")
    place = lake.lake_of(settings)
    with open_foundry(settings) as connection:
        variables = {"since": first, "until": last}
        for variable, table in _LAST_WEEK.findall(statement):
            days = [day for day in place.days(table) if day <= last] if since is None else []
            variables[variable] = days[-1] - timedelta(days=6) if days else first
        for variable, day in variables.items():
            connection.execute(f"SET VARIABLE {variable} = ?", [day])
        return answer(settings, connection, statement)


def answer(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    parameters: Mapping[str, Any] | Sequence[Any] = (),
) -> Answer:
    """As `ask`, on a connection of `open_foundry`."""
    try:
        _require_select(connection, statement)
        with _stopped_after(settings.query_max_s, connection):
            result = connection.execute(statement, parameters or None)
            columns = [(name, str(kind)) for name, kind, *_ in result.description or []]
            rows, cut = _fetched(result, settings)
    except duckdb.InterruptException:
        raise FoundryError(
            f"stopped after {settings.query_max_s:g} s (MODEL_FOUNDRY_QUERY_MAX_S): ask for fewer "
            "days, or raise the limit"
        ) from None
    except duckdb.OutOfMemoryException:
        raise FoundryError(
            f"it needs more than {settings.duckdb_memory_limit} "
            "(MODEL_FOUNDRY_DUCKDB_MEMORY_LIMIT): ask for less, or raise the limit"
        ) from None
    except duckdb.CatalogException as error:
        raise FoundryError(f"{_first(error)} There are: {', '.join(views(connection))}.") from None
    except duckdb.Error as error:
        raise FoundryError(_first(error)) from None
    except RuntimeError as error:  # a text that is no UTF-8, or a query stopped within a fetch
        raise FoundryError(_first(error)) from None
    return Answer(columns, rows, cut)


def _fetched(
    result: duckdb.DuckDBPyConnection, settings: Settings
) -> tuple[list[tuple[Any, ...]], bool]:
    """Rows within the limits, and whether there are more."""
    rows: list[tuple[Any, ...]] = []
    left = settings.query_max_bytes
    while some := result.fetchmany(_AT_ONCE):
        for row in some:
            left -= sum(map(_size, row))
            if len(rows) == settings.query_max_rows or left < 0:
                return rows, True
            rows.append(row)
    return rows, False


def _size(value: Any) -> int:
    """About as many bytes as a value takes where it is printed."""
    match value:
        case str() | bytes():
            return len(value)
        case Mapping():
            return sum(_size(key) + _size(item) for key, item in value.items())
        case list() | tuple():
            return sum(map(_size, value))
        case _:
            return 8


def question(name: str) -> str:
    """The SQL of a named question: it takes days from variables, as `ask_question` sets them.

    Raises:
        FoundryError: there is none of this name; it lists those that there are.
    """
    if name not in QUESTIONS:
        raise FoundryError(f"there is no question {name!r}; there are: {', '.join(QUESTIONS)}")
    return load_sql(f"duckdb/questions/{name}")


def questions() -> dict[str, str]:
    """Every named question, and what it asks."""
    return {name: sql_description(f"duckdb/questions/{name}") for name in QUESTIONS}


def _require_select(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    found = connection.extract_statements(statement)
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise FoundryError("one SELECT, please: nothing else is done here")


@contextlib.contextmanager
def _stopped_after(seconds: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What can be asked: tables, summaries, rollups."""
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return sorted(str(name) for (name,) in found)


def _first(error: Exception) -> str:
    """An error's own words, without the picture of the statement below them."""
    return " ".join(str(error).split("\n\n")[0].split())
