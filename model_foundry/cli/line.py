"""Running our Dagster jobs in this process, with their steps shown as they go."""

import functools
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import dagster as dg

from model_foundry.definitions import defs
from model_foundry.errors import FoundryError

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_POLL_S = 0.3


class Materialized(NamedTuple):
    """One materialization of a run: the asset, its partition if it has one, its metadata."""

    asset: str
    partition: str | None
    metadata: dict[str, Any]


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    *,
    partition: str | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Materialized]:
    """Run one job to its end and return what it materialized, in order.

    Raises:
        FoundryError: a step failed or a check stopped it; the text names the step and the run.
    """
    job = _location().resolve_job_def(name)
    run_id = str(uuid.uuid4())  # known before the run starts, to follow its events

    def execute() -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            partition_key=partition,
            run_id=run_id,
            raise_on_error=False,
        )

    pool = ThreadPoolExecutor(1)
    try:
        future = pool.submit(execute)
        seen = 0
        while not future.done():
            wait([future], timeout=_POLL_S)
            seen = _report(instance, run_id, seen, on_step)
        result = future.result()
    finally:
        pool.shutdown(wait=False)  # whoever interrupts does not wait for the step under way
    if not result.success:
        raise FoundryError(_failure(name, run_id, result))
    return [
        _materialized(event.step_materialization_data.materialization)
        for event in result.all_events
        if event.is_step_materialization
    ]


@functools.cache
def _location() -> dg.Definitions:
    """Loaded once: while a command runs, what it is told does not change."""
    return defs()


def _report(
    instance: dg.DagsterInstance, run_id: str, seen: int, on_step: Callable[[str], None]
) -> int:
    if instance.get_run_by_id(run_id) is None:
        return seen
    started = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
    for entry in started[seen:]:
        if entry.step_key:
            on_step(entry.step_key)
    return len(started)


def _materialized(event: dg.AssetMaterialization) -> Materialized:
    return Materialized(
        event.asset_key.to_user_string(),
        event.partition,
        {name: value.value for name, value in event.metadata.items()},
    )


def _failure(name: str, run_id: str, result: dg.ExecuteInProcessResult) -> str:
    faults = []
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            cause = error.cause or error
            faults.append(f"{event.step_key}: {' '.join(cause.message.split())}")
    faults += [
        f"check {check.check_name} of {check.asset_key.to_user_string()}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.blocking
    ]
    return (
        f"run {run_id} of {name} failed: {'; '.join(faults) or 'see its log'}. "
        "`model-foundry dev` shows it in the Dagster UI."
    )
