"""The lake's Iceberg catalog under SIGKILL, and read beside three processes that write."""

import contextlib
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from model_foundry import lake, postgres
from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.lake_process import EVENTS, TABLE, keep_current
from model_foundry_tests.iceberg import (
    DAYS,
    read_beside_writers,
    rows_of,
    shown,
    start,
    table_of,
)
from model_foundry_tests.line import value

DAY = DAYS[0]
DEADLINE_S = 60.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"lake_catalog": "foundry", "lake_grace_s": 5.0, "lake_max_parts": 3}
    )


def counted(settings: Settings, name: str = TABLE) -> tuple[int, int]:
    """Rows and distinct events, by another engine."""
    ids = rows_of(settings, name)["event_id"]
    return len(ids), len(ids.unique())


def test_a_kill_between_publication_and_commit(settings: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    place = lake.lake_of(settings)
    with contextlib.closing(postgres.connect(settings)) as held:
        held.autocommit = True
        key = f"lake catalog {place.root} {TABLE}"
        held.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        process = start(settings, "lake_process", 1, 1, DAY)
        deadline = time.monotonic() + DEADLINE_S
        while not value(settings, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.kill()
        process.communicate()
    with views.open_views(settings) as view:
        assert shown(view) == 2 * EVENTS
    assert counted(settings) == (EVENTS, EVENTS)
    assert not lake.refresh_day(settings, TABLE, DAY).refreshed
    assert counted(settings) == (2 * EVENTS, 2 * EVENTS)


def test_a_kill_at_any_moment(settings: Settings, moment: Moment, came_to: Counter[str]) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 0.2})
    keep_current(settings, DAY, 0, rebuild=False)
    process = start(settings, "lake_process", 1, 1_000, DAY)
    assert process.stdout is not None
    assert process.stdout.readline()
    time.sleep(random.Random(moment.number).uniform(0, 1))
    process.kill()
    process.communicate()
    with views.open_views(settings) as view:
        for name in (TABLE, "event_inbox"):
            rows, distinct = counted(settings, name)
            assert rows == distinct
            assert rows % EVENTS == 0
            assert rows >= 2 * EVENTS
        came_to["kills"] += 1
        came_to["behind"] += counted(settings)[0] < shown(view)
    keep_current(settings, DAY, 5_000, rebuild=False)
    for name in (TABLE, "event_inbox"):
        rows = value(settings, f"SELECT count(*) FROM {name}")
        assert counted(settings, name) == (rows, rows)
        table = table_of(settings, name)
        for snapshot in table.snapshots():
            for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files():
                assert Path(task.file.file_path).exists()


def test_an_engine_reads_whole_days_beside_three_writers(
    settings: Settings, came_to: Counter[str], request: pytest.FixtureRequest
) -> None:
    for day in DAYS:
        keep_current(settings, day, 0, rebuild=False)
    rounds = request.config.getoption("--race-rounds") // 5
    reads = read_beside_writers(settings, rounds, {"pyiceberg": lambda: counted(settings)})
    assert reads["pyiceberg"] > 5
    came_to["reads"] += reads["pyiceberg"]
