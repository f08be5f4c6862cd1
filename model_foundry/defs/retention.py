"""Retention: old days leave PostgreSQL, once the lake has them. Off until it is configured.

drop_old_days    (schedule: nightly, where MODEL_FOUNDRY_RETENTION_DAYS is set)
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from model_foundry.assets import metadata
from model_foundry.assets.resource import Foundry
from model_foundry.errors import FoundryError
from model_foundry.lake.retention import DroppedDay, drop_day
from model_foundry.postgres import days, keys
from model_foundry.settings import Settings

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
    """Old days of the inbox and the flat tables, dropped one by one once the lake has them.

    A day that fails is named, and the others are dropped all the same. Then the keys of days that
    were dropped long ago are given up, where MODEL_FOUNDRY_KEYS_DAYS says so.
    """
    keep_days = config.keep_days or foundry.settings.retention_days
    if keep_days is None:
        raise FoundryError(
            "nothing says how many days PostgreSQL keeps: set MODEL_FOUNDRY_RETENTION_DAYS, or "
            "keep_days in the run's config"
        )
    today = datetime.now(UTC).date()
    with foundry.postgres() as connection:
        old = days.days_before(connection, today - timedelta(days=keep_days))
    table, failed = [], []
    for day in old:
        try:
            with foundry.postgres() as connection:
                done = drop_day(foundry.settings, connection, day)
        except Exception as error:  # whatever it is: it is this day's
            context.log.exception(f"{day} could not be dropped")
            failed.append(str(day))
            reason = " ".join(str(error).split()) or type(error).__name__
            done = DroppedDay(day, {}, f"it failed: {reason}")
        rows = sum(done.rows.values())
        status = f"kept: {done.kept_because}" if done.kept_because else "dropped"
        context.log.info(f"{day}: {status}, {rows:,} rows")
        table.append({"day": str(day), "rows": rows, "status": status})
    with foundry.postgres() as connection:
        if foundry.settings.keys_days is not None:
            keys.forget(connection, today - timedelta(days=foundry.settings.keys_days))
        cost = keys.cost(connection)
    shown: dict[str, dg.RawMetadataValue] = {
        "days": len(table),
        "rows": metadata.table(table[-1000:], _COLUMNS),
        "keys": cost.keys,
        "key_bytes": cost.bytes,
        "keys_given_up": cost.forgotten,
    }
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {len(table)} days could not be dropped and are kept: "
            f"{', '.join(failed[:20])}. The log says why; the others were dealt with.",
            metadata=shown,
            allow_retries=False,
        )
    context.add_output_metadata(shown)


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
