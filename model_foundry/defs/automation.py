"""What runs without a hand laid on: jobs, the two sensors that follow the events, the schedule.

drain_inbox    what waits on NATS, into the inbox          (sensor: something waits)
refresh_day    a day's flat tables and summaries           (sensor: a drain touched the day)
run_day        the same and the recipes between them       (schedule: each finished day)
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from model_foundry.components.recipe import recipe_asset_names
from model_foundry.components.resource import Foundry
from model_foundry.components.runs import failed_lately, unfinished_partitions
from model_foundry.intake.configuration import pending_count
from model_foundry.store import flat
from model_foundry.store.summary_sql import SUMMARIES

REFRESHED: Final = (*flat.FLAT_TABLES, *SUMMARIES)


@dg.sensor(
    job_name="drain_inbox",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def events_waiting(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> dg.RunRequest | dg.SkipReason:
    """Asks for a drain when messages wait on the durable consumer."""
    if unfinished_partitions(context.instance, "drain_inbox"):
        return dg.SkipReason("A drain is under way.")
    waiting = asyncio.run(pending_count(foundry.settings))
    if waiting == 0:
        return dg.SkipReason("0 messages wait.")
    context.log.info(f"{waiting} messages wait.")
    return dg.RunRequest(tags={"model_foundry/messages_waiting": str(waiting)})


@dg.sensor(
    job_name="refresh_day",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def days_touched(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Asks for a refresh of exactly the days that hold events which a flat table has not seen.

    Flat tables and summaries take in only what is new (mode append). A day whose refresh runs is
    asked again afterwards if more came; one that failed, after some minutes.
    """
    settings = foundry.settings
    with foundry.postgres() as connection:
        stale = flat.stale_days(connection)
    running = unfinished_partitions(context.instance, "refresh_day")
    failed = failed_lately(context.instance, "refresh_day", datetime.now(UTC))
    asked, early, held = [], [], []
    for day in stale:
        key = day.isoformat()
        if day < settings.first_day:
            early.append(key)
        elif key in running or key in failed:
            held.append(key)
        else:
            asked.append(key)
    if early:
        context.log.warning(
            f"{len(early)} days before {settings.first_day} hold events ({', '.join(early[:5])}): "
            "set MODEL_FOUNDRY_FIRST_DAY earlier to have them in the flat tables."
        )
    if not asked:
        waits = f"; {len(held)} run or failed lately" if held else ""
        return dg.SkipReason(f"0 days to refresh{waits}.")
    append = {"ops": {name: {"config": {"mode": "append"}} for name in REFRESHED}}
    return [dg.RunRequest(partition_key=key, run_config=append) for key in asked]


@dg.definitions
def automation() -> dg.Definitions:
    """Jobs, sensors and the daily schedule."""
    run_day = dg.define_asset_job(
        "run_day",
        selection=[*REFRESHED, *recipe_asset_names()],
        description="A day from the inbox to the summaries, recipes included.",
    )

    @dg.schedule(
        job=run_day,
        cron_schedule="30 0 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def finished_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """Half an hour after midnight UTC: the day that has just ended, recipes included."""
        day = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        return dg.RunRequest(partition_key=day.isoformat())

    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "drain_inbox",
                selection=["pipeline_event_inbox_record"],
                description="What waits on NATS, into the inbox.",
            ),
            dg.define_asset_job(
                "refresh_day",
                selection=REFRESHED,
                description="A day's flat tables and summaries.",
            ),
            run_day,
        ],
        schedules=[finished_day],
        sensors=[events_waiting, days_touched],
    )
