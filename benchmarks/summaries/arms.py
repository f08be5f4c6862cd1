"""The arms: each makes the summary of a day of tool calls, and looks whether it counted all.

Belongs here: how one tool is used, as well as it can reasonably be. Does not: servers, figures.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.measured import Prepare
from model_foundry.settings import Settings

SQL: Final = Path(__file__).with_name("sql")
TABLE: Final = "llm_tool_call"
SUMMARY: Final = "daily_tool_calls"
_COLUMNS: Final = "tool_name, is_error, duration_ms"
_AGGREGATE: Final = (
    "SELECT tool_name, count(*) AS calls, count(*) FILTER (WHERE is_error), "
    "quantile_cont(duration_ms, 0.5), quantile_cont(duration_ms, 0.95) FROM rows GROUP BY ALL"
)


class Task(NamedTuple):
    """A day of so many rows in a database, and a home for the lake."""

    postgres_url: str
    home: Path
    day: date
    rows: int

    def settings(self) -> Settings:
        """For model-foundry."""
        return Settings.model_validate({"home": self.home, "postgres_url": self.postgres_url})

    @property
    def query(self) -> str:
        """The columns that the summary needs."""
        return f"SELECT {_COLUMNS} FROM {TABLE} WHERE occurred_on = '{self.day}'"  # noqa: S608

    def check(self, counts: Any) -> None:
        """Fail unless every row was counted."""
        assert sum(counts) == self.rows, f"{sum(counts)} of {self.rows} rows"


def _memory(task: Task) -> Any:
    import duckdb  # noqa: PLC0415

    settings = task.settings()
    connection = duckdb.connect()
    connection.execute("SET memory_limit = ?", [settings.duckdb_memory_limit])
    connection.execute("SET threads = ?", [settings.duckdb_threads])
    return connection


def pandas_read_sql(task: Task) -> Callable[[], object]:
    """pandas `read_sql` through SQLAlchemy, then groupby."""
    import pandas as pd  # noqa: PLC0415
    import sqlalchemy  # noqa: PLC0415

    url = task.postgres_url.replace("postgresql://", "postgresql+psycopg://", 1)

    def run() -> None:
        frame = pd.read_sql(task.query, sqlalchemy.create_engine(url))
        grouped = frame.groupby("tool_name")
        result = grouped.agg(calls=("is_error", "size"), errors=("is_error", "sum"))
        for quantile in (0.5, 0.95):
            result[str(quantile)] = grouped["duration_ms"].quantile(quantile)
        task.check(result["calls"])

    return run


def psycopg_rows(task: Task) -> Callable[[], object]:
    """psycopg rows into Arrow, then DuckDB."""
    import psycopg  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    _warm()

    def run() -> None:
        with psycopg.connect(task.postgres_url) as connection:
            fetched = connection.execute(task.query.encode()).fetchall()
        columns = [pa.array(column) for column in zip(*fetched, strict=True)]
        rows = pa.table(columns, names=_COLUMNS.split(", "))
        task.check(_aggregate(task, rows))

    return run


def connectorx(task: Task) -> Callable[[], object]:
    """connectorx to Arrow, then DuckDB."""
    import connectorx as cx  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415

    _warm()

    def run() -> None:
        rows = cx.read_sql(task.postgres_url, task.query, return_type="arrow")
        task.check(_aggregate(task, rows))

    return run


def postgres_sql(task: Task) -> Callable[[], object]:
    """The same aggregate, by PostgreSQL."""
    import psycopg  # noqa: PLC0415

    def run() -> None:
        with psycopg.connect(task.postgres_url) as connection:
            query = (SQL / "aggregate.sql").read_text().encode()
            found = connection.execute(query, {"day": task.day}).fetchall()
        task.check([row[1] for row in found])

    return run


def postgres_adbc(task: Task) -> Callable[[], object]:
    """Streamed through ADBC into DuckDB, nothing kept: what a summary costs without the lake."""
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    _warm()

    def run() -> None:
        with dbapi.connect(task.postgres_url) as arrow, arrow.cursor() as cursor:
            cursor.execute(task.query)
            task.check(_aggregate(task, cursor.fetch_record_batch()))

    return run


def ours(task: Task) -> Callable[[], object]:
    """PostgreSQL → lake → summary, every column kept."""
    from model_foundry.store.summaries import summarize_day  # noqa: PLC0415

    settings = task.settings()

    _warm()

    def run() -> None:
        result = summarize_day(settings, _memory(task), SUMMARY, task.day)
        task.check(result.table.column("calls").to_pylist())

    return run


def lake_alone(task: Task) -> Callable[[], object]:
    """The summary from the lake as it is."""
    from model_foundry.store import lake  # noqa: PLC0415
    from model_foundry.store.summary_sql import summary_of  # noqa: PLC0415

    settings = task.settings()
    place = lake.lake_of(settings)

    _warm()

    def run() -> None:
        files = tuple(file.path for file in place.live(TABLE, task.day))
        day = lake.LakeDay(TABLE, task.day, task.rows, 0, refreshed=False, files=files)
        connection = _memory(task)
        lake.show(settings, connection, [day])
        result = summary_of(connection, SUMMARY, task.day)
        task.check(result.column("calls").to_pylist())

    return run


def _warm() -> None:
    """DuckDB imports half the world when it first meets Arrow: no part of what is measured."""
    import duckdb  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.register("rows", pa.table({"one": [1]}))
        connection.execute("SELECT * FROM rows").to_arrow_table()


def _aggregate(task: Task, rows: Any) -> list[int]:
    with _memory(task) as connection:
        connection.register("rows", rows)
        return [int(row[1]) for row in connection.execute(_AGGREGATE).fetchall()]


def days(task: tuple[Task, tuple[date, ...]]) -> Callable[[], object]:
    """Ours, for several days after each other."""
    one, wanted = task
    runs = [ours(one._replace(day=day)) for day in wanted]
    return lambda: [run() for run in runs]


def reader(task: tuple[Task, int]) -> Callable[[], object]:
    """Looks at foundry.duckdb until so many days are there, and accepts whole days only."""
    import time  # noqa: PLC0415

    from model_foundry.store import views  # noqa: PLC0415

    one, wanted = task

    def run() -> None:
        statement = f"SELECT occurred_on, count(*) FROM {TABLE} GROUP BY ALL"  # noqa: S608
        settings = one.settings()
        while not (settings.home / "foundry.duckdb").exists():
            time.sleep(0.01)
        with views.open_views(settings) as connection:
            found: list[tuple[date, int]] = []
            while len(found) < wanted:
                found = connection.execute(statement).fetchall()
                assert all(rows == one.rows for _, rows in found), f"half a day: {found}"
                time.sleep(0.05)

    return run


ARMS: Final[dict[str, Prepare]] = {
    "pandas_read_sql": pandas_read_sql,
    "psycopg_rows": psycopg_rows,
    "connectorx": connectorx,
    "postgres_sql": postgres_sql,
    "postgres_adbc": postgres_adbc,
    "ours": ours,
    "lake_alone": lake_alone,
}
