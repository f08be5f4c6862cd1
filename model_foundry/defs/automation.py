"""What runs without a hand laid on: jobs, the two sensors that follow the events, the schedule.

drain_inbox    what waits on NATS, into the inbox          (sensor: something waits)
refresh_day    a day's flat tables and summaries           (sensor: a drain touched the day)
run_day        the same and the recipes between them       (schedule: each finished day)
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import dagster as dg
import msgspec
import psycopg

from model_foundry.assets.partitions import days
from model_foundry.assets.resource import Foundry
from model_foundry.assets.runs import (
    by_partition,
    failed_lately,
    latest_run,
    unfinished_partitions,
)
from model_foundry.intake.configuration import queue
from model_foundry.postgres import changes, flat
from model_foundry.settings import Settings
from model_foundry.summaries.own import summary_names

SEEN_TAG: Final = "model_foundry/changes_seen"
_CHANGES_EVERY: Final = timedelta(seconds=50)


class _Asked(msgspec.Struct, frozen=True):
    """The cursor: for which state of the queue a drain was asked for last, and when."""

    state: str
    at: float


@dg.sensor(
    job_name="drain_inbox",
    description="Messages wait on NATS: they are carried into the inbox.",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def events_waiting(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> dg.RunRequest | dg.SkipReason:
    """Asks for a drain when messages wait on the durable consumer.

    What a drain that died still holds is asked for once, and again when the server gives it back.
    """
    if unfinished_partitions(context.instance, "drain_inbox"):
        return dg.SkipReason("A drain is under way.")
    waits = asyncio.run(queue(foundry.settings))
    now = time.time()
    if not waits.new + waits.held:
        return dg.SkipReason("0 messages wait.")
    if not waits.new and context.cursor:
        last = msgspec.json.decode(context.cursor, type=_Asked)
        if waits.state == last.state and 0 <= now - last.at < waits.ack_wait_s:
            return dg.SkipReason(
                f"{waits.held} messages were delivered and not acknowledged, and have not come "
                f"again: they do within {waits.ack_wait_s:g} s."
            )
    context.update_cursor(msgspec.json.encode(_Asked(waits.state, now)).decode())
    context.log.info(f"{waits.new} messages wait, {waits.held} are not acknowledged.")
    return dg.RunRequest(tags={"model_foundry/messages_waiting": str(waits.new + waits.held)})


def _touched(
    context: dg.SensorEvaluationContext,
    foundry: Foundry,
    partitions: dg.DailyPartitionsDefinition,
    refreshed: Sequence[str],
) -> list[dg.RunRequest] | dg.SkipReason:
    settings = foundry.settings
    with foundry.postgres() as connection:
        changed = changes.changed_days(connection)
        late = [
            day
            for day in changed.days
            if _is_due(context.instance, connection, day, datetime.now(UTC))
        ]
        stale = {*flat.stale_days(connection), *late}
    running = unfinished_partitions(context.instance, "refresh_day")
    failed = failed_lately(context.instance, "refresh_day", datetime.now(UTC))
    found = by_partition(partitions, stale)
    for told in found.held_back(settings):
        context.log.warning(told)
    held = running | failed
    asked = [key for key in found.known if key not in held]
    if not asked:
        waits = f"; {len(found.known)} run or failed lately" if found.known else ""
        return dg.SkipReason(" ".join([f"0 days to refresh{waits}.", *found.held_back(settings)]))
    append = {"ops": {name: {"config": {"mode": "append"}} for name in refreshed}}
    return [
        dg.RunRequest(partition_key=key, run_config=append, tags={SEEN_TAG: changed.seen})
        for key in asked
    ]


def _is_due(
    instance: dg.DagsterInstance, connection: psycopg.Connection[Any], day: date, now: datetime
) -> bool:
    """Whether a day's changes are to be summarized now; what a run has summarized is forgotten.

    While jobs land all the time, a day is asked for once a minute, not whenever a run has ended.
    """
    last = latest_run(instance, "refresh_day", day.isoformat(), SEEN_TAG)
    if last is None:
        return True
    if last.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
        changes.forget_changes(connection, day, last.dagster_run.tags[SEEN_TAG])
        if day not in changes.changed_days(connection).days:
            return False
    return now - last.create_timestamp >= _CHANGES_EVERY


@dg.definitions
def automation() -> dg.Definitions:
    """Jobs, sensors and the daily schedule."""
    partitions = days()
    refreshed = (*flat.FLAT_TABLES, *summary_names(Settings()))
    run_day = dg.define_asset_job(
        "run_day",
        selection=dg.AssetSelection.assets(*refreshed) | dg.AssetSelection.groups("recipes"),
        description="A day from the inbox to the summaries, recipes included.",
    )

    @dg.sensor(
        job_name="refresh_day",
        description="A day has new events: its flat tables and summaries take them in.",
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def days_touched(
        context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        """Asks for a refresh of exactly the days that hold events which a flat table has not seen,
        or whose results, quarantine or translations have changed since.

        Flat tables and summaries take in only what is new (mode append). A day whose refresh runs
        is asked again afterwards if more came; one that failed, after some minutes.
        """
        return _touched(context, foundry, partitions, refreshed)

    @dg.schedule(
        job=run_day,
        description="Half an hour after midnight UTC: the day that has ended, recipes included.",
        cron_schedule="30 0 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def finished_day(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        """Half an hour after midnight UTC: the day that has just ended, recipes included."""
        day = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        ended = by_partition(partitions, [day])
        if not ended.known:
            return dg.SkipReason(f"{day} is not a day of ours: they begin at {ended.first}.")
        return [dg.RunRequest(partition_key=key) for key in ended.known]

    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "drain_inbox",
                selection=["pipeline_event_inbox_record"],
                description="What waits on NATS, into the inbox.",
            ),
            dg.define_asset_job(
                "refresh_day",
                selection=refreshed,
                description="A day's flat tables and summaries.",
            ),
            run_day,
        ],
        schedules=[finished_day],
        sensors=[events_waiting, days_touched],
    )
