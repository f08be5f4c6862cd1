"""The daily partitions that every table, recipe and summary shares, when they are due, and how each
one's checks are kept apart."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import dagster as dg

from model_foundry.settings import Settings

# The schedule begins half an hour after midnight UTC: by six, something must have been made.
NIGHTLY: Final = dg.FreshnessPolicy.cron("0 6 * * *", lower_bound_delta=timedelta(hours=6))


def days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """UTC days from the settings' first one to today, today included."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), end_offset=1)


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
