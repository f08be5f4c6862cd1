"""What sensors ask before they ask for runs: which days have a partition, which partitions of a job
run, and which failed lately."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import dagster as dg

from model_foundry.assets.partitions import EARLIEST
from model_foundry.settings import Settings

_UNFINISHED: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_RETRY_AFTER: Final = timedelta(minutes=5)
PART_TAG: Final = "model_foundry/part"
_PARTITION_TAG: Final = "dagster/partition"
_LOOK_BACK: Final = 20  # runs of a partition


class Days(NamedTuple):
    """Days as partition keys: those that there are, and those that there are not (yet).

    A run that is asked for a partition which does not exist fails the whole tick.

    Attributes:
        first: the first one that there is.
    """

    first: date
    known: list[str]
    early: list[str]
    late: list[str]

    def held_back(self, settings: Settings) -> list[str]:
        """What to tell of the days that there are not; nothing where there are none."""
        told = []
        if self.early:
            held = f"{len(self.early)} days before {self.first} hold events ({_some(self.early)}): "
            if settings.first_day is None and self.early[-1] >= EARLIEST.isoformat():
                told.append(
                    f"{held}they came after the definitions were loaded. Reload these; the daemon "
                    "does so by itself within a minute."
                )
            else:
                told.append(
                    f"{held}set MODEL_FOUNDRY_FIRST_DAY earlier to have them in the flat tables."
                )
        if self.late:
            told.append(
                f"{len(self.late)} days that have not begun in UTC hold events "
                f"({_some(self.late)}): they wait until then. Look at the clock, and at the UTC "
                "offset, of whoever publishes them."
            )
        return told


def by_partition(partitions: dg.DailyPartitionsDefinition, found: Iterable[date]) -> Days:
    """Sort days by whether they have a partition, of those that the location was loaded with."""
    sorted_days = Days(partitions.start.date(), [], [], [])
    for day in sorted(found):
        key = day.isoformat()
        if partitions.has_partition_key(key):
            sorted_days.known.append(key)
        elif day < sorted_days.first:
            sorted_days.early.append(key)
        else:
            sorted_days.late.append(key)
    return sorted_days


def _some(keys: list[str]) -> str:
    return ", ".join([*keys[:5], *(["…"] if len(keys) > 5 else [])])


def unfinished_partitions(
    instance: dg.DagsterInstance, job: str, part: str | None = None
) -> set[str]:
    """Partitions (or "") of a job's runs that wait or run now, of those with a part of the job."""
    runs = instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=_UNFINISHED))
    return _partitions(runs, part)


def failed_lately(
    instance: dg.DagsterInstance, job: str, now: datetime, part: str | None = None
) -> set[str]:
    """Likewise of a job's runs that failed within the last minutes."""
    runs = instance.get_runs(
        filters=dg.RunsFilter(
            job_name=job,
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=now - _RETRY_AFTER,
        )
    )
    return _partitions(runs, part)


def latest_run(
    instance: dg.DagsterInstance, job: str, partition: str, tag: str
) -> dg.RunRecord | None:
    """The last run of a job for a partition that has a tag."""
    filters = dg.RunsFilter(job_name=job, tags={_PARTITION_TAG: partition})
    for record in instance.get_run_records(filters, limit=_LOOK_BACK):
        if tag in record.dagster_run.tags:
            return record
    return None


def _partitions(runs: Iterable[dg.DagsterRun], part: str | None) -> set[str]:
    """A run without the tag has all parts."""
    return {
        run.tags.get(_PARTITION_TAG, "")
        for run in runs
        if part is None or run.tags.get(PART_TAG, part) == part
    }
