"""`model-foundry exporter`: the figures of the line, and Dagster's, which only we may ask."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from prometheus_client import Counter as Counters
from prometheus_client import Histogram, disable_created_metrics
from prometheus_client.core import Metric

from model_foundry.assets.outcomes import Troubles
from model_foundry.cli.console import console
from model_foundry.cli.dagster_home import prepare_dagster_home
from model_foundry.exporter.serve import serve, sources_of
from model_foundry.exporter.source import Trouble, gauge
from model_foundry.settings import Settings
from model_foundry.summaries.compute import SUMMARIES
from model_foundry.summaries.own import summary_names

JOBS: Final = 100
RUNS: Final = 1_000
OVERLAP: Final = timedelta(seconds=60)
BUCKETS_S: Final = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400)

_UNFINISHED: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_FINISHED: Final = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


def run_exporter(settings: Settings) -> None:
    """Serve until a signal.

    Raises:
        FoundryError: a URL is not known, or the port is taken.
    """
    dagster = Instance(summaries=summary_names(settings), ui_url=settings.ui_url)
    sources = [*sources_of(settings), dagster]
    prepare_dagster_home(settings)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    url = f"http://{settings.exporter_host}:{settings.exporter_port}"
    console.print(f"Figures on {url}/metrics, live page on {url}/", highlight=False)
    serve(settings, sources)


class Instance:
    """The Dagster instance as a source. Its calls block, so they have a thread of their own."""

    name = "dagster"
    up = "foundry_dagster_up"

    def __init__(
        self,
        instance: dg.DagsterInstance | None = None,
        summaries: Sequence[str] = SUMMARIES,
        ui_url: str = "",
    ) -> None:
        self._instance = instance
        self._given = instance is not None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dagster")
        self._summaries = summaries
        self._jobs: set[str] = set()
        self._since: datetime | None = None
        self._counted: set[str] = set()
        self._troubles = Troubles(ui_url)
        self._ended = Counters(
            "foundry_dagster_runs", "Runs that ended.", ["job", "status"], registry=None
        )
        self._durations = Histogram(
            "foundry_dagster_run_duration_seconds",
            "From start to end of runs that ended.",
            ["job"],
            buckets=BUCKETS_S,
            registry=None,
        )

    async def look(self) -> Sequence[Metric]:
        """Runs, daemons and summaries as the instance's storage has them."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    async def close(self) -> None:
        """Give the instance back, unless it was given."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._instance is not None and not self._given:
            self._instance.dispose()

    def lasting(self) -> Sequence[Metric]:
        """Runs that ended since the exporter began, and how long they took."""
        return [*self._ended.collect(), *self._durations.collect()]

    def troubles(self) -> Sequence[Trouble]:
        """Runs that failed and checks that do not hold, with the UI's page of the run."""
        return [
            Trouble(one.ended_at, one.outcome.title, one.outcome.reason, one.outcome.url)
            for one in self._troubles.standing()
        ]

    def _look(self) -> Sequence[Metric]:
        if self._instance is None:
            self._instance = dg.DagsterInstance.get()
        self._count_ended(self._instance)
        beats = self._instance.get_daemon_heartbeats()
        keys = [dg.AssetKey(name) for name in self._summaries]
        records = [record.asset_entry for record in self._instance.get_asset_records(keys)]
        return [
            *self._unfinished(self._instance),
            gauge(
                "foundry_dagster_daemon_heartbeat_timestamp_seconds",
                "When a daemon was last heard of.",
                [((daemon,), beat.timestamp) for daemon, beat in beats.items()],
                ["daemon"],
            ),
            gauge(
                "foundry_summary_last_success_timestamp_seconds",
                "When a summary was last materialized.",
                [
                    ((each.asset_key.to_user_string(),), each.last_materialization.timestamp)
                    for each in records
                    if each.last_materialization is not None
                ],
                ["summary"],
            ),
        ]

    def _unfinished(self, instance: dg.DagsterInstance) -> list[Metric]:
        records = instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED), limit=RUNS)
        counted = Counter(
            (self._job(record.dagster_run.job_name), record.dagster_run.status.value)
            for record in records
        )
        # Of its own, since beyond RUNS the oldest are not among the records.
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        oldest = instance.get_run_records(
            queued, limit=1, order_by="create_timestamp", ascending=True
        )
        now = datetime.now(UTC)
        ages_s = [(now - record.create_timestamp).total_seconds() for record in oldest]
        return [
            gauge(
                "foundry_dagster_runs",
                "Runs that have not ended.",
                list(counted.items()),
                ["job", "status"],
            ),
            gauge(
                "foundry_dagster_queue_age_seconds",
                "How long the oldest queued run has waited.",
                [((), max([0.0, *ages_s]))],
            ),
        ]

    def _count_ended(self, instance: dg.DagsterInstance) -> None:
        """Runs that ended since the last look; the first look only learns the jobs' names."""
        looks_at = datetime.now(UTC)
        since = None if self._since is None else self._since - OVERLAP
        wanted = dg.RunsFilter(statuses=_FINISHED, updated_after=since)
        records = instance.get_run_records(wanted, limit=RUNS)
        for record in records:
            run = record.dagster_run
            job = self._job(run.job_name)
            for status in _FINISHED:
                self._ended.labels(job, status.value)
            if self._since is not None and run.run_id not in self._counted:
                self._ended.labels(job, run.status.value).inc()
                if record.start_time is not None and record.end_time is not None:
                    self._durations.labels(job).observe(record.end_time - record.start_time)
        fresh = [each for each in records if each.dagster_run.run_id not in self._counted]
        self._troubles.look(instance, fresh)
        self._counted = {record.dagster_run.run_id for record in records}
        self._since = looks_at

    def _job(self, name: str) -> str:
        """The job's name as a label; beyond `JOBS` different ones it is `other`."""
        if name not in self._jobs and len(self._jobs) >= JOBS:
            return "other"
        self._jobs.add(name)
        return name
