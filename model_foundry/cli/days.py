"""UTC days as a person says them: a date, `today`, `yesterday`."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import typer

DAY: Final = "As 2026-11-20, today or yesterday."


def utc_day(said: str | date) -> date:
    """The day that is meant.

    Raises:
        typer.BadParameter: it is none.
    """
    today = datetime.now(UTC).date()
    match said:
        case date():
            return said
        case "today":
            return today
        case "yesterday":
            return today - timedelta(days=1)
    try:
        return datetime.strptime(said, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise typer.BadParameter(f"{said!r} is no day. {DAY}") from None
