"""The daily partitions that every table, recipe and summary shares, when they are due, and how each
one's checks are kept apart."""

import contextlib
import functools
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg
import psycopg

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.postgres import days as stored_days
from model_foundry.settings import Settings

# The schedule begins half an hour after midnight UTC: by six, something must have been made.
NIGHTLY: Final = dg.FreshnessPolicy.cron("0 6 * * *", lower_bound_delta=timedelta(hours=6))


# The first events may be of yesterday, and the UI shows the days that it was loaded with.
BEFORE_THE_FIRST: Final = timedelta(days=7)
# A clock that was never set gives days of 1970, each of which would be a missing partition.
EARLIEST: Final = date(2025, 1, 1)


@functools.cache
def days() -> dg.DailyPartitionsDefinition:
    """UTC days from the first one to today, today included; the same until `forget_days`.

    All assets of a location must have the same days, also while events arrive.
    """
    return dg.DailyPartitionsDefinition(start_date=first_day(Settings()).isoformat(), end_offset=1)


def forget_days() -> None:
    """Let `days` look anew where they begin: a location is loaded."""
    days.cache_clear()


def first_day(settings: Settings) -> date:
    """The settings' first day, or else that of the events that there are; a week ago, if none.

    Where PostgreSQL cannot be asked it is `EARLIEST`: a day too many can be run, one too few not.
    """
    if settings.first_day is not None:
        return settings.first_day
    if settings.postgres_url is None:
        return EARLIEST
    today = datetime.now(UTC).date()
    try:
        with contextlib.closing(postgres.connect(settings)) as connection:
            first = stored_days.first_day(connection, EARLIEST)
    except postgres.STRANGE_TABLES:
        first = None  # tables that are not there yet have no events
    except (FoundryError, psycopg.Error):
        return EARLIEST
    return today - BEFORE_THE_FIRST if first is None else min(first, today)


def evaluated(
    context: dg.AssetExecutionContext,
    each: Mapping[str, dg.AssetCheckResult],
    whole: dg.AssetCheckResult,
) -> dg.AssetCheckResult:
    """What a run returns of a partitioned check: `whole`, which is over all partitions of the run.

    Of a run of several, Dagster takes it for no partition in particular; each one's own result is
    logged beside it, so that another day's pass does not hide a failure.
    """
    if len(each) > 1:
        for key, result in each.items():
            context.log_event(
                dg.AssetCheckEvaluation(
                    asset_key=context.asset_key,
                    check_name=str(result.check_name),
                    passed=result.passed,
                    metadata=result.metadata,
                    severity=result.severity,
                    description=result.description,
                    partition=key,
                )
            )
    return whole
