"""The lake under SIGKILL, beside readers, and written by two processes at once."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from model_foundry import lake, postgres
from model_foundry.errors import FoundryError
from model_foundry.lake.catalog import name_of
from model_foundry.settings import Settings
from model_foundry.summaries import tending, views
from model_foundry.summaries.day import summarize_day
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current, land_round
from model_foundry_tests.integration.test_lake_s3 import bucket
from model_foundry_tests.line import value

DAY = date(2026, 11, 20)
DEADLINE_S = 60.0
SUMMARIES = (SUMMARY, "daily_events", "session_summary")
__all__ = ["bucket"]


def start(settings: Settings, first: int, rounds: int, *days: date) -> subprocess.Popen[str]:
    """A process that keeps these days current; it prints the number of each finished round."""
    values = {
        "home": settings.home,
        "postgres_url": settings.require_postgres_url(),
        "nats_stream": settings.nats_stream,
        "lake_grace_s": settings.lake_grace_s,
        "lake_max_parts": settings.lake_max_parts,
        **({"lake_url": settings.lake_url} if settings.lake_url else {}),
    }
    environment = {f"MODEL_FOUNDRY_{name.upper()}": str(one) for name, one in values.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "model_foundry_tests.faults.lake_process", str(first), str(rounds)]
        + [day.isoformat() for day in days],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def held(settings: Settings, name: str) -> tuple[int, int]:
    """Rows of a view, and distinct ones."""
    with views.open_views(settings) as reader:
        return count(reader, name)


def count(reader: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """Rows of a view over a connection that stays open, and distinct ones."""
    [found] = reader.execute(f"SELECT count(*), count(DISTINCT event_id) FROM {name}").fetchall()
    return int(found[0]), int(found[1])


@pytest.mark.parametrize("where", ["a folder", "a bucket"])
def test_a_kill_during_a_write_leaves_the_old_day_or_the_new_one(
    settings: Settings,
    moment: Moment,
    came_to: Counter[str],
    where: str,
    request: pytest.FixtureRequest,
) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 0.2, "lake_max_parts": 3})
    if where == "a bucket":
        lake_url = request.getfixturevalue("bucket")
        settings = settings.model_copy(update={"lake_url": lake_url})
    keep_current(settings, DAY, 0, rebuild=False)
    process = start(settings, 1, 1_000, DAY)
    assert process.stdout is not None
    assert process.stdout.readline()
    time.sleep(random.Random(moment.number).uniform(0, 0.5))
    process.kill()
    process.communicate()
    for name in (TABLE, "event_inbox"):
        rows, distinct = held(settings, name)
        assert rows == distinct
        assert rows % EVENTS == 0
        assert rows >= 2 * EVENTS
    leftovers = len(list((settings.home / "lake" / ".writing").iterdir()))
    keep_current(settings, DAY, 5_000, rebuild=False)
    for name in (TABLE, "event_inbox"):
        rows = value(settings, f"SELECT count(*) FROM {name}")
        assert held(settings, name) == (rows, rows)
    assert list((settings.home / "lake" / ".writing").iterdir()) == []
    place = lake.lake_of(settings)
    with contextlib.closing(postgres.connect(settings)) as connection:
        for name in (TABLE, "event_inbox", SUMMARY):
            known = lake.Catalog(connection, place, name, DAY).known()
            listed = place.files(name, DAY)
            assert {name_of(each.file) for each in known} >= {name_of(file) for file in listed}
            live = [name_of(file) for file in lake.live(each.file for each in known)]
            assert live == [name_of(file) for file in lake.live(listed)]
    came_to["kills"] += 1
    came_to["leftovers, cleaned up"] += leftovers


def test_readers_see_whole_days_while_two_processes_write_them(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 2.0, "lake_max_parts": 3})
    keep_current(settings, DAY, 0, rebuild=False)
    other = date(2026, 11, 21)
    processes = [start(settings, 1, 12, DAY, other), start(settings, 500, 12, other, DAY)]
    seen = {0}
    queries = 0
    deadline = time.monotonic() + DEADLINE_S
    with views.open_views(settings) as reader:  # open all the while
        while any(process.poll() is None for process in processes):
            assert time.monotonic() < deadline
            before = max(seen)
            rows, distinct = count(reader, TABLE)
            assert rows == distinct
            assert rows % EVENTS == 0
            assert rows >= before
            [(calls,)] = reader.execute(f"SELECT sum(calls) FROM {SUMMARY}").fetchall()
            assert calls % EVENTS == 0
            seen.add(rows)
            queries += 2
        for process in processes:
            output, errors = process.communicate()
            assert process.returncode == 0, output + errors
        assert count(reader, TABLE) == (49 * EVENTS, 49 * EVENTS)
    assert len(seen) > 5
    assert queries > 20
    place = lake.lake_of(settings)
    for name in (TABLE, "event_inbox"):
        assert lake.refresh_day(settings, name, DAY).rows == 25 * EVENTS
        assert len(place.live(name, DAY)) <= settings.lake_max_parts


def test_what_nobody_can_be_reading_is_deleted_and_nothing_before(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 0.5})
    keep_current(settings, DAY, 0, rebuild=False)
    [old] = (Path(file.path) for file in lake.refresh_day(settings, TABLE, DAY).files)
    keep_current(settings, DAY, 1, rebuild=True)
    assert old.is_file()
    time.sleep(0.6)
    lake.compact_day(settings, TABLE, DAY)
    assert old.is_symlink()
    with duckdb.connect() as connection:  # whoever had listed it can open it still
        assert len(connection.read_parquet(str(old)).fetchall()) == EVENTS
        listed = lake.lake_of(settings).pattern(TABLE)
        names = connection.execute("SELECT file FROM glob(?)", [listed]).fetchall()
        assert str(old) not in {name for (name,) in names}
    time.sleep(0.6)
    lake.compact_day(settings, TABLE, DAY)
    assert not old.is_symlink()
    assert not [path for path in (settings.home / "lake" / ".dead").rglob("*.parquet")
                if old.name == path.name]  # fmt: skip


def test_whatever_happens_to_files_appending_comes_to_what_a_rebuild_does(
    settings: Settings, moment: Moment, came_to: Counter[str]
) -> None:
    """A random history: events come, files are lost, damaged, put back, merged, days rebuilt."""
    settings = settings.model_copy(update={"lake_max_parts": 3})
    dice = random.Random(moment.number)
    backup: dict[Path, bytes] = {}
    for step in range(10):
        files = [
            Path(file.path)
            for name in (TABLE, "event_inbox", *SUMMARIES)
            for file in lake.lake_of(settings).live(name, DAY)
        ]
        backup |= {path: path.read_bytes() for path in files}
        match what := dice.choice(["come", "come", "lose", "damage", "put back", "merge"]):
            case "come":
                land_round(settings, DAY, step, rebuild=dice.random() < 0.2)
                summarized(settings, rebuild=False)
            case "lose" if files:
                dice.choice(files).unlink()
            case "damage" if files:
                path = dice.choice(files)
                path.write_bytes(path.read_bytes()[: dice.randrange(200)])
            case "put back" if backup:
                path = dice.choice(sorted(backup))
                path.unlink(missing_ok=True)  # it may be a link to a grave
                path.write_bytes(backup[path])
            case "merge":
                with contextlib.suppress(FoundryError):  # of damaged parts
                    lake.compact_day(settings, dice.choice([TABLE, "event_inbox"]), DAY)
            case _:
                continue
        came_to[what] += 1
    land_round(settings, DAY, 99, rebuild=False)
    # What was damaged and not read since is found by the night, which reads all of it.
    tending.mend(settings)
    appended = summarized(settings, rebuild=False)
    assert appended == summarized(settings, rebuild=True)
    rows = value(settings, f"SELECT count(*) FROM {TABLE}")
    assert sum(row["calls"] for row in appended[SUMMARY]) == rows
    assert held(settings, TABLE) == (rows, rows)
    assert tending.mend(settings).damages == []


def summarized(settings: Settings, *, rebuild: bool) -> dict[str, list[dict[str, Any]]]:
    """Rows of each summary."""
    with duckdb.connect() as memory:
        return {
            name: summarize_day(settings, memory, name, DAY, rebuild=rebuild).table.to_pylist()
            for name in SUMMARIES
        }
