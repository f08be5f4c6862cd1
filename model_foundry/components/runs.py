"""What sensors ask of the instance: which partitions of a job run, and which failed lately."""

from datetime import datetime, timedelta
from typing import Final

import dagster as dg

_UNFINISHED: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_RETRY_AFTER: Final = timedelta(minutes=5)
_PARTITION_TAG: Final = "dagster/partition"


def unfinished_partitions(instance: dg.DagsterInstance, job: str) -> set[str]:
    """Partitions (or "") of a job's runs that wait or run now."""
    runs = instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=_UNFINISHED))
    return {run.tags.get(_PARTITION_TAG, "") for run in runs}


def failed_lately(instance: dg.DagsterInstance, job: str, now: datetime) -> set[str]:
    """Partitions of a job's runs that failed within the last minutes."""
    runs = instance.get_runs(
        filters=dg.RunsFilter(
            job_name=job,
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=now - _RETRY_AFTER,
        )
    )
    return {run.tags.get(_PARTITION_TAG, "") for run in runs}
