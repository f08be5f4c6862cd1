"""Who looks after the line is told when a run fails or a check does not hold.

alerts    (sensor: runs have ended; a message to MODEL_FOUNDRY_ALERT_URL for those in trouble)
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import msgspec

from model_foundry.alerts.troubles import Standing
from model_foundry.alerts.webhook import VARIABLE, headline, tell
from model_foundry.assets.outcomes import ENDED, outcomes_of
from model_foundry.assets.resource import Foundry

# Runs looked at in a tick; the rest are in the next.
RUNS: Final = 200
# A run may be stored a little later than its time says.
OVERLAP: Final = timedelta(seconds=30)


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
        dg.RunsFilter(statuses=[*ENDED], updated_after=seen.until - OVERLAP),
        limit=RUNS + len(seen.runs),
        order_by="update_timestamp",
        ascending=True,
    )
    fresh = [record for record in records if record.dagster_run.run_id not in seen.runs]
    outcomes = (
        outcome
        for record in fresh
        for outcome in outcomes_of(context.instance, record.dagster_run, settings.ui_url)
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


@dg.definitions
def alerting() -> dg.Definitions:
    """The sensor."""
    return dg.Definitions(sensors=[alerts])
