"""The lake: appended to, replaced, merged, damaged, mended, and kept elsewhere."""

import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.lake import source
from model_foundry.lake.place import LakeFile, live
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries import views
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import execute, rows, value

DAY = date(2026, 11, 20)


def live_files(settings: Settings, name: str = TABLE) -> list[LakeFile]:
    return lake.lake_of(settings).live(name, DAY)


def numbers(settings: Settings, name: str = TABLE) -> list[tuple[int, int]]:
    return [(file.first, file.last) for file in live_files(settings, name)]


def seen(settings: Settings, name: str = TABLE) -> int:
    with views.open_views(settings) as reader:
        [(rows,)] = reader.execute(f"SELECT count(*) FROM {name}").fetchall()
        return int(rows)


def tend(settings: Settings) -> tuple[bool, str, dict[str, Any]]:
    result = materialize(settings, "lake")
    [check] = checks_of(result)
    return check.passed, check.description or "", metadata_of(result, "lake")


def test_a_day_grows_by_parts_and_a_rebuilt_one_is_replaced(settings: Settings) -> None:
    for number in range(3):
        keep_current(settings, DAY, number, rebuild=False)
    assert numbers(settings) == [(0, 0), (1, 1), (2, 2)]
    assert seen(settings) == 3 * EVENTS
    keep_current(settings, DAY, 3, rebuild=True)
    assert numbers(settings) == [(0, 3)]
    assert seen(settings) == seen(settings, "event_inbox") == 4 * EVENTS


def test_a_large_day_is_read_in_two_halves(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        keep_current(settings, DAY, number, rebuild=False)
    assert value(settings, "SELECT max(ctid) > '(2,0)' FROM llm_tool_call")
    for file in live_files(settings):
        lose(file)
    monkeypatch.setattr(source, "_SPLIT_BLOCKS", 1)
    lake.refresh_day(settings, TABLE, DAY)
    [file] = live_files(settings)
    assert pq.read_metadata(file.path).num_row_groups == 2
    with views.open_views(settings) as reader:
        kept = reader.execute(f"SELECT event_id FROM {TABLE}").fetchall()
    landed = rows(settings, f"SELECT event_id FROM {TABLE}")
    assert sorted(event_id for (event_id,) in kept) == sorted(row["event_id"] for row in landed)


def test_parts_are_merged_when_there_are_too_many_and_the_large_file_is_left_alone(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"lake_max_parts": 4})
    for number in range(4):
        keep_current(settings, DAY, number, rebuild=False)
    lake.compact_day(settings, TABLE, DAY)
    assert numbers(settings) == [(0, 3)]
    for number in range(4, 8):
        keep_current(settings, DAY, number, rebuild=False)
        assert len(numbers(settings)) <= 4
    assert seen(settings) == 8 * EVENTS


def result(settings: Settings, job: str, status: str, landed_at: str) -> None:
    statement = """
        INSERT INTO inference_result (
            job_id, recipe, kind, role, status, error_kind, attempts, occurred_on, source_part,
            request, created_at, completed_at, landed_at
        )
        VALUES (%s, 'r', 'generation', 'worker', %s, %s, 1, %s, '', '{}', now(), now(), %s)
    """
    error = None if status == "ok" else "timeout"
    execute(settings, statement, job, status, error, DAY, landed_at)


def test_results_are_appended_and_one_that_changed_replaces_the_day(settings: Settings) -> None:
    result(settings, "a", "failed", "2026-11-20 12:00:00.000001+00")
    assert lake.refresh_day(settings, "inference_result", DAY).rows == 1
    result(settings, "b", "ok", "2026-11-20 11:00+00")  # committed late
    assert lake.refresh_day(settings, "inference_result", DAY).rows == 2
    assert numbers(settings, "inference_result") == [(0, 0), (1, 1)]
    execute(
        settings,
        "UPDATE inference_result SET status = 'ok', error_kind = NULL, landed_at = now() "
        "WHERE job_id = 'a'",
    )
    assert lake.refresh_day(settings, "inference_result", DAY).rows == 2
    assert numbers(settings, "inference_result") == [(0, 2)]


def lose(file: LakeFile) -> None:
    Path(file.path).unlink()


def cut(file: LakeFile) -> None:
    path = Path(file.path)
    path.write_bytes(path.read_bytes()[:-200])


def flip(file: LakeFile) -> None:
    path = Path(file.path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 3] ^= 4
    path.write_bytes(whole)


@pytest.mark.parametrize("harm", [lose, cut, flip])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_harm_is_found_and_made_good_from_postgres(
    settings: Settings, harm: Any, which: int
) -> None:
    for number in range(3):
        keep_current(settings, DAY, number, rebuild=False)
    harm(live_files(settings)[which])
    passed, description, shown = tend(settings)
    assert not passed
    assert f"{TABLE} {DAY}" in description
    assert "made again" in description
    assert shown["bytes_read"] > 0
    lake.refresh_day(settings, TABLE, DAY)
    assert seen(settings) == 3 * EVENTS
    assert tend(settings)[0]


def test_harm_to_what_postgres_has_no_more_is_reported(settings: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    rows = value(settings, f"SELECT count(*) FROM {TABLE}")
    execute(
        settings,
        "INSERT INTO archived_day (table_name, occurred_on, archive_no, version, row_count) "
        "SELECT table_name, occurred_on, 1, version, %s FROM lake_version WHERE table_name = %s",
        rows,
        TABLE,
    )
    execute(settings, f"DELETE FROM {TABLE}")
    assert tend(settings)[0]
    flip(live_files(settings)[0])
    passed, description, _ = tend(settings)
    assert not passed
    assert "PostgreSQL has it no more" in description
    assert "backup" in description
    lose(live_files(settings)[0])
    assert f"0 of {EVENTS} rows" in tend(settings)[1]


def test_a_damaged_summary_is_computed_again(settings: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    cut(live_files(settings, SUMMARY)[0])
    assert not tend(settings)[0]
    assert seen(settings, SUMMARY) == 1
    assert tend(settings)[0]


def test_python_and_sql_agree_on_which_files_are_live(home: Path) -> None:
    names = [(0, 0, 3), (0, 0, 4), (0, 5, 5), (0, 6, 7), (0, 6, 6), (1, 0, 0), (1, 0, 0), (1, 1, 1)]
    files = []
    for crc, (layer, first, last) in enumerate(names):
        path = home / f"day={DAY}.{layer}-{first:06d}-{last:06d}-{crc:08x}.parquet"
        path.touch()
        files.append(LakeFile(str(path), layer, first, last, crc, 0, 0.0))
    (home / "buried.parquet").symlink_to(files[0].path)
    with duckdb.connect() as connection:
        for name in ("lake_day", "is_lake_file", "live_files"):
            connection.execute(load_sql(f"views/{name}"))
        found = connection.execute("FROM live_files(?, ?)", [f"{home}/**", str(home)]).fetchall()
    assert sorted(name for (name,) in found) == sorted(Path(f.path).name for f in live(files))
    assert len(found) == 5


def test_days_without_events_and_of_one_event(settings: Settings) -> None:
    materialize(settings, TABLE, SUMMARY, "session_summary", day=str(DAY))
    assert lake.refresh_day(settings, "event_inbox", DAY).files == ()
    assert seen(settings, SUMMARY) == 0


def test_a_lake_in_memory(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_url": f"memory://{uuid.uuid4().hex}"})
    for number in range(3):
        keep_current(settings, DAY, number, rebuild=number == 2)
    assert seen(settings) == seen(settings, "event_inbox") == 3 * EVENTS
    assert seen(settings, SUMMARY) == 1
    assert not (settings.home / "lake" / TABLE).exists()


def test_a_filesystem_that_is_not_there_is_told(settings: Settings) -> None:
    wrong = settings.model_copy(update={"lake_url": "nothing://here"})
    with pytest.raises(FoundryError, match="MODEL_FOUNDRY_LAKE_URL"):
        lake.refresh_day(wrong, TABLE, datetime.now(UTC).date())
