"""Days as a person says them: a date, `today`, `yesterday`."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import typer

DAY: Final = "As 2026-11-20, today or yesterday."


def utc_day(said: str | date) -> date:
    """The UTC day that is meant.

    Raises:
        typer.BadParameter: it is none.
    """
    return day_in(said, UTC)


def day_in(said: str | date, zone: tzinfo | None) -> date:
    """The day that is meant by somebody in a zone; None: the machine's.

    Raises:
        typer.BadParameter: it is none.
    """
    today = datetime.now(UTC).astimezone(zone).date()
    match said:
        case date():
            return said
        case "today":
            return today
        case "yesterday":
            return today - timedelta(days=1)
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise typer.BadParameter(f"{said!r} is no day. {DAY}") from None
