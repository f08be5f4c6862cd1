"""For how long a server that turned a request away asks to be left alone. Pure.

Belongs here: headers, bodies, sentences that say so. Does not: what follows from it (`dispatch`).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# As Go writes durations, and people: `6m0.5s`, `1h2m`, `120ms`, `20 seconds`.
_DURATION: Final = (
    r"(?:(?P<h>\d{1,4}) ?h(?:ours?)?)? ?(?:(?P<m>\d{1,6}) ?m(?:in(?:ute)?s?)?(?!s))? ?"
    r"(?:(?P<s>\d{1,9}(?:\.\d*)?) ?s(?:ec(?:ond)?s?)?)? ?(?:(?P<ms>\d{1,12}(?:\.\d*)?) ?ms)?"
)
_WHOLE: Final = re.compile(_DURATION)
_AGAIN: Final = re.compile(rf"(?:try again|retry) (?:in|after) (?P<wait>{_DURATION})", re.I)
_RETRY_INFO: Final = re.compile(r'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d*)?)s"')
_LIMITS: Final = re.compile(r"x-ratelimit-remaining-(\w+(?:-\w+)*)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_READ_CHARS: Final = 8_000


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or from a date; OpenAI also gives milliseconds."""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", millis := headers.get("Retry-After-Ms", "")):
        return float(millis) / 1000
    value = headers.get("Retry-After", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", value):
            return float(value)
        wait_s = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return _seconds(value)
    return max(0.0, wait_s)


def told_wait_s(headers: Mapping[str, str], body: str) -> float | None:
    """Seconds, of a server that has no room (429, 503), wherever it says so.

    A limit of which nothing remains is over when its own header says.
    """
    if (said := retry_after_s(headers)) is not None:
        return said
    body = body[:_READ_CHARS]
    if found := _RETRY_INFO.search(body):  # Google's
        return float(found[1])
    if (found := _AGAIN.search(body)) and (wait_s := _seconds(found["wait"])) is not None:
        return wait_s
    lower = {name.lower(): value for name, value in headers.items()}
    spent = [
        _seconds(lower.get(f"x-ratelimit-reset-{found[1]}", ""))
        for name, value in lower.items()
        if (found := _LIMITS.fullmatch(name)) and value.strip() == "0"
    ]
    return max((wait_s for wait_s in spent if wait_s is not None), default=None)


def _seconds(duration: str) -> float | None:
    found = _WHOLE.fullmatch(duration.strip())
    parts = {} if found is None else {unit: found[unit] for unit in _SECONDS if found[unit]}
    return sum(float(parts[unit]) * _SECONDS[unit] for unit in parts) if parts else None
