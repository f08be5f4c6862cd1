"""What PostgreSQL knows of the lake's files: losses, leftovers, and what is nobody's."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from model_foundry import lake, postgres
from model_foundry.cli import app
from model_foundry.intake.drain import drain
from model_foundry.lake.catalog import name_of
from model_foundry.lake.place import Lake, LakeFile, Listing
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry.summaries.day import summarize_day
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SUMMARIES = (SUMMARY, "daily_events", "session_summary")


def come(settings: Settings, count: int, name: str) -> None:
    """Events of a session, taken into the flat table, the lake and the summaries as they come."""
    publish(settings, [event(occurred_at=AT, correlation_id=name) for _ in range(count)])
    asyncio.run(drain(settings))
    with contextlib.closing(postgres.connect(settings)) as connection:
        for table in flat.FLAT_TABLES:
            flat.flatten_day(connection, table, DAY, rebuild=False)
    summarized(settings)


def summarized(settings: Settings, *, rebuild: bool = False) -> dict[str, list[dict[str, object]]]:
    """Rows of each summary, brought up to what there is."""
    with duckdb.connect() as memory:
        return {
            name: summarize_day(settings, memory, name, DAY, rebuild=rebuild).table.to_pylist()
            for name in SUMMARIES
        }


def live_files(settings: Settings, name: str = TABLE) -> list[LakeFile]:
    return lake.lake_of(settings).live(name, DAY)


def known(settings: Settings, name: str = TABLE) -> set[str]:
    """Names of the files that the catalog has as live."""
    place = lake.lake_of(settings)
    with contextlib.closing(postgres.connect(settings)) as connection:
        files = [each.file for each in lake.Catalog(connection, place, name, DAY).known()]
    return {name_of(file) for file in lake.live(files)}


def listed(settings: Settings, name: str = TABLE) -> set[str]:
    return {name_of(file) for file in live_files(settings, name)}


def tend(settings: Settings) -> tuple[bool, str]:
    [check] = checks_of(materialize(settings, "lake"))
    return check.passed, check.description or ""


@pytest.mark.parametrize("parts", [1, 3])
def test_the_last_part_is_lost_and_an_event_comes(settings: Settings, parts: int) -> None:
    for number in range(parts):
        come(settings, 1, f"before-{number}")
    for name in (TABLE, "event_inbox"):
        Path(live_files(settings, name)[-1].path).unlink()
    come(settings, 1, "after")
    appended = summarized(settings)
    assert sum(row["calls"] for row in appended[SUMMARY]) == parts + 1  # type: ignore[misc]
    assert sum(row["events"] for row in appended["daily_events"]) == parts + 1  # type: ignore[misc]
    assert len(appended["session_summary"]) == parts + 1
    assert appended == summarized(settings, rebuild=True)
    assert lake.refresh_day(settings, TABLE, DAY).rows == parts + 1
    assert known(settings) == listed(settings)


@pytest.mark.parametrize("name", [TABLE, "event_inbox", *SUMMARIES])
def test_each_loss_is_seen_and_made_good(settings: Settings, name: str) -> None:
    come(settings, 2, "a")
    before = summarized(settings)
    [lost] = live_files(settings, name)
    Path(lost.path).unlink()
    passed, told = tend(settings)
    assert not passed
    assert f"{name} {DAY}: {lost.path} is missing" in told
    assert "made again" in told
    assert tend(settings) == (True, "")
    assert summarized(settings) == before
    assert listed(settings, name) == known(settings, name)


def test_a_loss_that_nothing_can_make_good_is_told_with_the_file(settings: Settings) -> None:
    come(settings, 2, "a")
    [lost] = live_files(settings)
    Path(lost.path).unlink()
    for table in (TABLE, "flat_day", "flat_batch"):  # as after a backup from before was restored
        execute(settings, f"DELETE FROM {table}")
    passed, told = tend(settings)
    assert not passed
    assert f"{TABLE} {DAY}: {lost.path} is missing; PostgreSQL has it no more." in told
    assert "Restore these files from a backup" in told


def test_a_catalog_that_is_lost_is_made_again_from_the_files(settings: Settings) -> None:
    for number in range(3):
        come(settings, 1, f"{number}")
    before = {name: known(settings, name) for name in (TABLE, "event_inbox", *SUMMARIES)}
    assert all(before.values())
    execute(settings, "TRUNCATE lake_file")
    summarized(settings)  # an older home: whoever looks at a day adds it
    assert {name: known(settings, name) for name in before if name in lake.LAKE_TABLES} == {
        name: files for name, files in before.items() if name in lake.LAKE_TABLES
    }
    tend(settings)  # takes in what no summary reads, and merges
    query = """
        SELECT table_name, occurred_on, first_no, last_no, crc32, row_count, made_of, code
        FROM lake_file WHERE covered_by IS NULL ORDER BY 1, 2, 3
    """
    told = rows(settings, query)
    assert {row["table_name"] for row in told} > set(before)
    execute(settings, "TRUNCATE lake_file")
    assert tend(settings)[0]
    assert rows(settings, query) == told


def test_nothing_is_left_over_for_ever(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_grace_s": 0.0})
    for number in range(12):
        keep_current(settings, DAY, number, rebuild=False)
    root = settings.home / "lake"
    (root / ".writing" / f"{TABLE}.{DAY}.0123.tmp").write_bytes(b"of a process that was killed")
    (settings.home / ".views-killed").mkdir()
    assert all(tend(settings)[0] for _ in range(3))
    for folder in root.iterdir():
        if folder.name[0] != ".":
            assert sorted(path.name for path in folder.iterdir()) == sorted(
                listed(settings, folder.name)
            )
    assert [path for path in (root / ".dead").rglob("*") if not path.is_dir()] == []
    assert list((root / ".writing").iterdir()) == []
    assert list(settings.home.glob(".views-*")) == []
    assert value(settings, "SELECT count(*) FROM lake_file WHERE covered_by IS NOT NULL") == 0
    assert sum(row["calls"] for row in summarized(settings)[SUMMARY]) == 12 * EVENTS  # type: ignore[misc]


@pytest.mark.parametrize(
    "strange",
    [
        "copy of day=2026-11-20.0-000000-000000-00000000.parquet",
        "day=2026-02-31.0-000000-000000-00000000.parquet",
        ".DS_Store",
        ".day=2026-11-20.0-000000-000000-00000000.parquet.Ab12Cd",
        "notes.txt",
        "day=2026-11-20",
    ],
)
def test_what_is_none_of_the_lake_s_is_ignored_and_named(settings: Settings, strange: str) -> None:
    come(settings, 2, "a")
    tend(settings)  # takes in what no summary reads
    [file] = live_files(settings)
    path = Path(file.path).with_name(strange)
    if strange == "day=2026-11-20":
        path.mkdir()
        path = path / "data.parquet"
    path.write_bytes(Path(file.path).read_bytes() if "parquet" in path.name else b"Not rows.")
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as reader:
        assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (2,)
    assert lake.refresh_day(settings, TABLE, DAY).rows == 2
    result = materialize(settings, "lake")
    [check] = checks_of(result)
    assert check.passed
    named = metadata_of(result, "lake")["strange_files"]
    assert [str(path.parent if path.name == "data.parquet" else path)] == named


@pytest.mark.parametrize("change", ["update", "insert"])
def test_what_commits_late_is_not_missed(settings: Settings, change: str) -> None:
    insert = """
        INSERT INTO inference_result (
            job_id, recipe, kind, role, status, error_kind, attempts, occurred_on, source_part,
            request, created_at, completed_at, landed_at
        )
        VALUES (
            %s, 'r', 'generation', 'worker', 'failed', 'timeout', 1, '2026-11-20', '', '{}',
            now(), now(), '2026-11-21T00:30Z'
        )
    """
    for job in "ab":
        execute(settings, insert, job)
    update = """
        UPDATE inference_result SET status = 'ok', error_kind = NULL, landed_at = %s
        WHERE job_id = %s
    """
    early, late = datetime(2026, 11, 21, 1, tzinfo=UTC), datetime(2026, 11, 21, 2, tzinfo=UTC)
    with contextlib.closing(connection_to(settings)) as slow:
        slow.execute(update, (early, "a"))
        if change == "update":
            execute(settings, update, late, "b")
        else:
            execute(settings, insert, "c")
        lake.refresh_day(settings, "inference_result", DAY)
        slow.commit()
    lake.refresh_day(settings, "inference_result", DAY)
    with duckdb.connect() as memory:
        lake.show(settings, memory, [lake.refresh_day(settings, "inference_result", DAY)])
        query = "SELECT status FROM inference_result WHERE job_id = 'a'"
        assert memory.execute(query).fetchall() == [("ok",)]


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_home_may_be_moved_into_any_folder(
    settings: Settings, tmp_path: Path, how: Callable[[Path, Path], object]
) -> None:
    come(settings, 2, "a")
    target = tmp_path / "モデル [1] a*b?c]" / "home"
    target.parent.mkdir()
    (tmp_path / "モデル 1 axbxc]").mkdir()  # what the path would match as a pattern
    how(settings.home, target)
    moved = settings.model_copy(update={"home": target})
    said = CliRunner().invoke(
        app,
        ["query", "--json", f"SELECT count(*) AS n FROM {TABLE}"],
        env={"MODEL_FOUNDRY_HOME": str(target)},
    )
    assert json.loads(said.stdout) == [{"n": 2}], said.output
    come(moved, 1, "b")
    with views.open_views(moved) as reader:
        assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (3,)
        assert reader.execute(f"SELECT sum(calls) FROM {SUMMARY}").fetchone() == (3,)
    if how is shutil.copytree:
        with views.open_views(settings) as reader:
            assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (2,)


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        (TABLE, "occurred_on = '2026-11-20'"),
        (TABLE, "occurred_on BETWEEN DATE '2026-11-20' AND DATE '2026-11-20'"),
        (SUMMARY, "day >= '2026-11-20' AND day < '2026-11-21'"),
    ],
)
def test_a_condition_on_the_day_opens_the_files_of_that_day(
    settings: Settings, table: str, condition: str
) -> None:
    come(settings, 2, "a")
    place = lake.lake_of(settings)
    [file] = place.live(table, DAY)
    for day in range(1, 20):  # of which a reader would see that they cannot be opened
        other = place.file(table, date(2026, 10, day), (0, 0, 0, file.crc), 0, 0.0)
        Path(other.path).write_bytes(b"damaged")
    with views.open_views(settings) as reader:
        query = f"SELECT count(*) FROM {table}"
        assert reader.execute(f"{query} WHERE {condition}").fetchone() != (0,)
        with pytest.raises(duckdb.Error):
            reader.execute(query).fetchall()


def three_parts_that_postgres_knows_nothing_of(settings: Settings) -> list[Path]:
    """The lake of before, and a PostgreSQL that was set up anew."""
    for number in range(3):
        keep_current(settings, DAY, number, rebuild=False)
    execute(settings, f"DELETE FROM flat_day WHERE table_name = '{TABLE}'")
    execute(settings, f"DELETE FROM {TABLE}")
    return [Path(file.path) for file in live_files(settings)]


def test_what_postgres_cannot_give_again_is_not_deleted(settings: Settings) -> None:
    _, damaged, _ = three_parts_that_postgres_knows_nothing_of(settings)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:500] + bytes([whole[500] ^ 4]) + whole[501:])
    passed, told = tend(settings)
    assert not passed
    assert "made again" not in told
    assert "PostgreSQL has it no more" in told
    assert damaged.is_file()


def test_a_part_that_is_put_back_counts_again(settings: Settings) -> None:
    _, lost, _ = three_parts_that_postgres_knows_nothing_of(settings)
    whole = lost.read_bytes()
    lost.unlink()
    assert not tend(settings)[0]
    assert not tend(settings)[0]
    lost.write_bytes(whole)
    assert tend(settings) == (True, "")
    with views.open_views(settings) as reader:
        assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchall() == [(3 * EVENTS,)]


def test_what_is_written_while_the_check_looks_is_not_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_current(settings, DAY, 0, rebuild=False)
    look = Lake.listing

    def look_and_write(place: Lake, name: str) -> Listing:
        monkeypatch.setattr(Lake, "listing", look)
        found = look(place, name)
        keep_current(settings, DAY, 1, rebuild=False)
        return found

    monkeypatch.setattr(Lake, "listing", look_and_write)
    assert lake.whole(settings, {TABLE: lake.refresh_day}).damages == []
    assert len(live_files(settings)) == 2


def test_why_a_summary_cannot_be_made_again_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "summaries").mkdir()
    statement = tmp_path / "summaries" / "mine.sql"
    counted = "SELECT occurred_on AS day, {} AS n FROM {} WHERE occurred_on = $day GROUP BY 1"
    statement.write_text(counted.format("count(*)", TABLE))
    own = settings.model_copy(update={"defs_dir": tmp_path})
    come(own, 2, "a")
    with duckdb.connect() as memory:
        summarize_day(own, memory, "mine", DAY)
    tend(own)  # takes in what no summary reads
    statement.write_text(counted.format("CAST('no number' || count(*) AS INTEGER)", TABLE))
    [lost] = live_files(own, "mine")
    Path(lost.path).unlink()
    passed, told = tend(own)
    assert not passed
    assert f"mine {DAY}: {lost.path} is missing; it cannot be made again: mine" in told
    assert "no number" in told
