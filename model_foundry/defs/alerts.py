"""Who looks after the line is told when a run fails or a check does not hold.

alerts    (sensor: runs have ended; a message to MODEL_FOUNDRY_ALERT_URL for those in trouble)
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import msgspec

from model_foundry.alerts.troubles import Outcome, Standing, short
from model_foundry.alerts.webhook import VARIABLE, headline, tell
from model_foundry.assets.resource import Foundry

# Runs looked at in a tick; the rest are in the next.
RUNS: Final = 200
# A run may be stored a little later than its time says.
OVERLAP: Final = timedelta(seconds=30)

_ENDED: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
_PARTITION: Final = "dagster/partition"
_WILL_RETRY: Final = "dagster/will_retry"


class _Seen(msgspec.Struct):
    """The cursor: up to when runs were looked at, those within the overlap, what is in trouble."""

    until: datetime
    runs: dict[str, datetime] = {}
    standing: Standing = msgspec.field(default_factory=Standing)


@dg.sensor(
    description="A run failed, or a check does not hold: MODEL_FOUNDRY_ALERT_URL is told, once.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def alerts(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> dg.SkipReason:
    """Tells of runs that failed and checks that do not hold, once each, until they are well again.

    It begins with what ends after it was switched on. What could not be told is told at the next
    tick.
    """
    settings = foundry.settings
    if settings.alert_url is None:
        return dg.SkipReason(f"Nobody is told: {VARIABLE} is not set.")
    first = context.cursor is None
    seen = (
        _Seen(datetime.now(UTC))
        if context.cursor is None
        else msgspec.json.decode(context.cursor, type=_Seen)
    )
    records = context.instance.get_run_records(
        dg.RunsFilter(statuses=[*_ENDED], updated_after=seen.until - OVERLAP),
        limit=RUNS + len(seen.runs),
        order_by="update_timestamp",
        ascending=True,
    )
    fresh = [record for record in records if record.dagster_run.run_id not in seen.runs]
    outcomes = (
        outcome
        for record in fresh
        for outcome in _outcomes(context.instance, record.dagster_run, settings.ui_url)
    )
    troubles = [] if first else list(seen.standing.new(outcomes))
    if troubles:
        tell(
            troubles,
            url=settings.alert_url.get_secret_value(),
            form=settings.alert_format,
            timeout_s=settings.connect_timeout_s,
        )
    for record in fresh:
        updated = record.update_timestamp
        updated = updated if updated.tzinfo else updated.replace(tzinfo=UTC)
        seen.until = max(seen.until, updated)
        seen.runs[record.dagster_run.run_id] = updated
    oldest = seen.until - OVERLAP
    seen.runs = {run_id: updated for run_id, updated in seen.runs.items() if updated >= oldest}
    context.update_cursor(msgspec.json.encode(seen).decode())
    if first:
        return dg.SkipReason("From now on.")
    told = f"told: {headline(troubles)}" if troubles else "nothing new in trouble"
    return dg.SkipReason(f"{len(fresh)} runs have ended; {told}.")


def _outcomes(instance: dg.DagsterInstance, run: dg.DagsterRun, ui_url: str) -> Iterator[Outcome]:
    """How a run's checks ended, and the run itself."""
    url = f"{ui_url.rstrip('/')}/runs/{run.run_id}"
    records = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    events = [record.event_log_entry.dagster_event for record in records]
    evaluations = [event.asset_check_evaluation_data for event in events if event is not None]
    # Of several days, each has an evaluation of its own, and all have one together.
    by_day = {each.asset_check_key for each in evaluations if each.partition is not None}
    for each in evaluations:
        if each.partition is None and each.asset_check_key in by_day:
            continue
        yield Outcome(
            kind="check",
            name=f"{each.asset_key.to_user_string()}: {each.check_name}",
            partition=each.partition or run.tags.get(_PARTITION),
            passed=each.passed,
            reason=short(each.description or ""),
            url=url,
        )
    if run.tags.get(_WILL_RETRY) == "true":
        return
    yield Outcome(
        kind="run",
        name=_name(run),
        partition=run.tags.get(_PARTITION),
        passed=run.status == dg.DagsterRunStatus.SUCCESS,
        reason="" if run.status == dg.DagsterRunStatus.SUCCESS else short(_reason(instance, run)),
        url=url,
    )


def _name(run: dg.DagsterRun) -> str:
    """Its job; of assets that somebody has materialized, those."""
    if not run.job_name.startswith("__"):
        return run.job_name
    return ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or "a run"


def _reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What the first step that failed says, without Dagster's frame around it; else the run."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run.run_id, of_type=kinds).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.RUN_FAILURE:
            return event.message or ""
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            message: str = error.message
            return f"{event.step_key}: {message.split(': ', 1)[-1]}"
    return ""


@dg.definitions
def alerting() -> dg.Definitions:
    """The sensor."""
    return dg.Definitions(sensors=[alerts])
