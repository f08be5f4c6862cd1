"""The bound: COPY BINARY of the same rows, made before, 5,000 a commit. No NATS, no decoding."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg

from benchmarks.intake import peers
from benchmarks.intake.arms import Task
from benchmarks.intake.events import Events
from model_foundry.events.envelope import Message, Rules, read_event

_ROWS: Final = 5_000
_COPY: Final = f"COPY peer_inbox ({', '.join(peers.COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_TYPES: Final = (
    *("text",) * 6,
    *("timestamptz", "timestamptz", "date", "text", "int8"),
    "bytea",  # jsonb's binary form as it is: its version byte, then the text
)


def prepare(task: Task) -> Callable[[], object]:
    """Every row, ready to be written."""
    received_at = datetime.now(UTC)
    rows = []
    for seq, body in enumerate(Events(*task.source).bodies(), start=1):
        message = Message(task.subject, body, None, task.stream, seq, received_at)
        event = read_event(message, Rules(max_bytes=len(body)))
        rows.append((*msgspec.structs.astuple(event)[:11], b"\x01" + event.payload))
    return lambda: _copy(task, rows)


def _copy(task: Task, rows: list[tuple[Any, ...]]) -> None:
    with psycopg.connect(task.postgres_url) as connection, connection.cursor() as cursor:
        for first in range(0, len(rows), _ROWS):
            with cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in rows[first : first + _ROWS]:
                    copy.write_row(row)
            connection.commit()
