"""Import: events from an NDJSON file or a Parquet archive of the inbox, through the same door."""

import asyncio
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import IMPORT_PREFIX, Message
from model_foundry.intake.drain import Drained, Report, carry
from model_foundry.intake.lines import PARQUET_MAGIC, body_of, chunks, lines, opened
from model_foundry.intake.pull import Delivery
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

_READ_ROWS: Final = 1_000
_CHUNK_BYTES: Final = 1024 * 1024
_NEEDED: Final = ("event_id", "published_subject", "occurred_at", "stream", "stream_seq", "payload")
_FIELDS: Final = ("event_id", "subject", "source", "correlation_id", "causation_id")
_WANTED: Final = (*_NEEDED, *_FIELDS[1:], "received_at", "envelope")
_NO_VALUE_OF_PYTHON: Final = (ValueError, OverflowError, KeyError)
_UNREADABLE: Final = (pa.ArrowException, OSError)
_SHOWN: Final = 5
_LARGEST_SEQ: Final = 2**63 - 1


class _Import(NamedTuple):
    """What names a file's messages: its content, and when that was first imported."""

    subject: str
    stream: str
    imported_at: datetime


async def import_file(
    settings: Settings, path: Path, *, run_id: str | None = None, report: Report = lambda _: None
) -> Drained:
    """Land the events of a file: an archive as the lake keeps `event_inbox`, else NDJSON envelopes.

    Plain, gzip or Zstandard: what the file is, its first bytes say. The same content again lands
    nothing, whatever it is called, however it is packed, and however far the first import came.
    Bad lines and rows go to quarantine.

    Raises:
        FoundryError: there is no such file, it is cut off or damaged, or not what its name says.
    """
    source = _File(await asyncio.to_thread(_messages, settings, path), settings.intake_batch_bytes)
    unbounded = settings.model_copy(
        update={
            "intake_max_messages": 2**62,
            "intake_max_s": 1e9,
            # Who imports has the file before them; an archive may hold what a gateway published.
            "trust_envelope_subjects": True,
        }
    )
    return await carry(unbounded, source, run_id=run_id, report=report)


class _File:
    """A file's messages as a source."""

    def __init__(self, messages: Iterator[Message], batch_bytes: int) -> None:
        self._messages = messages
        self._batch_bytes = batch_bytes
        self._error: FoundryError | None = None

    async def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Nothing: a file keeps no place."""

    async def fetch(self, count: int) -> list[Delivery]:
        if self._error is not None:
            raise self._error
        batch = await asyncio.to_thread(self._read, count)
        if not batch and self._error is not None:
            raise self._error
        return [Delivery(message, b"", 1) for message in batch]

    def _read(self, count: int) -> list[Message]:
        batch: list[Message] = []
        size = 0
        try:
            while len(batch) < count and size < self._batch_bytes:
                message = next(self._messages, None)
                if message is None:
                    break
                batch.append(message)
                size += len(message.body)
        except FoundryError as error:  # after what comes before it has landed
            self._error = error
        return batch


def _messages(settings: Settings, path: Path) -> Iterator[Message]:
    with opened(path) as file:
        is_archive = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        file.seek(0)
        if path.suffix == ".parquet" and not is_archive:
            raise FoundryError(f"{path} is not a Parquet file")
        content = iter(lambda: file.read(_CHUNK_BYTES), b"") if is_archive else chunks(file)
        digest = _digest(path, content)
    name = path.name.encode("utf-8", "replace").decode()
    stream = f"{IMPORT_PREFIX}{digest[:16]}"
    found = _Import(f"import.{name}", stream, _imported_at(settings, stream, name))
    return _archived(path, found) if is_archive else _lines(path, found)


def _digest(path: Path, content: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    size = 0
    try:
        for chunk in content:
            digest.update(chunk)
            size += len(chunk)
    except (OSError, EOFError, zlib.error) as error:
        # What came before is not imported: content names it, and the whole file is another.
        raise FoundryError(
            f"{path} is cut off or damaged after {size:,} bytes of its content ({error}). Nothing "
            "of it was imported: lines without an id would land again with the whole file. To "
            "have what there is, unpack it (`zcat`, `zstdcat`) and import that."
        ) from None
    return digest.hexdigest()


def _imported_at(settings: Settings, stream: str, name: str) -> datetime:
    try:
        with closing(postgres.connect(settings)) as connection, connection.transaction():
            [(imported_at,)] = connection.execute(
                load_sql("postgres/import/begin"), {"stream": stream, "file_name": name}
            ).fetchall()
    except psycopg.errors.UndefinedTable:
        raise FoundryError(
            "the tables in PostgreSQL are of an older version: run `model-foundry migrate`"
        ) from None
    except psycopg.Error as error:
        raise FoundryError(
            f"PostgreSQL did not begin the import: {' '.join(str(error).split())}"
        ) from error
    moment: datetime = imported_at
    return moment


def _lines(path: Path, found: _Import) -> Iterator[Message]:
    """Lines as messages of a stream named by the content, so that a second import is known."""
    subject, stream, imported_at = found
    with opened(path) as file:
        for number, line in enumerate(lines(chunks(file)), start=1):
            if body := body_of(line, number):
                yield Message(subject, body, None, stream, number, imported_at)


def _archived(path: Path, found: _Import) -> Iterator[Message]:
    damaged: list[str] = []
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in _NEEDED if name not in file.schema_arrow.names]
            if missing:
                raise FoundryError(
                    f"{path} is no archive of event_inbox: it has no column {', '.join(missing)}"
                )
            first = 1
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                number = first
                try:
                    for row in _rows(file, group):
                        yield _message(row, number, found)
                        number += 1
                except _UNREADABLE as error:
                    reason = " ".join(str(error).split())
                    last = first + rows - 1
                    which = f"row {last}" if number == last else f"rows {number} to {last}"
                    damaged.append(f"{which} ({reason})")
                first += rows
    except _UNREADABLE as error:
        raise FoundryError(
            f"{path} cannot be read as Parquet: {' '.join(str(error).split())}"
        ) from None
    if damaged:
        raise FoundryError(
            f"{path} is damaged; what could be read of it has landed, not "
            f"{'; '.join(damaged[:_SHOWN])}{' …' if len(damaged) > _SHOWN else ''}"
        )


def _rows(file: pq.ParquetFile, group: int) -> Iterator[dict[str, Any]]:
    columns = [name for name in _WANTED if name in file.schema_arrow.names]
    for read in file.iter_batches(_READ_ROWS, row_groups=[group], columns=columns):
        batch = pa.RecordBatch.from_arrays(
            [_in_microseconds(column) for column in read.columns], names=read.schema.names
        )
        try:
            rows = batch.to_pylist()
        except _NO_VALUE_OF_PYTHON:
            singles = (batch.slice(index, 1) for index in range(batch.num_rows))
            rows = [{name: _cell(row[name][0]) for name in row.schema.names} for row in singles]
        yield from rows


def _in_microseconds(column: pa.Array) -> pa.Array:
    """Python has no nanoseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    return column


def _cell(scalar: pa.Scalar) -> Any:
    """A value; as text or bytes what Python cannot hold, which the door then refuses."""
    try:
        return scalar.as_py()
    except _NO_VALUE_OF_PYTHON:
        if pa.types.is_temporal(scalar.type):
            return scalar.cast(pa.string()).as_py()
        return scalar.as_buffer().to_pybytes()


def _message(row: dict[str, Any], number: int, found: _Import) -> Message:
    """A row as the message that it was; where it does not say which, as one of the file."""
    stream, seq = row["stream"], row["stream_seq"]
    received_at = _moment(row.get("received_at")) or _moment(row["occurred_at"])
    if (
        not (isinstance(stream, str) and stream and "\x00" not in stream)
        or not (isinstance(seq, int) and 0 <= seq <= _LARGEST_SEQ)
        or received_at is None
    ):
        stream, seq, received_at = found.stream, number, found.imported_at
    subject = row["published_subject"]
    if not (isinstance(subject, str) and subject and "\x00" not in subject):
        subject = found.subject
    return Message(subject, _body(row), None, stream, seq, received_at)


def _moment(value: Any) -> datetime | None:
    return value.replace(tzinfo=value.tzinfo or UTC) if isinstance(value, datetime) else None


def _body(row: dict[str, Any]) -> bytes:
    occurred_at = _moment(row["occurred_at"])
    envelope: dict[str, Any] = {
        **_left_over(row.get("envelope")),
        **{name: row.get(name) for name in _FIELDS},
        "occurred_at": occurred_at.isoformat() if occurred_at else row["occurred_at"],
    }
    payload = row["payload"]
    try:
        envelope["payload"] = msgspec.Raw(bytes(msgspec.json.decode(payload, type=msgspec.Raw)))
    except (msgspec.DecodeError, RecursionError, TypeError):
        # Null, or no JSON: under another name, so that the door quarantines it with all it has.
        envelope["payload_as_archived"] = payload
    return msgspec.json.encode(envelope, enc_hook=repr)


def _left_over(text: Any) -> dict[str, Any]:
    """What the envelope had besides, if the archive keeps it."""
    try:
        found = msgspec.json.decode(text or b"null")
    except (msgspec.DecodeError, RecursionError, TypeError):
        return {"envelope_as_archived": text}
    return found if isinstance(found, dict) else {}
