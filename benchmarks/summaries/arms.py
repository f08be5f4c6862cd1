"""The arms: each makes the summary of a day of tool calls, and looks whether it counted all.

Who keeps the day keeps all of its columns, in a Parquet file that appears whole, and the summary
beside it.

Belongs here: how one tool is used, as well as it can reasonably be. Does not: servers, figures.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.measured import Prepare

if TYPE_CHECKING:
    from model_foundry.settings import Settings

SQL: Final = Path(__file__).with_name("sql")
TABLE: Final = "llm_tool_call"
SUMMARY: Final = "daily_tool_calls"
_COUNTS: Final = ("calls", "errors", "retries")
_READ: Final = (
    "occurred_on, event_id, occurred_at, tool_name, correlation_id, arguments::text AS arguments, "
    "is_error, error_type, duration_ms"
)
_KEPT: Final = (
    f"{_READ}, causation_id, source, tool_call_id, slot, request_model, chat_event_id, "
    "result::text AS result, batch_id"
)


class Task(NamedTuple):
    """A day of so many rows in a database, and a home for the lake."""

    postgres_url: str
    home: Path
    day: date
    rows: int

    def settings(self) -> "Settings":
        """For model-foundry."""
        from model_foundry.settings import Settings  # noqa: PLC0415

        return Settings.model_validate({"home": self.home, "postgres_url": self.postgres_url})

    @property
    def kept(self) -> str:
        """Every column, which the lake keeps."""
        return f"SELECT {_KEPT} FROM {TABLE} WHERE occurred_on = '{self.day}'"  # noqa: S608

    @property
    def read(self) -> str:
        """The columns that the summary reads."""
        return f"SELECT {_READ} FROM {TABLE} WHERE occurred_on = '{self.day}'"  # noqa: S608

    @property
    def parquet(self) -> Path:
        """Where a peer keeps the day."""
        return self._kept_as("day")

    @property
    def summary(self) -> Path:
        """Where a peer keeps the summary."""
        return self._kept_as("summary")

    def _kept_as(self, name: str) -> Path:
        self.home.mkdir(parents=True, exist_ok=True)
        return self.home / f"{name}.parquet"

    def check(self, calls: Iterable[int], errors: Iterable[int], retries: Iterable[int]) -> None:
        """Fail unless every row was counted, and each failure and retry among them."""
        found = sum(calls), sum(errors), sum(retries)
        failed = range(0, self.rows, 17)
        again = sum(event % 20 < 8 and event + 12 < self.rows for event in failed)
        assert found == (self.rows, len(failed), again), f"{found} of {self.rows} rows"


def pandas_read_sql(task: Task) -> Callable[[], object]:
    """pandas `read_sql` through SQLAlchemy, `to_parquet`, groupby."""
    return _pandas(task, task.kept, _sqlalchemy, keep=True)


def pandas_adbc(task: Task) -> Callable[[], object]:
    """pandas `read_sql` through ADBC, `to_parquet`, groupby."""
    return _pandas(task, task.kept, _adbc, keep=True)


def pandas_columns(task: Task) -> Callable[[], object]:
    """Through SQLAlchemy, the columns that the summary reads, nothing kept."""
    return _pandas(task, task.read, _sqlalchemy, keep=False)


def _sqlalchemy(url: str) -> Callable[[], Any]:
    import sqlalchemy  # noqa: PLC0415

    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return lambda: sqlalchemy.create_engine(url).connect()


def _adbc(url: str) -> Callable[[], Any]:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    return lambda: dbapi.connect(url)


def _pandas(
    task: Task, query: str, driver: Callable[[str], Callable[[], Any]], *, keep: bool
) -> Callable[[], object]:
    import pandas as pd  # noqa: PLC0415

    connect = driver(task.postgres_url)
    key = ["correlation_id", "tool_name", "arguments"]

    def run() -> None:
        with connect() as connection:
            frame = pd.read_sql(query, connection)
        if keep:
            with _whole(task.parquet) as path:
                frame.to_parquet(path, compression="zstd")
        failed = frame.loc[frame["is_error"], key].drop_duplicates()
        followed = frame.merge(failed, on=key).sort_values(["occurred_at", "event_id"])
        retried = followed[followed.groupby(key)["is_error"].shift().eq(True)]
        grouped = frame.groupby("tool_name")
        result = grouped.agg(
            calls=("is_error", "size"),
            errors=("is_error", "sum"),
            outcomes=("is_error", "count"),
            sessions=("correlation_id", "nunique"),
        )
        result["error_types"] = (
            frame[frame["is_error"]].groupby("tool_name")["error_type"].agg(_counted)
        )
        result["retries"] = retried.groupby("tool_name").size()
        for quantile in (0.5, 0.95, 0.99):
            result[str(quantile)] = grouped["duration_ms"].quantile(quantile)
        if keep:
            with _whole(task.summary) as path:
                result.to_parquet(path)
        task.check(result["calls"], result["errors"], result["retries"].fillna(0))

    return run


def _counted(values: Any) -> str:
    return json.dumps(values.value_counts().to_dict())


def twenty_lines(task: Task) -> Callable[[], object]:
    """ADBC into Parquet, batch by batch, then DuckDB over the file: what one writes oneself."""
    import pyarrow.parquet as pq  # noqa: PLC0415
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    _warm()

    def run() -> None:
        with dbapi.connect(task.postgres_url) as database, database.cursor() as cursor:
            cursor.execute(task.kept)
            rows = cursor.fetch_record_batch()
            with (
                _whole(task.parquet) as path,
                pq.ParquetWriter(path, rows.schema, compression="zstd") as file,
            ):
                for batch in rows:
                    file.write_batch(batch)
        with _memory(task) as connection:
            connection.read_parquet(str(task.parquet)).create_view(TABLE)
            _check(task, connection, keep=True)

    return run


def psycopg_rows(task: Task) -> Callable[[], object]:
    """psycopg rows into Arrow and Parquet, then DuckDB."""
    import psycopg  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    _warm()

    def run() -> None:
        with psycopg.connect(task.postgres_url) as connection:
            cursor = connection.execute(task.kept.encode())
            names = [column.name for column in cursor.description or ()]
            columns = [pa.array(column) for column in zip(*cursor.fetchall(), strict=True)]
        rows = pa.table(columns, names=names)
        with _whole(task.parquet) as path:
            pq.write_table(rows, path, compression="zstd")
        _summarize(task, rows)

    return run


def connectorx(task: Task) -> Callable[[], object]:
    """connectorx to Arrow and Parquet, then DuckDB."""
    import connectorx as cx  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    _warm()

    def run() -> None:
        rows = cx.read_sql(task.postgres_url, task.kept, return_type="arrow")
        with _whole(task.parquet) as path:
            pq.write_table(rows, path, compression="zstd")
        _summarize(task, rows)

    return run


def postgres_sql(task: Task) -> Callable[[], object]:
    """The same summary by PostgreSQL itself, nothing kept."""
    import psycopg  # noqa: PLC0415

    def run() -> None:
        with psycopg.connect(task.postgres_url) as connection:
            query = (SQL / "aggregate.sql").read_text().encode()
            found = connection.execute(query, {"day": task.day}).fetchall()
        _, calls, errors, retries, *_ = zip(*found, strict=True)
        task.check(calls, errors, retries)

    return run


def postgres_adbc(task: Task) -> Callable[[], object]:
    """Streamed through ADBC into DuckDB, nothing kept: what a summary costs without the lake."""
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    _warm()

    def run() -> None:
        with dbapi.connect(task.postgres_url) as arrow, arrow.cursor() as cursor:
            cursor.execute(task.read)
            with _memory(task) as connection:
                connection.register("streamed", cursor.fetch_record_batch())
                connection.execute(f"CREATE TABLE {TABLE} AS FROM streamed")
                _check(task, connection)

    return run


def ours(task: Task) -> Callable[[], object]:
    """PostgreSQL → lake → summary."""
    from model_foundry.summaries.day import summarize_day  # noqa: PLC0415

    settings = task.settings()

    _warm()

    def run() -> None:
        with _memory(task) as connection:
            rows = summarize_day(settings, connection, SUMMARY, task.day).table
        task.check(*(rows[name].to_pylist() for name in _COUNTS))

    return run


def lake_alone(task: Task) -> Callable[[], object]:
    """The summary from the lake as it is."""
    from model_foundry import lake  # noqa: PLC0415

    settings = task.settings()
    files = tuple(lake.lake_of(settings).live(TABLE, task.day))

    _warm()

    def run() -> None:
        day = lake.LakeDay(TABLE, task.day, task.rows, 0, refreshed=False, files=files)
        with _memory(task) as connection:
            lake.show(settings, connection, [day])
            _check(task, connection)

    return run


def _memory(task: Task) -> Any:
    import duckdb  # noqa: PLC0415

    settings = task.settings()
    connection = duckdb.connect()
    connection.execute("SET memory_limit = ?", [settings.duckdb_memory_limit])
    connection.execute("SET threads = ?", [settings.duckdb_threads])
    return connection


def _warm() -> None:
    """DuckDB imports half the world when it first meets Arrow: no part of what is measured."""
    import duckdb  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.register("rows", pa.table({"one": [1]}))
        connection.execute("SELECT * FROM rows").to_arrow_table()


def _summarize(task: Task, rows: Any) -> None:
    with _memory(task) as connection:
        connection.register(TABLE, rows)
        _check(task, connection, keep=True)


def _check(task: Task, connection: Any, *, keep: bool = False) -> None:
    """Our summary's SQL, over the table that the connection has."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    from model_foundry.summaries.compute import shipped, summary_of  # noqa: PLC0415

    rows = summary_of(connection, shipped(SUMMARY), task.day)
    if keep:
        with _whole(task.summary) as path:
            pq.write_table(rows, path)
    task.check(*(rows[name].to_pylist() for name in _COUNTS))


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file that is there whole or not at all, on the disk."""
    written = path.with_suffix(".tmp")
    yield written
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)


def whole_day(task: Task) -> Callable[[], object]:
    """A day from the inbox through every flat table and the lake into every summary."""
    return _carried(task, rebuild=True)


def new_events(task: Task) -> Callable[[], object]:
    """What has come since, the same way."""
    return _carried(task, rebuild=False)


def _carried(task: Task, *, rebuild: bool) -> Callable[[], object]:
    from model_foundry import postgres  # noqa: PLC0415
    from model_foundry.postgres import flat  # noqa: PLC0415
    from model_foundry.summaries.compute import SUMMARIES, input_tables, shipped  # noqa: PLC0415
    from model_foundry.summaries.day import summarize_day  # noqa: PLC0415

    settings = task.settings()
    _warm()
    for name in SUMMARIES:
        input_tables(shipped(name))  # known to a run from the definitions

    def run() -> None:
        with contextlib.closing(postgres.connect(settings)) as database:
            for table in flat.FLAT_TABLES:
                flat.flatten_day(database, table, task.day, rebuild=rebuild)
        for name in SUMMARIES:
            with _memory(task) as connection:
                done = summarize_day(settings, connection, name, task.day, rebuild=rebuild)
            if name == "daily_events":
                counted = sum(done.table["events"].to_pylist())
                assert counted == task.rows, f"{counted} of {task.rows} events"

    return run


def days(task: tuple[Task, date, date]) -> Callable[[], object]:
    """Ours, for the days from one to another: a backfill, as Dagster runs it in a process."""
    import dagster as dg  # noqa: PLC0415

    from model_foundry.assets.plots import plots  # noqa: PLC0415
    from model_foundry.assets.resource import Foundry  # noqa: PLC0415
    from model_foundry.definitions import build_defs  # noqa: PLC0415
    from model_foundry.looks import charts  # noqa: PLC0415

    @dg.asset
    def warmed() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(
            metadata={"plot": plots(charts.lines("", charts.Scale(""), charts.Scale(""), {}))}
        )

    one, first, last = task
    definitions = build_defs({"foundry": Foundry(one.settings())})
    job = definitions.resolve_implicit_global_asset_job_def()
    _warm()
    dg.materialize([warmed])  # what Dagster and matplotlib import when first used

    def run() -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            done = job.execute_in_process(
                asset_selection=[dg.AssetKey(SUMMARY)],
                tags={
                    "dagster/asset_partition_range_start": str(first),
                    "dagster/asset_partition_range_end": str(last),
                },
                instance=instance,
            )
        assert all(check.passed for check in done.get_asset_check_evaluations())

    return run


def reader(task: tuple[Task, int]) -> Callable[[], object]:
    """Looks at foundry.duckdb until so many days are there, and accepts whole days only."""
    import time  # noqa: PLC0415

    from model_foundry.summaries import views  # noqa: PLC0415

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
    "pandas_adbc": pandas_adbc,
    "pandas_columns": pandas_columns,
    "twenty_lines": twenty_lines,
    "psycopg_rows": psycopg_rows,
    "connectorx": connectorx,
    "postgres_sql": postgres_sql,
    "postgres_adbc": postgres_adbc,
    "ours": ours,
    "lake_alone": lake_alone,
}
PEERS: Final = {"connectorx": "connectorx"}
"""The arms that run in an interpreter of their own."""
