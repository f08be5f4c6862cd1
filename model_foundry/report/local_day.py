"""A day of whoever looks: its begin and end, and which UTC days of the lake have parts of it."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple


class LocalDay(NamedTuple):
    """A date in a time zone; None: the machine's. It has 23 to 25 hours, by summer time."""

    day: date
    zone: tzinfo | None

    @property
    def since(self) -> datetime:
        """Its midnight, in UTC."""
        return datetime.combine(self.day, time(), self.zone).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """The midnight after it, in UTC."""
        return self.before(-1).since

    @property
    def hours(self) -> int:
        """As many as it has begun."""
        return -(-int((self.until - self.since).total_seconds()) // 3600)

    def before(self, days: int) -> "LocalDay":
        """The day so many before it."""
        return self._replace(day=self.day - timedelta(days=days))

    def variables(self) -> dict[str, Any]:
        """What the SQL of a report asks for by `getvariable`."""
        return {
            "day": self.day,
            "since": self.since,
            "until": self.until,
            "first_utc": self.since.date(),
            "last_utc": (self.until - timedelta(microseconds=1)).date(),
            "day_before_since": self.before(1).since,
            "week_before_since": self.before(7).since,
            "week_before_until": self.before(6).since,
            "week_before_first_utc": self.before(7).since.date(),
        }

    def __str__(self) -> str:
        begin, end = self.since.astimezone(self.zone), self.until.astimezone(self.zone)
        form = "%Y-%m-%d %H:%M"
        stretch = f"{self.day:%A}, {begin:{form}} to {end:{form}} {end.tzname() or ''}".rstrip()
        return stretch if self.until <= datetime.now(UTC) else f"{stretch}, not over yet"
