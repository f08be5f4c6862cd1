"""The daily partitions that every table, recipe and summary shares, and when they are due."""

from datetime import timedelta
from typing import Final

import dagster as dg

from model_foundry.settings import Settings

# The schedule begins half an hour after midnight UTC: by six, something must have been made.
NIGHTLY: Final = dg.FreshnessPolicy.cron("0 6 * * *", lower_bound_delta=timedelta(hours=6))


def days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """UTC days from the settings' first one to today, today included."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), end_offset=1)
