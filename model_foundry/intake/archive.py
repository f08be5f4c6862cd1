"""Import: events from an NDJSON file or a Parquet archive of the inbox, through the same door."""

import asyncio
import hashlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from model_foundry.errors import FoundryError
from model_foundry.events.envelope import IMPORT_PREFIX, Message
from model_foundry.intake.drain import Drained, Report, carry
from model_foundry.intake.pull import Delivery
from model_foundry.settings import Settings

_READ_ROWS: Final = 1_000
_NEEDED: Final = ("event_id", "published_subject", "occurred_at", "stream", "stream_seq", "payload")


async def import_file(
    settings: Settings, path: Path, *, run_id: str | None = None, report: Report = lambda _: None
) -> Drained:
    """Land the events of a file: `.parquet` as the lake keeps `event_inbox`, else NDJSON envelopes.

    Importing the same file again lands nothing. Bad lines go to quarantine.

    Raises:
        FoundryError: there is no such file, or it is not what its name says.
    """
    if not path.is_file():  # noqa: ASYNC240 (one stat, before anything runs)
        raise FoundryError(f"there is no file {path}")
    messages = _parquet(path) if path.suffix == ".parquet" else _ndjson(path)
    source = _File(messages)
    unbounded = settings.model_copy(update={"intake_max_messages": 2**62, "intake_max_s": 1e9})
    return await carry(unbounded, source, run_id=run_id, report=report)


class _File:
    """A file's messages as a source."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self._messages = messages

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Nothing: a file keeps no place."""

    async def fetch(self, count: int) -> list[Delivery]:
        batch = await asyncio.to_thread(lambda: list(itertools.islice(self._messages, count)))
        return [Delivery(message, b"", 1) for message in batch]


def _ndjson(path: Path) -> Iterator[Message]:
    """Lines as messages of a stream named by the content, so that a second import is known."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            body = line.strip()
            if body:
                subject = f"import.{path.name}"
                yield Message(subject, body, None, f"{IMPORT_PREFIX}{digest}", number, modified)


def _parquet(path: Path) -> Iterator[Message]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise FoundryError(f"{path} is not a Parquet file: {error}") from None
    missing = [name for name in _NEEDED if name not in file.schema_arrow.names]
    if missing:
        raise FoundryError(
            f"{path} is no archive of event_inbox: it has no column {', '.join(missing)}"
        )
    for batch in file.iter_batches(batch_size=_READ_ROWS):
        for row in batch.to_pylist():
            yield _archived(row)


def _archived(row: dict[str, Any]) -> Message:
    envelope = {
        "event_id": row["event_id"],
        "subject": row.get("subject"),
        "source": row.get("source"),
        "correlation_id": row.get("correlation_id"),
        "causation_id": row.get("causation_id"),
        "occurred_at": row["occurred_at"].isoformat(),
        "payload": msgspec.Raw(str(row["payload"]).encode()),
    }
    return Message(
        row["published_subject"],
        msgspec.json.encode(envelope),
        None,
        row["stream"],
        row["stream_seq"],
        row.get("received_at") or row["occurred_at"],
    )
