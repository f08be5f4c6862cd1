"""The Iceberg catalog of the lake, as an engine that is not ours reads it: what the views show."""

import os
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pytest

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries import tending, views
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.own import summary_names
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current, land_round
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.iceberg import opened, rows_of, table_of
from model_foundry_tests.line import execute, rows, value

DAY = date(2026, 11, 20)
OTHER = date(2026, 11, 21)
NAME = "foundry"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lake_catalog": NAME, "lake_max_parts": 3})


@pytest.fixture
def without(settings: Settings) -> Settings:
    """The same line, by whom no catalog is kept: it dies before the commit, so to say."""
    return settings.model_copy(update={"lake_catalog": None})


def seen(settings: Settings, name: str) -> list[dict[str, object]]:
    """Rows of a view."""
    with views.open_views(settings) as reader:
        found: list[dict[str, object]] = reader.sql(f"FROM {name}").to_arrow_table().to_pylist()
        return found


def tend(settings: Settings) -> tuple[bool, str]:
    [check] = checks_of(materialize(settings, "lake"))
    return check.passed, check.description or ""


def heal(settings: Settings) -> list[str]:
    """What the night does for the catalog; what it could not do."""
    return [fault for one in tending.catalogue(settings) for fault in one.faults]


def age(folder: Path) -> None:
    """Make its files as old as the night finds them."""
    for path in folder.rglob("*.*"):
        os.utime(path, (time.time() - 86_400,) * 2)


def test_an_engine_reads_what_the_views_show(settings: Settings) -> None:
    for number in range(4):
        keep_current(settings, DAY, number, rebuild=number == 2)
        keep_current(settings, OTHER, number, rebuild=False)
        assert rows_of(settings, TABLE).num_rows == 2 * EVENTS * (number + 1)
        assert rows_of(settings, "event_inbox").num_rows == 2 * EVENTS * (number + 1)
        [first, second] = rows_of(settings, SUMMARY).sort_by("day").to_pylist()
        assert (first["calls"], second["calls"]) == (EVENTS * (number + 1),) * 2
    table = table_of(settings, TABLE)
    root = settings.home / "lake"
    assert all(Path(file.file.file_path).is_relative_to(root) for file in table.scan().plan_files())
    assert Path(table.metadata_location).is_relative_to(root / ".iceberg")
    of_day = table.scan(f"occurred_on = '{DAY}'")
    assert of_day.to_arrow().num_rows == 4 * EVENTS
    assert {Path(file.file.file_path).name[:14] for file in of_day.plan_files()} == {f"day={DAY}"}
    by_id = table.scan().to_arrow().sort_by("event_id").to_pylist()
    assert by_id == sorted(seen(settings, TABLE), key=lambda row: str(row["event_id"]))


RESULT = """
INSERT INTO inference_result (
    job_id, recipe, kind, role, status, attempts, occurred_on, source_part, source_event_ids,
    request, created_at, completed_at, landed_at
)
VALUES (
    'a', 'r', 'generation', 'worker', 'ok', 1, '2026-11-20', '', '{e1,e2}',
    '{}', now(), now(), now()
)
"""


def plain(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """In one order. PyIceberg 0.12 reads a list of structs that is NULL as an empty one."""
    told = [{key: None if cell == [] else cell for key, cell in row.items()} for row in found]
    return sorted(told, key=str)


def test_every_table_and_summary_is_in_it(settings: Settings) -> None:
    execute(settings, RESULT)
    keep_current(settings, DAY, 0, rebuild=False)
    with duckdb.connect() as memory:
        for name in summary_names(settings):
            summarize_day(settings, memory, name, DAY)
    for name in lake.LAKE_TABLES:
        lake.refresh_day(settings, name, DAY)
    assert tend(settings) == (True, "")
    views.publish_views(settings)
    names = (*lake.LAKE_TABLES, *summary_names(settings))
    with opened(settings) as catalog:
        assert {name for _, name in catalog.list_tables("lake")} == set(names)
    for name in names:
        assert plain(rows_of(settings, name).to_pylist()) == plain(seen(settings, name)), name
    assert rows_of(settings, "inference_result").num_rows == 1
    assert rows_of(settings, "daily_recipes")["total_ms_sketch"].type == pa.map_(
        pa.int32(), pa.uint64()
    )


def test_who_died_before_the_commit_is_made_good(settings: Settings, without: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    for number in (1, 2):
        keep_current(without, DAY, number, rebuild=number == 2)
        assert rows_of(settings, TABLE).num_rows == EVENTS * number
        assert not lake.refresh_day(settings, TABLE, DAY).refreshed
        assert rows_of(settings, TABLE).num_rows == EVENTS * (number + 1)
        keep_current(without, OTHER, number, rebuild=False)
    assert rows_of(settings, TABLE).num_rows == 3 * EVENTS
    assert heal(settings) == []
    for name in (TABLE, "event_inbox"):
        assert rows_of(settings, name).num_rows == 5 * EVENTS
    committed = table_of(settings, TABLE).metadata_location
    lake.refresh_day(settings, TABLE, DAY)
    heal(settings)
    assert table_of(settings, TABLE).metadata_location == committed


def test_what_others_write_to_it_is_taken_back(settings: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    with opened(settings) as catalog:
        table = catalog.load_table(("lake", TABLE))
        table.append(table.scan().to_arrow())
    assert rows_of(settings, TABLE).num_rows == 2 * EVENTS
    assert heal(settings) == []
    assert rows_of(settings, TABLE).num_rows == EVENTS


@pytest.mark.parametrize(
    "lost",
    ["rows", "tables", "metadata", "manifests", "half", "half a list", "half a manifest", "notes"],
)
def test_it_is_made_again(settings: Settings, lost: str) -> None:
    for number in range(2):
        keep_current(settings, DAY, number, rebuild=False)
        keep_current(settings, OTHER, number, rebuild=False)
    match lost:
        case "rows":
            execute(settings, "DELETE FROM iceberg_tables")
        case "tables":
            execute(settings, "DROP TABLE iceberg_tables, iceberg_namespace_properties")
        case "metadata":
            shutil.rmtree(settings.home / "lake" / ".iceberg")
        case "manifests":
            for path in (settings.home / "lake" / ".iceberg").rglob("*-m0.avro"):
                path.unlink()
        case "half" | "half a list" | "half a manifest":
            pattern = {"half": "*.json", "half a list": "snap-*", "half a manifest": "*-m0.avro"}
            for path in (settings.home / "lake" / ".iceberg").rglob(pattern[lost]):
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "notes":
            execute(settings, "TRUNCATE lake_file")
    assert heal(settings) == []
    for name in (TABLE, "event_inbox"):
        assert rows_of(settings, name).num_rows == 4 * EVENTS
    keep_current(settings, DAY, 2, rebuild=True)
    assert rows_of(settings, TABLE).num_rows == 5 * EVENTS


def test_a_home_that_was_moved_keeps_its_catalog_and_a_copy_gets_none(settings: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    moved = settings.home.with_name(f"{settings.home.name}-moved")
    try:
        settings.home.rename(moved)
        elsewhere = settings.model_copy(update={"home": moved})
        assert heal(elsewhere) == []
        assert rows_of(elsewhere, TABLE).num_rows == EVENTS
        shutil.copytree(moved, settings.home, symlinks=True)
        with pytest.raises(FoundryError, match=f"{NAME} is of the lake at {moved}.*name another"):
            keep_current(settings, DAY, 1, rebuild=False)
        assert rows_of(elsewhere, TABLE).num_rows == EVENTS
    finally:
        shutil.rmtree(moved, ignore_errors=True)


def test_files_outlive_the_snapshots_that_name_them(settings: Settings, without: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    place = lake.lake_of(settings)
    [old] = (Path(file.path) for file in place.live(TABLE, DAY))
    land_round(settings, DAY, 1, rebuild=True)
    lake.refresh_day(without, TABLE, DAY)
    age(old.parent)  # covered for long, and named until now
    lake.tidy_day(settings, TABLE, DAY)
    table = table_of(settings, TABLE)
    assert [
        table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows
        for snapshot in table.snapshots()
    ] == [EVENTS, 2 * EVENTS]
    assert not old.is_symlink()
    lake.tidy_day(settings.model_copy(update={"lake_grace_s": 0.0}), TABLE, DAY)
    assert len(table_of(settings, TABLE).snapshots()) == 1
    assert old.is_symlink()  # for who had listed it


def test_its_own_files_do_not_grow_for_ever(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 0.0, "lake_max_parts": 50})
    for number in range(36):
        land_round(settings, OTHER, number, rebuild=False)
        lake.refresh_day(settings, TABLE, OTHER)
    folder = settings.home / "lake" / ".iceberg"
    before = len(list(folder.rglob("*.*")))
    for _ in range(2):
        age(folder)
        assert heal(settings) == []
    table = table_of(settings, TABLE)
    assert len(table.snapshots()) <= 2
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) <= 2
    assert len(list(folder.rglob("*.*"))) < before / 4
    assert rows_of(settings, TABLE).num_rows == 36 * EVENTS


OWN = """
SELECT
    $day AS day,
    tool_name,
    count(*) AS calls{}
FROM llm_tool_call
WHERE occurred_on = $day
GROUP BY tool_name
"""


def test_a_summary_gets_and_loses_columns(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"defs_dir": tmp_path})
    (tmp_path / "summaries").mkdir()
    own = tmp_path / "summaries" / "my_tools.sql"

    def with_column(column: str, day: date) -> None:
        own.write_text(OWN.format(column))
        with duckdb.connect() as memory:
            summarize_day(settings, memory, "my_tools", day)

    def calls() -> list[tuple[object, ...]]:
        return sorted(
            (row["day"], row["calls"], row.get("extra"))
            for row in rows_of(settings, "my_tools").to_pylist()
        )

    for day in (DAY, OTHER):
        keep_current(settings, day, 0, rebuild=False)
    with_column("", DAY)
    with_column(", 7 AS extra, [1] AS list", OTHER)
    assert calls() == [(DAY, EVENTS, None), (OTHER, EVENTS, 7)]
    with_column("", OTHER)
    assert calls() == [(DAY, EVENTS, None), (OTHER, EVENTS, None)]
    with_column(", 8 AS extra", DAY)
    assert calls() == [(DAY, EVENTS, 8), (OTHER, EVENTS, None)]
    # Of another type than before: the day of the old one waits until it is made again.
    with_column(", 'nine' AS extra", OTHER)
    assert calls() == [(OTHER, EVENTS, "nine")]
    passed, told = tend(settings)
    assert not passed
    assert f"my_tools: day={DAY}" in told
    assert "materialized again" in told
    with_column(", 'ten' AS extra", DAY)
    assert calls() == [(DAY, EVENTS, "ten"), (OTHER, EVENTS, "nine")]
    assert heal(settings) == []
    own.unlink()
    assert heal(settings) == []
    with opened(settings) as catalog:
        assert ("lake", "my_tools") not in catalog.list_tables("lake")


def test_what_it_cannot_hold_stops_nothing_else(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"defs_dir": tmp_path})
    (tmp_path / "summaries").mkdir()
    (tmp_path / "summaries" / "my_tools.sql").write_text(
        OWN.format(", TIMESTAMP_NS '2026-11-20' AS at")
    )
    keep_current(settings, DAY, 0, rebuild=False)
    with duckdb.connect() as memory:
        summarize_day(settings, memory, "my_tools", DAY)
    assert len(seen(settings, "my_tools")) == 1
    passed, told = tend(settings)
    assert not passed
    assert "The Iceberg catalog lacks my_tools: " in told
    assert rows_of(settings, TABLE).num_rows == EVENTS


def test_no_secret_is_in_it(settings: Settings) -> None:
    secret = urlsplit(settings.require_postgres_url()).password
    assert secret
    keep_current(settings, DAY, 0, rebuild=False)
    for path in (settings.home / "lake" / ".iceberg").rglob("*.*"):
        assert secret.encode() not in path.read_bytes()
    for table in ("iceberg_tables", "iceberg_namespace_properties"):
        assert secret not in str(rows(settings, f"SELECT * FROM {table}"))


def test_without_pyiceberg_one_sentence_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith("model_foundry.lake.iceberg")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyiceberg", None)
    with pytest.raises(FoundryError, match=r"install model-foundry\[iceberg\]"):
        keep_current(settings, DAY, 0, rebuild=False)


def test_without_the_setting_nothing_of_it_is_imported(without: Settings) -> None:
    code = (
        "import sys; from model_foundry_tests.faults import lake_process; "
        "sys.argv[1:] = ['0', '1', '2026-11-20']; lake_process.main(); "
        "print([name for name in sys.modules if name.split('.')[0] in ('pyiceberg', 'sqlalchemy')])"
    )
    environment = {
        "MODEL_FOUNDRY_HOME": str(without.home),
        "MODEL_FOUNDRY_POSTGRES_URL": without.require_postgres_url(),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["0", "[]"]
    assert value(without, "SELECT to_regclass('iceberg_tables') IS NULL")


def test_the_night_says_how_much_is_in_it(settings: Settings, without: Settings) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    assert metadata_of(materialize(settings, "lake"), "lake")["catalogued_files"] == 3
    assert "catalogued_files" not in metadata_of(materialize(without, "lake"), "lake")
