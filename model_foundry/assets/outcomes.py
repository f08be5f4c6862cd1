"""How a run of Dagster's has ended, and the checks that it evaluated; what is in trouble since."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import dagster as dg

from model_foundry.alerts.troubles import Outcome, short

ENDED: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
# Of those that ended before the first look; and read by one look, since each costs some queries.
_RUNS: Final = 200
_RUNS_AT_ONCE: Final = 25
_KNOWN: Final = 2_000
_RUN_TOLD: Final = timedelta(days=1)
_PARTITION: Final = "dagster/partition"
_WILL_RETRY: Final = "dagster/will_retry"


def outcomes_of(instance: dg.DagsterInstance, run: dg.DagsterRun, ui_url: str) -> Iterator[Outcome]:
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


class Standing(NamedTuple):
    """The last that is known of something that may fail."""

    ended_at: datetime
    outcome: Outcome


class Troubles:
    """What has failed and has not gone well since; of runs, within the last day."""

    def __init__(self, ui_url: str) -> None:
        self._ui_url = ui_url
        self._waiting: list[dg.RunRecord] = []
        self._known: dict[str, Standing] = {}

    def look(self, instance: dg.DagsterInstance, ended: Iterable[dg.RunRecord]) -> None:
        """Read some of the runs that have ended: these, and those left over, newest first."""
        self._waiting = sorted([*ended, *self._waiting], key=_ended_at, reverse=True)[:_RUNS]
        now, self._waiting = self._waiting[:_RUNS_AT_ONCE], self._waiting[_RUNS_AT_ONCE:]
        for record in now:
            if record.dagster_run.status not in ENDED:
                continue
            for outcome in outcomes_of(instance, record.dagster_run, self._ui_url):
                known = self._known.get(outcome.trouble)
                if known is None or known.ended_at <= _ended_at(record):
                    self._known[outcome.trouble] = Standing(_ended_at(record), outcome)
        newest = sorted(self._known.items(), key=lambda item: item[1].ended_at, reverse=True)
        self._known = dict(newest[:_KNOWN])

    def standing(self) -> list[Standing]:
        """Those that are in trouble now, newest first."""
        since = datetime.now(UTC) - _RUN_TOLD
        return [
            one
            for one in self._known.values()
            if not one.outcome.passed and (one.outcome.kind == "check" or one.ended_at >= since)
        ]


def _ended_at(record: dg.RunRecord) -> datetime:
    updated = record.update_timestamp
    return updated if updated.tzinfo else updated.replace(tzinfo=UTC)
