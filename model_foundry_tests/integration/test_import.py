"""`intake import`: the same content lands once, whatever the file is called or packed with."""

import asyncio
import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_foundry.errors import FoundryError
from model_foundry.intake.archive import import_file
from model_foundry.settings import Settings
from model_foundry_tests.line import NOON, event, execute, rows, value


def imported(settings: Settings, file: Path) -> tuple[int, int, int, int]:
    counts = asyncio.run(import_file(settings, file)).landed.counts
    return counts["messages"], counts["landed"], counts["redelivered"], counts["quarantined"]


def places(settings: Settings) -> tuple[int, int]:
    [row] = rows(
        settings,
        "SELECT (SELECT count(*) FROM event_inbox) AS inbox, "
        "(SELECT count(*) FROM event_quarantine) AS quarantine",
    )
    return row["inbox"], row["quarantine"]


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


CONTENT = b"\n".join(
    [
        b"\xef\xbb\xbf" + event(event_id="first").body,
        b"",
        rb'{"payload": {"without": "id"}}',
        b"{broken\r",
        rb'{"payload": {"without": "id"}}',
        event(event_id="last").body,
    ]
)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain.ndjson": bytes,
    "packed.gz": gzip.compress,
    "members.ndjson.gz": lambda c: gzip.compress(c[:50]) + gzip.compress(c[50:]),
    "packed.zst": zstd,
    "frames.jsonl.zst": lambda c: zstd(c[:70]) + zstd(c[70:]),
    "misnamed.ndjson": gzip.compress,
}


def test_a_touched_renamed_or_repacked_file_imports_nothing_twice(
    settings: Settings, tmp_path: Path
) -> None:
    for name, pack in PACKED.items():
        file = tmp_path / name
        file.write_bytes(pack(CONTENT))
        first = name == "plain.ndjson"
        assert imported(settings, file) == ((5, 4, 0, 1) if first else (5, 0, 4, 1)), name
        os.utime(file, (1_600_000_000, 1_600_000_000))
        imported(settings, file)
        assert places(settings) == (4, 1), name
    [known] = rows(settings, "SELECT * FROM intake_import")
    assert known["file_name"] == "misnamed.ndjson"
    assert datetime.now(UTC) - known["imported_at"] < timedelta(minutes=1)


def test_times_are_judged_by_the_clock_not_by_the_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    now = datetime.now(UTC)
    file.write_bytes(
        event(event_id="now", occurred_at=now).body
        + b"\n"
        + event(event_id="none", occurred_at=None).body
    )
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert imported(settings, file) == (2, 2, 0, 0)
    assert value(settings, "SELECT min(occurred_at) FROM event_inbox") >= now


def test_a_file_that_an_older_version_imported_imports_nothing_twice(
    settings: Settings, tmp_path: Path
) -> None:
    """It took the file's own time; the migration keeps that of what lies in quarantine."""
    file = tmp_path / "plain.ndjson"
    file.write_bytes(CONTENT)
    imported(settings, file)
    for table in ("event_key", "event_quarantine", "event_inbox", "intake_import"):
        column = "imported_at" if table == "intake_import" else "received_at"
        execute(settings, f"UPDATE {table} SET {column} = '2026-11-21'")
    assert imported(settings, file) == (5, 0, 4, 1)
    assert places(settings) == (4, 1)


def test_an_interrupted_import_goes_on(settings: Settings, tmp_path: Path) -> None:
    count = 20_000
    file = tmp_path / "long.ndjson"
    file.write_bytes(b"\n".join(b'{"payload": {"number": %d}}' % n for n in range(count)))
    small = settings.model_copy(update={"intake_batch_messages": 100})
    landed = "SELECT count(*) FROM event_inbox"

    async def interrupted() -> None:
        importing = asyncio.create_task(import_file(small, file))
        while not await asyncio.to_thread(value, settings, landed):
            assert not importing.done()
        importing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await importing

    asyncio.run(interrupted())
    before = value(settings, landed)
    assert 0 < before < count
    assert imported(settings, file) == (count, count - before, before, 0)
    assert value(settings, landed) == count


def test_two_imports_at_once_land_each_line_once(settings: Settings, tmp_path: Path) -> None:
    file, other = tmp_path / "one.ndjson", tmp_path / "other.gz"
    lines = [b'{"payload": {"number": %d}}' % n for n in range(2_000)]
    lines[500] = lines[1_500] = b"broken"
    file.write_bytes(b"\n".join(lines))
    other.write_bytes(gzip.compress(b"\n".join(lines)))
    small = settings.model_copy(update={"intake_batch_messages": 100})

    async def together() -> list[int]:
        done = await asyncio.gather(*(import_file(small, one) for one in (file, other)))
        return [one.landed.counts["landed"] for one in done]

    assert sum(asyncio.run(together())) == 1_998
    assert places(settings) == (1_998, 2)
    assert rows(settings, "SELECT * FROM event_duplicate") == []


@pytest.mark.parametrize("name", ["cut.gz", "cut.zst", "damaged.gz", "damaged.zst"])
def test_of_a_file_that_is_cut_off_nothing_lands(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    """Its content names it: what landed now would land again with the whole file."""
    file = tmp_path / name
    content = b"\n".join(event().body for _ in range(2_000))
    packed = bytearray(gzip.compress(content) if name.endswith("gz") else zstd(content))
    if name.startswith("cut"):
        del packed[-30:]
    else:
        packed[-30:-20] = b"0123456789"
    file.write_bytes(packed)
    with pytest.raises(FoundryError, match=r"cut off or damaged after .* Nothing of it"):
        imported(settings, file)
    assert places(settings) == (0, 0)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.parquet", b"no such thing", "is not a Parquet file"),
        ("a.parquet", b"PAR1 and then nothing", "cannot be read as Parquet"),
        ("a.ndjson", b"PK\x03\x04 zip", "this is zip"),
        ("a.ndjson", b"BZh9", "this is bzip2"),
        ("a.ndjson", '{"a": 1}'.encode("utf-16"), "this is UTF-16"),
        ("a.ndjson", b"[" + b" " * 65 * 1024**2, "line 1 has more than 67,108,864 bytes"),
    ],
)
def test_what_is_no_file_of_events_is_said(
    settings: Settings, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FoundryError, match=told):
        imported(settings, tmp_path / name)
    assert places(settings) == (0, 0)


def test_odd_file_names_and_empty_files(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert imported(settings, empty) == (0, 0, 0, 0)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.ndjson"))
    odd.write_bytes(event().body)
    assert imported(settings, odd) == (1, 1, 0, 0)
    with pytest.raises(FoundryError, match="cannot be read: No such file"):
        imported(settings, tmp_path / "none")


def test_large_lines_are_landed_in_batches_of_bytes(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "large.ndjson"
    file.write_bytes(b"\n".join(event(payload="x" * 2**20).body for _ in range(40)))
    assert imported(settings, file) == (40, 40, 0, 0)
    assert value(settings, "SELECT max(bytes) FROM intake_batch") < 20 * 2**20


def archive(path: Path, columns: dict[str, Any]) -> Path:
    count = max(len(column) for column in columns.values())
    whole = {
        "event_id": [f"e{n}" for n in range(count)],
        "published_subject": ["llm.tool_call"] * count,
        "occurred_at": [NOON] * count,
        "stream": ["ELSEWHERE"] * count,
        "stream_seq": list(range(1, count + 1)),
        "payload": ['{"tool_name": "search"}'] * count,
        **columns,
    }
    pq.write_table(pa.table(whole), path)
    return path


# The first microsecond of the year 10000, and NOON.
YEARS = pa.array([253_402_300_800_000_000, 1_795_176_000_000_000], pa.timestamp("us", "UTC"))
ODD: dict[str, dict[str, Any]] = {
    "payload null": {"payload": [None, "{}"]},
    "payload no JSON": {"payload": ["None", "{}"]},
    "payload that adds fields": {"payload": ['1, "event_id": "other"', "{}"]},
    "payload bytes": {"payload": [b"\xff\xfe", b"{}"]},
    "payload not UTF-8": {"payload": pa.array([b'"\xff"', b"{}"], pa.binary()).view(pa.string())},
    "year 10000": {"occurred_at": YEARS},
    "year 10000 received": {
        "received_at": YEARS,
        "payload": [None, "{}"],
    },
    "time as text": {"occurred_at": ["yesterday", "2026-11-20T12:00:00Z"]},
}


@pytest.mark.parametrize("name", list(ODD))
def test_an_odd_row_of_an_archive_stands_alone(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    file = archive(tmp_path / "archive.parquet", ODD[name])
    assert imported(settings, file) == (2, 1, 0, 1)
    [kept] = rows(settings, "SELECT * FROM event_quarantine")
    assert b'"event_id":"e0"' in kept["raw"]
    assert value(settings, "SELECT event_id FROM event_inbox") == "e1"
    imported(settings, file)
    assert places(settings) == (1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"stream": [None, "ELSEWHERE"]},
        {"stream_seq": pa.array([2**63, 1], pa.uint64())},
        {"stream_seq": [-1, 1]},
        {"stream": ["nul\x00", "ELSEWHERE"]},
        {"published_subject": [None, "llm.tool_call"]},
        {"published_subject": ["nul\x00", "llm.tool_call"]},
        {"received_at": [None, NOON]},
        {"occurred_at": [None, NOON]},
        {"occurred_at": pa.array([1_790_000_000_000_000_001] * 2, pa.timestamp("ns"))},
        {"occurred_at": pa.array([NOON.replace(tzinfo=None)] * 2)},
        {"source": pa.array(["a", "b"]).dictionary_encode(), "envelope": ['{"more": 1}', "x"]},
        {"payload": pa.array(["{}", "[]"], pa.large_string())},
        {"event_id": pa.array([b"\xff", b"e1"], pa.binary()).view(pa.string())},
        {"unknown": [[1, 2], []]},
    ],
)
def test_rows_of_other_archives_land(
    settings: Settings, tmp_path: Path, columns: dict[str, Any]
) -> None:
    file = archive(tmp_path / "archive.parquet", columns)
    assert imported(settings, file) == (2, 2, 0, 0)
    assert imported(settings, file) == (2, 0, 2, 0)
    assert places(settings) == (2, 0)
    assert value(settings, "SELECT count(*) FROM event_inbox WHERE subject <> ''") == 2


def test_the_rest_of_a_damaged_archive_lands(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "archive.parquet"
    archive(file, {"payload": [f'{{"text": "{n:05}"}}' for n in range(4_000)]})
    table = pq.read_table(file)
    pq.write_table(table, file, row_group_size=1_500, compression="none", use_dictionary=False)
    content = bytearray(file.read_bytes())
    place = content.index(b'"02000"') - 10_000
    content[place : place + 10_000] = b"\xff" * 10_000
    file.write_bytes(content)
    with pytest.raises(FoundryError, match=r"is damaged; .* not rows 1501 to 3000 \("):
        imported(settings, file)
    assert value(settings, "SELECT count(*) FROM event_inbox") == 2_500
    assert value(settings, "SELECT max(stream_seq) FROM event_inbox") == 4_000
