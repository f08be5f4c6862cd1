"""The shape of a telemetry event. Pure."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

Kind = Literal["llm", "node", "edge", "log"]
Level = Literal["debug", "info", "warn", "error"]
Status = Literal["ok", "error", "timeout", "rejected"]

NO_SESSION: Final = "none"
TEXT_MAX_CHARS: Final = 2_048
_TEXTS: Final = ("message", "prompt", "response")


def event(
    kind: Kind,
    *,
    correlation_id: str | None,
    service: str,
    level: Level = "info",
    status: Status = "ok",
    ts: datetime | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An event as docs/telemetry.md describes it; `ts` is now unless given.

    Fields that are None are left out, texts are cut to `TEXT_MAX_CHARS`.
    """
    moment = (ts or datetime.now(UTC)).astimezone(UTC)
    made: dict[str, Any] = {
        "event": kind,
        "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "correlation_id": correlation_id or NO_SESSION,
        "service": service,
        "level": level,
        "status": status,
    }
    for name, value in fields.items():
        if value is not None:
            made[name] = value[:TEXT_MAX_CHARS] if name in _TEXTS else value
    return made
