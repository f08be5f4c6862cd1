"""Figures as people read them, by the unit that a column's name ends with."""

import math
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

NONE: Final = "–"
_LONGEST: Final = 120
_STEPS: Final = ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_ABBREVIATIONS: Final = {"pp": "PP", "tg": "TG", "ttft": "TTFT", "id": "ID"}
_SECONDS: Final = {"_us": 1e-6, "_ms": 1e-3, "_s": 1.0}
SUFFIXES: Final = (*_SECONDS, "_bytes", "_share", "_rate", "_per_s")
_DAY_S: Final = 86_400


def heading(column: str) -> str:
    """A column's name in words, without the unit that stands in its cells."""
    name = column
    if not column.endswith("_per_s"):
        for suffix in (*_SECONDS, "_bytes", "_share", "_rate"):
            name = name.removesuffix(suffix) or name
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    return " ".join(word for word in words if word) or column


def shown(column: str, value: Any, zone: tzinfo | None = None) -> str:  # noqa: PLR0911 - by kind
    """A cell: a figure with its unit, a time in `zone` (None: the machine's), a text in a line."""
    match value:
        case None | []:
            return NONE
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return figure(column, float(value))
        case datetime():
            local = value.astimezone(zone)
            return f"{local:%Y-%m-%d %H:%M:%S}"
        case Mapping():
            return line(", ".join(f"{key}: {shown('', one)}" for key, one in value.items()))
        case list() | tuple():
            return line(", ".join(shown("", each, zone) for each in value))
        case _:
            return line(str(value))


def figure(column: str, value: float) -> str:
    """A number, with the unit that the column's name says."""
    if not math.isfinite(value):
        return str(value)
    if column.endswith("_per_s"):
        return f"{number(value)}/s"
    for suffix, unit_s in _SECONDS.items():
        if column.endswith(suffix):
            return duration(value * unit_s)
    if column.endswith(("_share", "_rate")):
        return f"{_digits(100 * value)} %"
    if column.endswith("_bytes") or column == "bytes":
        return f"{short(value)}B"
    return number(value)


def number(value: float) -> str:
    """With thousands' separators, and no more digits than tell something."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return f"{int(value):,}"
    size = abs(value)
    if size < 0.001:
        return f"{value:.2g}"
    return f"{value:,.{3 if size < 1 else 2 if size < 10 else 1 if size < 1000 else 0}f}"


def duration(seconds: float) -> str:
    """In the unit that leaves one to three digits before the point."""
    if not math.isfinite(seconds):
        return str(seconds)
    size = abs(seconds)
    if size < 1e-9:
        return "0 s"
    for below, unit, name in (
        (0.9995e-3, 1e-6, "µs"),
        (0.9995, 1e-3, "ms"),
        (120 if size % 60 else 60, 1, "s"),
        (7_200, 60, "min"),
        (2 * _DAY_S, 3_600, "h"),
    ):
        if size < below:
            return f"{_digits(seconds / unit)} {name}"
    return f"{_digits(seconds / _DAY_S)} days"


def short(value: float) -> str:
    """For an axis: 1,200 as `1.2 k`."""
    for step, name in reversed(_STEPS):
        if abs(value) >= step:
            return f"{_digits(value / step)} {name}"
    return _digits(value)


def _digits(value: float) -> str:
    """Three of them, none of which is a needless zero."""
    size = abs(value)
    text = f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def line(text: str) -> str:
    """A text of others in one line of bounded length, without signs that nobody sees."""
    text = " ".join(text.split())
    text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
