"""Where daily partitions begin: with the events that there are."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg
import pytest

from model_foundry.assets.partitions import EARLIEST, first_day
from model_foundry.definitions import build_defs
from model_foundry.intake.drain import drain
from model_foundry.lake.retention import drop_day
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry_tests.integration.test_sensors import Daemon
from model_foundry_tests.line import connection_to, event, publish, today


@pytest.fixture
def come(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lands an event of each of these days, of which the code location knows."""
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_URL", settings.require_nats_url())
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_STREAM", settings.nats_stream)
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())

    def land(*days: date) -> None:
        at = [datetime.fromisoformat(f"{day}T09:00:00+00:00") for day in days]
        publish(settings, [event(occurred_at=moment) for moment in at])
        asyncio.run(drain(settings))

    return land


def keys(location: dg.Definitions) -> set[tuple[str, str, int]]:
    """First and last partition of every daily asset, and how many there are."""
    found = set()
    for spec in location.resolve_all_asset_specs():
        if isinstance(spec.partitions_def, dg.DailyPartitionsDefinition):
            days = spec.partitions_def.get_partition_keys()
            found.add((days[0], days[-1], len(days)))
    return found


def test_without_events_there_is_a_week(come: Callable[..., None]) -> None:
    """The first ones may be of yesterday."""
    assert keys(build_defs()) == {(str(today() - timedelta(days=7)), str(today()), 8)}


def test_days_begin_with_the_first_event_and_follow_it(
    settings: Settings, come: Callable[..., None]
) -> None:
    """There used to be a missing partition for each day since January 2025."""
    three_ago, ten_ago = today() - timedelta(days=3), today() - timedelta(days=10)
    come(three_ago, today())
    location = build_defs()
    assert keys(location) == {(str(three_ago), str(today()), 4)}

    come(ten_ago)
    with dg.DagsterInstance.ephemeral() as instance:
        tick = Daemon(location, instance).tick("days_touched")
        assert tick.asked == [str(three_ago), str(today())]
        location = build_defs()
        assert keys(location) == {(str(ten_ago), str(today()), 11)}
        tick = Daemon(location, instance).tick("days_touched")
        assert tick.asked == [str(ten_ago), str(three_ago), str(today())]


def test_what_came_after_the_load_is_told(settings: Settings, come: Callable[..., None]) -> None:
    come(today())
    location = build_defs()
    with connection_to(settings) as connection:
        for table in flat.FLAT_TABLES:
            flat.flatten_day(connection, table, today(), rebuild=False)
    come(today() - timedelta(days=2))
    with dg.DagsterInstance.ephemeral() as instance:
        told = Daemon(location, instance).tick("days_touched").skipped
    assert f"1 days before {today()} hold events ({today() - timedelta(days=2)})" in told
    assert "Reload these" in told


def test_a_day_that_was_dropped_still_counts(settings: Settings, come: Callable[..., None]) -> None:
    five_ago = today() - timedelta(days=5)
    come(five_ago, today())
    with connection_to(settings) as connection:
        assert drop_day(settings, connection, five_ago).kept_because is None
    assert first_day(settings) == five_ago


def test_a_clock_that_was_never_set_makes_no_partitions(
    settings: Settings, come: Callable[..., None]
) -> None:
    come(date(1970, 1, 1), today() + timedelta(days=1))
    assert first_day(settings) == today()
    come(EARLIEST)
    assert first_day(settings) == EARLIEST


def test_who_cannot_be_asked_leaves_no_day_out(settings: Settings) -> None:
    gone = settings.model_copy(update={"postgres_url": None})
    assert first_day(gone) == EARLIEST
    away = Settings.model_validate({"postgres_url": "postgresql://127.0.0.1:1/x"})
    assert first_day(away) == EARLIEST


def test_the_setting_decides(settings: Settings, come: Callable[..., None]) -> None:
    come(today())
    told = settings.model_copy(update={"first_day": date(2024, 2, 29)})
    assert first_day(told) == date(2024, 2, 29)
