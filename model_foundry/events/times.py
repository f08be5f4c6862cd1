"""When an event says that it happened: RFC 3339, or an epoch in whatever unit its size tells."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from model_foundry.events.refusal import Reason, RefusalError

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The first as seconds is the year 5138, as milliseconds 1973; each unit ends where the next begins.
_PER_SECOND_BELOW: Final = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e20, 10**9))
_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?", re.ASCII)
_LEAP_SECOND: Final = re.compile(r"(.*T\d\d:?\d\d:?)60(.*)", re.ASCII)


def occurred(value: str | float | None, received_at: datetime, judged_at: datetime) -> datetime:
    """The moment in UTC; `received_at` where an event says none.

    Raises:
        RefusalError: it is no time, or one before 2000 or after tomorrow, as seen at `judged_at`.
    """
    if value is None or value == "":
        return received_at
    if not isinstance(value, str):
        moment = _epoch(value)
    elif value[4:5] != "-" and _NUMBER.fullmatch(value):
        moment = _epoch(float(value) if "." in value else int(value))
    else:
        moment = _rfc3339(value)
    if moment < EARLIEST or moment > judged_at:
        latest = judged_at.date() + timedelta(days=1)
        if moment < EARLIEST or moment.date() > latest:
            raise RefusalError(
                Reason.OCCURRED_AT_OUT_OF_RANGE,
                f"{moment.isoformat()} is not between 2000-01-01 and {latest} (tomorrow)",
            )
    return moment


def _epoch(value: float) -> datetime:
    for limit, per_second in _PER_SECOND_BELOW:
        if abs(value) < limit:
            if isinstance(value, int):
                return _EPOCH + timedelta(microseconds=value * 10**6 // per_second)
            return _EPOCH + timedelta(seconds=value / per_second)
    raise RefusalError(Reason.OCCURRED_AT_OUT_OF_RANGE, str(value)[:64])


def _rfc3339(value: str) -> datetime:
    moment = _iso(value.upper())
    if moment is None:
        raise RefusalError(Reason.OCCURRED_AT_INVALID, f"{value[:64]!r} is not an RFC 3339 time")
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise RefusalError(Reason.OCCURRED_AT_INVALID, f"{value[:64]!r} has no UTC offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise RefusalError(Reason.OCCURRED_AT_OUT_OF_RANGE, value[:64]) from None


def _iso(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        leap = _LEAP_SECOND.fullmatch(value.replace(" ", "T", 1))
    # Python has no second 60: the one that follows 59 has it.
    before = _iso(f"{leap[1]}59{leap[2]}") if leap else None
    return before + timedelta(seconds=1) if before and before.year < 9999 else None
