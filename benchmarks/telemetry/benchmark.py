"""What is measured, in which order, and what the result file says of it."""

import asyncio
import contextlib
import importlib
import statistics
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.table import Table

from benchmarks import harness
from benchmarks.dispatch.arms import Task
from benchmarks.dispatch.arms.ours import jobs, slots_of
from benchmarks.dispatch.server import ExactServer
from benchmarks.harness import Outcome
from benchmarks.intake.events import Events
from benchmarks.intake.line import Line, settings_of
from benchmarks.measured import Call
from benchmarks.telemetry.endpoint import Endpoint
from model_foundry.devstack.processes import HOST, free_port
from model_foundry.errors import FoundryError
from model_foundry.intake.drain import drain
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.telemetry import sender_of

NAME: Final = "telemetry"
WITHOUT: Final = "without"
ARMS: Final = (WITHOUT, "well", "down", "slow", "500")
WORKS: Final = ("intake", "dispatch")
SLOW_S: Final = 10.0
# Of the throughput without telemetry.
TARGET: Final = 0.97

Report = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured: events and jobs of every run, and rounds, whose medians count."""

    events: int
    jobs: int
    delay_ms: float
    rounds: int


FULL: Final = Size(events=200_000, jobs=1_000, delay_ms=50.0, rounds=5)
QUICK: Final = Size(events=2_000, jobs=40, delay_ms=20.0, rounds=1)


class _Work(NamedTuple):
    settings: Settings
    events: int
    task: Task | None


def run(size: Size, directory: Path, report: Report) -> dict[str, Any]:
    """Measure everything, on servers that live and end in a folder of `directory`.

    Raises:
        FoundryError: a server does not start, or an arm lost something.
    """
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(Line(directory / f"run-{uuid.uuid4().hex[:8]}"))
        server = stack.enter_context(ExactServer("exact", 8, size.delay_ms))
        urls = {
            "well": stack.enter_context(Endpoint()).url,
            "down": f"http://{HOST}:{free_port()}/telemetry",
            "slow": stack.enter_context(Endpoint(delay_s=SLOW_S)).url,
            "500": stack.enter_context(Endpoint(status=500)).url,
        }
        events = Events(size.events)
        report(f"publishing {size.events:,} events")
        line.publish(events)
        outcomes: dict[str, dict[str, list[Outcome]]] = {
            work: {arm: [] for arm in ARMS} for work in WORKS
        }
        for order in harness.rotated(ARMS, size.rounds):
            for arm in order:
                for work in WORKS:
                    outcome = _measure(line, server, size, work, urls.get(arm))
                    outcomes[work][arm].append(outcome)
                    count = size.events if work == "intake" else size.jobs
                    report(f"{work}, {arm}: {count / outcome.seconds:,.0f} a second")
        counts = {"intake": size.events, "dispatch": size.jobs}
        return {
            "machine": harness.machine_facts(("httpx", "msgspec"), **line.versions()),
            "size": size._asdict(),
            "arms": {
                work: {arm: _figures(of_arm, counts[work]) for arm, of_arm in of_work.items()}
                for work, of_work in outcomes.items()
            },
            "ratios": {
                f"{work}_{arm}": _ratio(outcomes[work][arm], outcomes[work][WITHOUT])
                for work in WORKS
                for arm in ARMS
                if arm != WITHOUT
            },
        }


def render(result: dict[str, Any]) -> Table:
    """Throughput with telemetry, of that without."""
    table = Table("work", "endpoint", "of that without", f"target >= {TARGET}")
    for name, ratio in result["ratios"].items():
        work, _, arm = name.partition("_")
        table.add_row(work, arm, f"{ratio:.3f}", "[green]met" if ratio >= TARGET else "[red]missed")
    return table


def _measure(line: Line, server: ExactServer, size: Size, work: str, url: str | None) -> Outcome:
    log = line.directory / "processes.log"
    with line.database() as database:
        reads = work == "intake"
        told = line.task(database, size.events)
        settings = settings_of(told, telemetry_url=url, intake_max_messages=size.events)
        task = None
        if not reads:
            salt = uuid.uuid4().hex
            directory = line.directory
            task = Task((server.slot(),), size.jobs, 8, salt, told.postgres_url, directory)
        line.checkpoint()
        with line.consumer(size.events) if reads else contextlib.nullcontext():
            work_to_do = _Work(settings, size.events, task)
            [outcome] = harness.measure(Call(_prepare, work_to_do), log=log)
    return outcome


def _prepare(work: _Work) -> Callable[[], object]:
    settings, task = work.settings, work.task
    importlib.import_module("httpx")
    if task is None:

        def carry() -> None:
            landed = asyncio.run(drain(settings)).landed.counts["landed"]
            _check(settings, landed, work.events)

        return carry

    def ask(task: Task) -> None:
        report = asyncio.run(run_jobs(jobs(task), settings=settings, slots=slots_of(task)))
        _check(settings, report.ok + report.rejected, task.jobs)

    ask(task._replace(jobs=1, salt=f"{task.salt}-first"))  # imports what it needs
    return partial(ask, task)


def _check(settings: Settings, done: int, expected: int) -> None:
    """Whether all is done, and telemetry was told of it where there is an endpoint."""
    sender = sender_of(settings)
    if done != expected or (sender is not None and sender.counts.told == 0):
        raise FoundryError(f"{done} of {expected}; telemetry: {sender and sender.counts}")


def _figures(outcomes: list[Outcome], count: int) -> dict[str, Any]:
    return {
        "per_s": harness.summary([count / outcome.seconds for outcome in outcomes]),
        "cpu_us_each": harness.summary([outcome.cpu_s / count * 1e6 for outcome in outcomes]),
        "peak_rss_mb": round(max(outcome.peak_rss_mb for outcome in outcomes), 1),
    }


def _ratio(outcomes: list[Outcome], without: list[Outcome]) -> float:
    """Throughput beside that without telemetry of the same round: the median of the rounds."""
    pairs = zip(outcomes, without, strict=True)
    return round(statistics.median(base.seconds / own.seconds for own, base in pairs), 3)
