"""The daily partitions that every table, recipe and summary shares."""

import dagster as dg

from model_foundry.settings import Settings


def days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """UTC days from the settings' first one to today, today included."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), end_offset=1)
