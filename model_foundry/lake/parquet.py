"""What a file of the lake looks like: row groups of bounded size, and what it says of itself."""

import contextlib
import ctypes
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_KEY: Final = b"model_foundry.state"
_MADE_KEY: Final = b"model_foundry.made"
_GROUP_ROWS: Final = 122_880
_GROUP_BYTES: Final = 24 * 1024 * 1024
# Of distinct values: ids and texts have more, and are cheaper written as they are.
_DICTIONARY_BYTES: Final = 64 * 1024


class State(NamedTuple):
    """What a file of a table's day was made from.

    Attributes:
        version: PostgreSQL's version of the day.
        columns: the query that selects the day's columns.
        batches: the batches it holds, each with its mark (see the view `lake_batch`).
    """

    version: str
    columns: str
    batches: dict[str, int]


class Made(NamedTuple):
    """What a file of a summary's day was made of.

    Attributes:
        version: of the summary's code.
        parts: `table/day/layer` of the lake → the number of the last part that was read.
    """

    version: str
    parts: dict[str, int]


class Footer(NamedTuple):
    """A file's own account of itself: `state` of a table, `made` of a summary."""

    rows: int
    state: State | None
    made: Made | None


def read_footer(file: Any) -> Footer:
    """Of an opened file, or a path.

    Raises:
        OSError, pyarrow.ArrowException: it is no whole Parquet file.
    """
    metadata = pq.read_metadata(file)
    said = metadata.metadata or {}
    state, made = said.get(_KEY), said.get(_MADE_KEY)
    return Footer(
        metadata.num_rows,
        None if state is None else State(**json.loads(state)),
        None if made is None else Made(**json.loads(made)),
    )


def write_rows(
    path: Path, schema: pa.Schema, made_from: State | Made, *sources: Iterable[pa.RecordBatch]
) -> int:
    """Write record batches as they come, and return how many rows; memory stays bounded.

    Several sources are read at once; each has row groups of its own.
    """
    key = _KEY if isinstance(made_from, State) else _MADE_KEY
    metadata = {key: json.dumps(made_from._asdict())}
    plain = pa.schema([field.remove_metadata() for field in schema], metadata=metadata)
    rows = 0
    with pq.ParquetWriter(
        path, plain, compression="zstd", dictionary_pagesize_limit=_DICTIONARY_BYTES
    ) as writer:
        for group in _ahead([_groups(batches) for batches in sources]):
            writer.write_table(group.cast(plain), row_group_size=_GROUP_ROWS)
            rows += group.num_rows
    if rows > _GROUP_ROWS:
        _give_back()
    return rows


def _give_back() -> None:
    """Let the system have freed memory again: what comes next would take its own beside it."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError):  # where the C library is another than glibc
        ctypes.CDLL(None).malloc_trim(0)


def _ahead(sources: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """The groups of all sources; while one is written, the next one of each is read."""
    if not sources:
        return
    with ThreadPoolExecutor(len(sources), "lake-reader") as readers:
        coming = {readers.submit(next, groups, None): groups for groups in sources}
        while coming:
            read, _ = wait(coming, return_when=FIRST_COMPLETED)
            for future in read:
                groups = coming.pop(future)
                if (group := future.result()) is not None:
                    coming[readers.submit(next, groups, None)] = groups
                    yield group


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        waiting.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)
