"""The quarantine: what could not be accepted, why, byte for byte; and its way back."""

import contextlib
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Message
from model_foundry.events.refusal import Reason
from model_foundry.intake.landing import Lander
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_REPLAY_ROWS: Final = 500


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
    duplicate_of: str | None
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
    _check_reason(reason)
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


def _check_reason(reason: str | None) -> None:
    if reason is not None and reason not in set(Reason):
        raise FoundryError(f"there is no reason {reason!r}; known: {', '.join(Reason)}")


class Replayed(NamedTuple):
    """How many messages were tried; of these, how many landed, how many say what the inbox has
    already under their id, and how many are still refused."""

    tried: int
    accepted: int
    duplicates: int
    refused: int


def replay_quarantined(
    settings: Settings,
    *,
    quarantine_ids: list[int] | None = None,
    reason: str | None = None,
    under_new_ids: bool = False,
) -> Replayed:
    """Send quarantined messages through the door again: those named, those of a reason, or all.

    What is still refused stays as it was. A second replay finds nothing to do. `under_new_ids`
    gives each event an id of its own, made from the one that it has and its content: so an
    `event_id_conflict` becomes an event beside the other.

    Raises:
        FoundryError: there is no such reason, or PostgreSQL is out of reach.
    """
    _check_reason(reason)
    total = Replayed(0, 0, 0, 0)
    after = 0
    lander = Lander(settings, run_id="quarantine replay", under_new_ids=under_new_ids)
    with contextlib.closing(lander), contextlib.closing(postgres.connect(settings)) as connection:
        while True:
            with connection.transaction():
                rows = connection.execute(
                    load_sql("postgres/quarantine/replayable"),
                    {
                        "after": after,
                        "quarantine_ids": quarantine_ids,
                        "reason": reason,
                        "max_rows": _REPLAY_ROWS,
                    },
                ).fetchall()
            if not rows:
                return total
            after = rows[-1][0]
            accepted, duplicates = _replay(lander, connection, rows)
            total = Replayed(
                total.tried + len(rows),
                total.accepted + accepted,
                total.duplicates + duplicates,
                total.refused + len(rows) - accepted - duplicates,
            )


def _replay(
    lander: Lander, connection: psycopg.Connection[Any], rows: list[Any]
) -> tuple[int, int]:
    """How many of these landed, and how many are duplicates; the rows say so as well."""
    lander.land([Message(*fields) for _, *fields in rows])
    key = {"quarantine_ids": [quarantine_id for quarantine_id, *_ in rows]}
    with connection.transaction():
        accepted = connection.execute(load_sql("postgres/quarantine/mark_replayed"), key).rowcount
        duplicates = connection.execute(
            load_sql("postgres/quarantine/mark_duplicates"), key
        ).rowcount
    return accepted, duplicates
