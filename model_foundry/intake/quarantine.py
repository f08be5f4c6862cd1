"""Reading the quarantine: what could not be accepted, why, byte for byte."""

from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from model_foundry.errors import FoundryError
from model_foundry.events.refusal import Reason
from model_foundry.store.sql import load_sql


class Quarantined(NamedTuple):
    """One message in quarantine; `raw` and `headers` only where it was asked for by id."""

    quarantine_id: int
    subject: str
    stream: str
    stream_seq: int
    reason: str
    detail: str
    received_at: datetime
    replayed_at: datetime | None
    raw_bytes: int
    raw: bytes = b""
    headers: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; the bytes as text, with escapes where they are none."""
        values = self._asdict()
        values["received_at"] = self.received_at.isoformat()
        values["replayed_at"] = self.replayed_at.isoformat() if self.replayed_at else None
        values["raw"] = self.raw.decode("utf-8", errors="backslashreplace")
        return values


def list_quarantined(
    connection: psycopg.Connection[Any], *, reason: str | None, limit: int
) -> list[Quarantined]:
    """Quarantined messages, newest first, without their bytes.

    Raises:
        FoundryError: there is no such reason.
    """
    if reason is not None and reason not in set(Reason):
        raise FoundryError(f"there is no reason {reason!r}; known: {', '.join(Reason)}")
    rows = connection.execute(
        load_sql("postgres/quarantine/list"), {"reason": reason, "max_rows": limit}
    ).fetchall()
    return [Quarantined(*row) for row in rows]


def show_quarantined(connection: psycopg.Connection[Any], quarantine_id: int) -> Quarantined:
    """One quarantined message with its bytes.

    Raises:
        FoundryError: there is none of that id.
    """
    row = connection.execute(
        load_sql("postgres/quarantine/show"), {"quarantine_id": quarantine_id}
    ).fetchone()
    if row is None:
        raise FoundryError(f"the quarantine holds no message {quarantine_id}")
    return Quarantined(*row)
