"""What is measured, in which order, and what the result file says of it."""

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from benchmarks import harness, peers
from benchmarks.harness import Outcome
from benchmarks.measured import Call
from benchmarks.summaries import arms
from benchmarks.summaries.arms import ARMS, PEERS, SQL, Task
from model_foundry import postgres
from model_foundry.devstack.postgres import PostgresServer

DAYS: Final = 8
FIRST_DAY: Final = date(2026, 3, 1)
LIMIT_S: Final = 1_800.0
BATCH: Final = 5_000
LATE_SESSIONS: Final = 450
"""Sessions of the hour before, of which some events come late."""
_TWO_PROCESSES: Final = ("two_processes_time", "two_processes_time_large_days")
DISTRIBUTIONS: Final = (
    "adbc-driver-postgresql",
    "duckdb",
    "pandas",
    "psycopg",
    "pyarrow",
)

Report = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        events: of the two days that every arm summarizes, the smaller first.
        backfill_events: of each of the eight days that one and two processes backfill, ordinary
            ones and perhaps large ones.
        new_events: that come to the larger day, when it is in every summary.
        rounds: of everything; medians are taken over them.
    """

    events: tuple[int, int]
    backfill_events: tuple[int, ...]
    new_events: int
    rounds: int


FULL: Final = Size(
    events=(1_000_000, 5_000_000), backfill_events=(100_000, 500_000), new_events=1_000, rounds=3
)
QUICK: Final = Size(events=(2_000, 10_000), backfill_events=(1_000,), new_events=100, rounds=1)


def run(size: Size, directory: Path, report: Report) -> dict[str, Any]:
    """Measure everything, on a PostgreSQL that lives and ends in a folder of `directory`.

    Raises:
        FoundryError: the server does not start, or an arm failed or did not count every row.
    """
    folder = directory / f"run-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        with PostgresServer(folder / "postgres", log=folder / "postgres.log") as server:
            return _Benchmark(folder, server, size, report).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Benchmark:
    def __init__(self, folder: Path, server: PostgresServer, size: Size, report: Report) -> None:
        self._folder = folder
        self._server = server
        self._size = size
        self._report = report

    def run(self) -> dict[str, Any]:
        with contextlib.closing(postgres.connect(self._task(0, FIRST_DAY).settings())) as database:
            postgres.migrate(database)
            database.commit()
            version = database.info.server_version
        small, large = (self._arms(rows) for rows in self._size.events)
        backfills = {rows: self._backfills(rows) for rows in self._size.backfill_events}
        two_processes = [
            round(each["two_processes"]["median"] / each["one_process"]["median"], 3)
            for each in backfills.values()
        ]
        arrival = self._arrival()
        medians = {name: arm["seconds"]["median"] for name, arm in large.items() if arm}
        return {
            "machine": harness.machine_facts(
                DISTRIBUTIONS, **peers.versions(PEERS.values()), postgresql=f"{version // 10000}"
            ),
            "size": self._size._asdict(),
            "arms": {str(self._size.events[0]): small, str(self._size.events[1]): large},
            "backfill_s": {str(rows): figures for rows, figures in backfills.items()},
            "arrival_s": arrival,
            "ratios": {
                "vs_pandas_5m": round(medians["pandas_read_sql"] / medians["ours"], 2),
                "vs_pandas_adbc_5m": round(medians["pandas_adbc"] / medians["ours"], 2),
                "vs_twenty_lines_5m": round(medians["twenty_lines"] / medians["ours"], 2),
                "vs_pandas_columns_5m": round(medians["pandas_columns"] / medians["ours"], 2),
                "lake_vs_postgres": round(medians["postgres_adbc"] / medians["lake_alone"], 2),
                **dict(zip(_TWO_PROCESSES, two_processes, strict=False)),
                "new_to_whole_day": round(
                    arrival["new_events"]["median"] / arrival["whole_day"], 4
                ),
            },
            "peak_rss_mb_1m": small["ours"]["peak_rss_mb"] if small["ours"] else None,
            "peak_rss_mb_5m": large["ours"]["peak_rss_mb"] if large["ours"] else None,
        }

    def _task(self, rows: int, day: date) -> Task:
        home = self._folder / f"home-{uuid.uuid4().hex[:8]}"
        return Task(self._server.database_url("postgres"), home, day, rows)

    def _arms(self, rows: int) -> dict[str, dict[str, Any] | None]:
        wanted = {name: peers.installed(PEERS.get(name)) for name in ARMS}
        for name in (name for name, there in wanted.items() if not there):
            self._report(peers.skipped(name, PEERS[name]))
        task = self._task(rows, FIRST_DAY)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in ARMS if wanted[name]}
        with self._preloaded(task, [FIRST_DAY]):
            self._measure(Call(arms.ours, task))  # what `lake_alone` reads
            for order in harness.rotated(list(outcomes), self._size.rounds):
                for name in order:
                    fresh = task if name != "ours" else self._task(rows, FIRST_DAY)
                    python = peers.python(PEERS.get(name))
                    [outcome] = self._measure(Call(ARMS[name], fresh, python))
                    outcomes[name].append(outcome)
                    self._report(f"{name}, {rows:,} events: {outcome.seconds:.2f} s")
        return {name: _figures(outcomes[name]) if wanted[name] else None for name in ARMS}

    def _backfills(self, rows: int) -> dict[str, dict[str, Any]]:
        """Eight days by one process and by two, each time with a reader beside them."""
        wanted = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
        half = DAYS // 2
        seconds: dict[int, list[float]] = {1: [], 2: []}
        with self._preloaded(self._task(rows, FIRST_DAY), wanted):
            for _ in range(self._size.rounds):
                for parts in ([wanted], [wanted[:half], wanted[half:]]):
                    task = self._task(rows, FIRST_DAY)
                    task.home.mkdir(parents=True)
                    writers = [Call(arms.days, (task, part[0], part[-1])) for part in parts]
                    *done, _ = self._measure(*writers, Call(arms.reader, (task, DAYS)))
                    seconds[len(parts)].append(
                        max(each.ended for each in done) - min(each.started for each in done)
                    )
                one, two = seconds[1][-1], seconds[2][-1]
                self._report(f"{DAYS} days of {rows:,}: {one:.2f} s, by two processes {two:.2f} s")
        return {
            "one_process": harness.summary(seconds[1], 3),
            "two_processes": harness.summary(seconds[2], 3),
        }

    def _arrival(self) -> dict[str, Any]:
        """The larger day from the inbox into every summary, then some new events of it.

        Late ones are of the hour before, and then, once more, of any hour of the day.
        """
        task = self._task(self._size.events[1], FIRST_DAY)
        self._land(task, 0, task.rows)
        [whole] = self._measure(Call(arms.whole_day, task))
        self._report(f"a day of {task.rows:,} events into every summary: {whole.seconds:.1f} s")
        first = -(-task.rows // BATCH) * BATCH
        kinds = {"new_events": LATE_SESSIONS, "new_events_of_any_hour": task.rows}
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for kind in [kind for _ in range(self._size.rounds) for kind in kinds]:
            self._land(task, first, self._size.new_events, late_sessions=kinds[kind])
            first += BATCH
            task = task._replace(rows=task.rows + self._size.new_events)
            [new] = self._measure(Call(arms.new_events, task))
            seconds[kind].append(new.seconds)
            self._report(f"{self._size.new_events:,} {kind}: {new.seconds:.2f} s")
        return {
            "whole_day": round(whole.seconds, 3),
            **{kind: harness.summary(each, 3) for kind, each in seconds.items()},
        }

    def _land(
        self, task: Task, first: int, events: int, late_sessions: int = LATE_SESSIONS
    ) -> None:
        """Put events into the inbox, as drains would have in batches."""
        self._report(f"landing {events:,} events")
        numbers = {"first_no": first, "events": events, "late_sessions": late_sessions}
        wanted = {"day": task.day, **numbers}
        with psycopg.connect(task.postgres_url, autocommit=True) as connection:
            connection.execute("SELECT ensure_day_partition('event_inbox', %s)", (task.day,))
            for name in ("preload_events", "preload_event_batches"):
                connection.execute((SQL / f"{name}.sql").read_text().encode(), wanted)
            if events > BATCH:
                connection.execute("VACUUM (ANALYZE) event_inbox")

    def _measure(self, *calls: Call) -> list[Outcome]:
        return harness.measure(*calls, log=self._folder / "processes.log", limit_s=LIMIT_S)

    @contextlib.contextmanager
    def _preloaded(self, task: Task, days: list[date]) -> Iterator[None]:
        self._report(f"loading {len(days)} days of {task.rows:,} events")
        with psycopg.connect(task.postgres_url, autocommit=True) as connection:
            for day in days:
                connection.execute("SELECT ensure_day_partition(%s, %s)", (arms.TABLE, day))
                for name in ("preload_day", "preload_batches"):
                    text = (SQL / f"{name}.sql").read_text().encode()
                    connection.execute(text, {"day": day, "rows": task.rows})
            connection.execute("VACUUM ANALYZE llm_tool_call")
            yield
            connection.execute("TRUNCATE llm_tool_call, flat_day, flat_batch")


def _figures(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "seconds": harness.summary([one.seconds for one in outcomes], 3),
        "peak_rss_mb": round(max(one.peak_rss_mb for one in outcomes), 1),
    }
