"""Days that leave PostgreSQL: what the lake has of them stays whole, whatever comes after."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psycopg
import pytest

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Message
from model_foundry.intake.drain import drain
from model_foundry.intake.landing import Lander
from model_foundry.intake.reconcile import reconcile
from model_foundry.intake.replay import Stretch, replay
from model_foundry.lake import retention
from model_foundry.postgres import days, flat
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry_tests.foundry import lent, location, materialize
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value

OLD = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
DAY = "2026-01-10"
TABLE = "llm_tool_call"
SUMMARY = "daily_tool_calls"
APPEND = {"ops": {TABLE: {"config": {"mode": "append"}}}}


def come(settings: Settings, *event_ids: str, occurred_at: datetime = OLD) -> None:
    publish(settings, [event(event_id=each, occurred_at=occurred_at) for each in event_ids])
    asyncio.run(drain(settings))


def drop_old_days(
    settings: Settings, keep_days: int | None = 30
) -> tuple[bool, list[dict[str, Any]]]:
    done, shown = _dropping(settings, keep_days)
    if "rows" not in shown:
        return done, []
    table = shown["rows"]
    assert isinstance(table, dg.TableMetadataValue)
    return done, [dict(record.data) for record in table.records]


def _dropping(settings: Settings, keep_days: int | None) -> tuple[bool, Mapping[str, Any]]:
    """Whether the job succeeded, and what it showed."""
    job = location().resolve_job_def("drop_old_days")
    config = {"ops": {"drop_days": {"config": {"keep_days": keep_days} if keep_days else {}}}}
    with dg.DagsterInstance.ephemeral() as instance, lent(settings):
        result = job.execute_in_process(config, instance=instance, raise_on_error=False)
    if not result.success:
        [failed] = [one for one in result.all_events if one.is_step_failure]
        failure = failed.step_failure_data.user_failure_data
        return False, failure.metadata if failure else {}
    [output] = [one for one in result.all_events if one.is_successful_output]
    return True, output.step_output_data.metadata


def in_duckdb(settings: Settings, table: str) -> int:
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as connection:
        [(count,)] = connection.execute(
            f"SELECT count(*) FROM {table} WHERE occurred_on = '{DAY}'"
        ).fetchall()
        return int(count)


def calls(settings: Settings) -> int:
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as connection:
        [(count,)] = connection.execute(f"SELECT sum(calls) FROM {SUMMARY}").fetchall()
        return int(count)


def layers(settings: Settings, table: str = TABLE) -> list[int]:
    place = lake.lake_of(settings)
    return [file.layer for file in place.live(table, OLD.date())]


@pytest.fixture
def dropped(settings: Settings) -> Settings:
    """Three events of an old day, summarized and dropped; one of a recent day."""
    come(settings, "a", "b", "c")
    come(settings, "recent", occurred_at=datetime.now(UTC) - timedelta(days=1))
    materialize(settings, TABLE, SUMMARY, "daily_events", day=DAY)
    done, table = drop_old_days(settings)
    assert done
    # Three rows of the inbox, three of the flat table.
    assert table == [{"day": DAY, "rows": 6, "status": "dropped"}]
    return settings


def test_a_dropped_day_stays_in_the_lake(dropped: Settings) -> None:
    assert value(dropped, "SELECT count(*) FROM event_inbox") == 1
    assert rows(dropped, "SELECT * FROM day_partition WHERE occurred_on = %s", DAY) == []
    assert (in_duckdb(dropped, "event_inbox"), in_duckdb(dropped, TABLE)) == (3, 3)
    assert layers(dropped) == layers(dropped, "event_inbox") == [0]
    materialize(dropped, TABLE, SUMMARY, day=DAY)
    assert (in_duckdb(dropped, TABLE), calls(dropped)) == (3, 3)
    with connection_to(dropped) as connection:
        assert not reconcile(dropped, connection, whole=True).missing


def test_what_had_landed_does_not_land_again(dropped: Settings) -> None:
    again = asyncio.run(replay(dropped, Stretch(from_seq=1))).landed.counts
    assert (again["landed"], again["redelivered"]) == (0, 4)


def test_a_late_event_of_a_dropped_day_joins_it(dropped: Settings) -> None:
    come(dropped, "late")
    materialize(dropped, TABLE, SUMMARY, day=DAY, config=APPEND)
    assert value(dropped, f"SELECT count(*) FROM {TABLE}") == 1
    assert (in_duckdb(dropped, TABLE), calls(dropped)) == (4, 4)
    materialize(dropped, TABLE, SUMMARY, "daily_events", day=DAY)  # a rebuild
    assert (in_duckdb(dropped, TABLE), calls(dropped)) == (4, 4)
    assert drop_old_days(dropped) == (True, [{"day": DAY, "rows": 2, "status": "dropped"}])
    assert layers(dropped) == [0, 1]
    materialize(dropped, SUMMARY, day=DAY)
    assert (in_duckdb(dropped, "event_inbox"), calls(dropped)) == (4, 4)


def test_what_the_flat_table_had_not_seen_is_in_the_lake_too(settings: Settings) -> None:
    come(settings, "a", "b")
    assert drop_old_days(settings) == (True, [{"day": DAY, "rows": 4, "status": "dropped"}])
    materialize(settings, SUMMARY, "daily_events", day=DAY)
    assert (in_duckdb(settings, TABLE), calls(settings)) == (2, 2)


def test_a_damaged_copy_is_made_anew_before_the_day_is_dropped(settings: Settings) -> None:
    come(settings, *(f"{number}" for number in range(500)))
    materialize(settings, TABLE, "daily_events", SUMMARY, day=DAY)
    [name] = lake.lake_of(settings).live(TABLE, OLD.date())
    copy = Path(name.path)
    whole = bytearray(copy.read_bytes())
    whole[100:400] = bytes(300)
    copy.write_bytes(whole)
    with pytest.raises(duckdb.Error), duckdb.connect() as connection:
        connection.read_parquet(str(copy)).fetchall()
    assert drop_old_days(settings)[1][0]["status"] == "dropped"
    assert in_duckdb(settings, TABLE) == 500


def test_a_day_in_use_is_kept(settings: Settings) -> None:
    come(settings, "a")
    with connection_to(settings) as using:
        using.execute("SELECT FROM event_inbox")
        _, [day] = drop_old_days(settings)
    assert day["status"].startswith("kept: PostgreSQL was busy")
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1
    assert drop_old_days(settings)[1] == [{"day": DAY, "rows": 2, "status": "dropped"}]


def test_a_day_that_is_written_to_meanwhile_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(settings, "a")
    prove = lake.proven_day

    def proven_and_touched(settings: Settings, table: str, day: Any) -> Any:
        held = prove(settings, table, day)
        if table == TABLE:
            come(settings, "b")
        return held

    with monkeypatch.context() as patch:
        patch.setattr(lake, "proven_day", proven_and_touched)
        _, [day] = drop_old_days(settings)
    assert day["status"] == "kept: event_inbox was written to meanwhile"
    assert value(settings, "SELECT count(*) FROM event_inbox") == 2


def test_a_drain_whose_day_is_dropped_goes_on(settings: Settings) -> None:
    def message(seq: int) -> Message:
        body = event(event_id=f"{seq}", occurred_at=OLD).body
        return Message("llm.tool_call", body, None, settings.nats_stream, seq, datetime.now(UTC))

    with contextlib.closing(Lander(settings)) as lander:
        lander.land([message(1)])
        execute(settings, "DROP TABLE event_inbox_p20260110")
        assert lander.land([message(2)]).counts["landed"] == 1
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1


def test_drains_make_partitions_ahead(settings: Settings) -> None:
    materialize(settings, "pipeline_event_inbox_record")
    today = datetime.now(UTC).date()
    made = rows(settings, "SELECT occurred_on FROM day_partition WHERE table_name = %s", TABLE)
    expected = [today + timedelta(days=ahead) for ahead in range(4)]
    assert sorted(row["occurred_on"] for row in made) == expected


def test_nothing_is_dropped_unless_somebody_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(settings, "a")
    assert drop_old_days(settings, keep_days=None) == (False, [])
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1

    def status() -> dg.DefaultScheduleStatus:
        return location().resolve_schedule_def("old_days").default_status

    assert status() == dg.DefaultScheduleStatus.STOPPED
    monkeypatch.setenv("MODEL_FOUNDRY_RETENTION_DAYS", "30")
    assert status() == dg.DefaultScheduleStatus.RUNNING
    configured = settings.model_copy(update={"retention_days": 30})
    assert drop_old_days(configured, keep_days=None)[1][0]["status"] == "dropped"


def of_all(settings: Settings, count: int) -> list[date]:
    """Days, each with an event."""
    noon = [OLD + timedelta(days=number) for number in range(count)]
    publish(settings, [event(event_id=f"of {each}", occurred_at=each) for each in noon])
    asyncio.run(drain(settings))
    return [each.date() for each in noon]


def test_a_day_that_fails_is_named_and_the_others_are_dropped(settings: Settings) -> None:
    first, second, third = of_all(settings, 3)
    execute(settings, f"CREATE VIEW mine AS SELECT * FROM event_inbox_p{second:%Y%m%d}")
    done, table = drop_old_days(settings)
    assert not done  # red, but only after the others
    assert [(day["day"], day["status"][:17]) for day in table] == [
        (str(first), "dropped"),
        (str(second), "kept: it failed: "),
        (str(third), "dropped"),
    ]
    assert "view mine depends on" in table[1]["status"]
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1
    execute(settings, "DROP VIEW mine")
    done, [day] = drop_old_days(settings)
    assert (done, day["status"]) == (True, "dropped")


def test_dropping_days_deadlocks_with_nobody(settings: Settings) -> None:
    old = of_all(settings, 4)
    recent = datetime.now(UTC) - timedelta(days=1)
    come(settings, "recent", occurred_at=recent)
    ended, errors, asked = threading.Event(), [], Counter[str]()

    def again(name: str, work: Callable[[psycopg.Connection[Any]], object]) -> None:
        with connection_to(settings) as connection:
            while not ended.wait(0.02):
                try:
                    with connection.transaction():
                        work(connection)
                    asked[name] += 1
                except psycopg.Error as error:
                    errors.append(error)

    def read(tables: Sequence[str]) -> Callable[[psycopg.Connection[Any]], object]:
        return lambda connection: [
            connection.execute(f"SELECT count(*) FROM {table}").fetchall() for table in tables
        ]

    def flatten(connection: psycopg.Connection[Any]) -> None:
        flat.flatten_day(connection, TABLE, recent.date(), rebuild=True)

    def trace(connection: psycopg.Connection[Any]) -> None:
        span = {"first": old[0], "last": old[-1]}
        query = load_sql("postgres/sessions/days")
        connection.execute(query, {"correlation_id": "session-1", **span}).fetchall()

    dropped: set[date] = set()
    with ThreadPoolExecutor(4) as threads:
        others = [
            threads.submit(again, "forth", read(days.TABLES)),
            threads.submit(again, "back", read(days.TABLES[::-1])),
            threads.submit(again, "trace", trace),
            threads.submit(again, "flatten", flatten),
        ]
        try:
            until = time.monotonic() + 30
            with connection_to(settings) as connection:
                while dropped != set(old) and time.monotonic() < until:
                    for day in days.days_before(connection, recent.date()):
                        if not retention.drop_day(settings, connection, day).kept_because:
                            dropped.add(day)
        finally:
            ended.set()
    for other in others:
        other.result()
    assert errors == []
    assert dropped
    assert set(asked) == {"forth", "back", "trace", "flatten"}


def test_the_ledger_of_a_dropped_day_is_given_up_and_the_lake_knows_it(dropped: Settings) -> None:
    for table in ("intake_batch_day", "flat_batch"):
        assert value(dropped, f"SELECT count(*) FROM {table} WHERE occurred_on = %s", DAY) == 0
    remakes = dict.fromkeys(("event_inbox", TABLE), lake.refresh_day)
    lake.whole(dropped, remakes)  # makes what nobody has asked for yet
    assert lake.whole(dropped, remakes).damages == []
    come(dropped, "late")
    materialize(dropped, TABLE, SUMMARY, day=DAY, config=APPEND)
    assert drop_old_days(dropped)[1][0]["status"] == "dropped"
    for table in ("intake_batch_day", "flat_batch"):
        assert value(dropped, f"SELECT count(*) FROM {table} WHERE occurred_on = %s", DAY) == 0
    assert lake.whole(dropped, remakes).damages == []
    come(dropped, "later still")
    materialize(dropped, TABLE, SUMMARY, day=DAY, config=APPEND)
    assert (in_duckdb(dropped, TABLE), calls(dropped)) == (5, 5)
    assert layers(dropped) == [0, 1, 2]
    [oldest, *_] = lake.lake_of(dropped).live(TABLE, OLD.date())
    Path(oldest.path).unlink()
    [damage] = [each for each in lake.whole(dropped, remakes).damages if not each.mended]
    assert (damage.name, str(damage.day)) == (TABLE, DAY)
    assert damage.what.endswith("is missing, 0 of 3 rows that PostgreSQL has dropped are there")


def test_keys_of_dropped_days_are_kept_for_ever_unless_somebody_says_so(dropped: Settings) -> None:
    execute(dropped, "UPDATE event_key SET received_at = occurred_on")
    assert drop_old_days(dropped) == (True, [])
    assert value(dropped, "SELECT count(*) FROM event_key") == 4


def test_keys_of_days_dropped_long_ago_are_given_up(dropped: Settings) -> None:
    come(dropped, "a", "b")  # duplicates
    forgetful = dropped.model_copy(update={"keys_days": 60})
    assert drop_old_days(forgetful)[0]
    # Their day is over, but the messages came today: the stream may send them again.
    assert value(dropped, "SELECT count(*) FROM event_key") == 4
    assert value(dropped, "SELECT count(*) FROM event_duplicate") == 2
    for table in ("event_key", "event_duplicate"):
        execute(dropped, f"UPDATE {table} SET received_at = %s WHERE event_id <> 'recent'", OLD)
    assert drop_old_days(forgetful)[0]
    assert rows(dropped, "SELECT event_id FROM event_key") == [{"event_id": "recent"}]
    assert value(dropped, "SELECT count(*) FROM event_duplicate") == 0
    [known] = rows(dropped, "SELECT through_seq, keys FROM forgotten_key")
    assert known == {"through_seq": 6, "keys": 3}
    come(dropped, "a")
    execute(dropped, "UPDATE forgotten_key SET received_until = now()")  # of this life
    with connection_to(dropped) as connection:
        assert not reconcile(dropped, connection, whole=True).missing
    assert value(dropped, "SELECT count(*) FROM event_inbox WHERE event_id = 'a'") == 1
    # It is there again, so its key is needed again.
    execute(dropped, "UPDATE event_key SET received_at = %s WHERE event_id = 'a'", OLD)
    busy = forgetful.model_copy(update={"retention_days": 10_000})
    assert drop_old_days(busy, keep_days=None) == (True, [])
    assert value(dropped, "SELECT count(*) FROM event_key") == 2


def test_what_keys_cost_is_shown(dropped: Settings) -> None:
    execute(dropped, "ANALYZE event_key")
    _, shown = _dropping(dropped, 30)
    assert shown["keys"].value == 4
    assert shown["key_bytes"].value > 0
    assert shown["keys_given_up"].value == 0


def test_keys_outlive_the_days_that_need_them(home: Path) -> None:
    with pytest.raises(FoundryError, match="MODEL_FOUNDRY_KEYS_DAYS may not be less than"):
        Settings.model_validate({"home": home, "retention_days": 30, "keys_days": 29})
    assert Settings.model_validate({"home": home, "keys_days": 1}).keys_days == 1
