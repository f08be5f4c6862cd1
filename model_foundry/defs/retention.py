"""Retention: old days leave PostgreSQL, once the lake has them. Off until it is configured.

drop_old_days    (schedule: nightly, where MODEL_FOUNDRY_RETENTION_DAYS is set)
"""

import dagster as dg
from pydantic import Field

from model_foundry.components import metadata
from model_foundry.components.resource import Foundry
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.store import days

_COLUMNS = [("day", "date"), ("rows", "bigint"), ("status", "text")]


class RetentionConfig(dg.Config):
    """Which days are old."""

    keep_days: int | None = Field(
        default=None,
        ge=1,
        description="Days that ended longer ago are dropped; unset: MODEL_FOUNDRY_RETENTION_DAYS.",
    )


@dg.op(out=dg.Out(dg.Nothing))
def drop_days(
    context: dg.OpExecutionContext, config: RetentionConfig, foundry: dg.ResourceParam[Foundry]
) -> None:
    """Old days of the inbox and the flat tables, dropped one by one once the lake has them."""
    keep_days = config.keep_days or foundry.settings.retention_days
    if keep_days is None:
        raise FoundryError(
            "nothing says how many days PostgreSQL keeps: set MODEL_FOUNDRY_RETENTION_DAYS, or "
            "keep_days in the run's config"
        )
    table = []
    with foundry.postgres() as connection:
        for day in days.days_before(connection, keep_days):
            done = days.drop_day(foundry.settings, connection, day)
            rows = sum(done.rows.values())
            status = f"kept: {done.kept_because}" if done.kept_because else "dropped"
            context.log.info(f"{day}: {status}, {rows:,} rows")
            table.append({"day": str(day), "rows": rows, "status": status})
    context.add_output_metadata(
        {"days": len(table), "rows": metadata.table(table[-1000:], _COLUMNS)}
    )


@dg.definitions
def retention() -> dg.Definitions:
    """The job, and its schedule."""

    @dg.job(description="Old days leave PostgreSQL; the lake keeps them.")
    def drop_old_days() -> None:
        drop_days()

    wanted = Settings().retention_days is not None
    nightly = dg.ScheduleDefinition(
        name="old_days",
        job=drop_old_days,
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if wanted
        else dg.DefaultScheduleStatus.STOPPED,
        description="Every night, where MODEL_FOUNDRY_RETENTION_DAYS is set.",
    )
    return dg.Definitions(jobs=[drop_old_days], schedules=[nightly])
