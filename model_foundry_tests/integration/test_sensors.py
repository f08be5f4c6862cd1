"""Every sensor and schedule of the code location, ticked as the daemon does, on the real parts."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import dagster as dg
import pytest

from model_foundry.assets.partitions import EARLIEST
from model_foundry.assets.resource import Foundry
from model_foundry.definitions import defs
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.pull import Puller
from model_foundry.intake.quarantine import replay_quarantined
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry_tests.foundry import materialize
from model_foundry_tests.line import connection_to, event, execute, publish, today, value

BEFORE = EARLIEST - timedelta(days=1)
LONG_S = 60.0


def tomorrow() -> date:
    return today() + timedelta(days=1)


@pytest.fixture(scope="module")
def location() -> dg.Definitions:
    """The code location, as the code server loads it."""
    return loaded()


def loaded() -> dg.Definitions:
    found = defs()
    assert isinstance(found, dg.Definitions)
    return found


class Tick(NamedTuple):
    """What a tick came to."""

    asked: list[str | None]
    skipped: str
    cursor: str | None
    tags: list[dict[str, str]]


class Daemon:
    """Ticks the sensors of a code location, with the settings of a test in the environment."""

    def __init__(self, location: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._location = location
        self._instance = instance
        self._cursors: dict[str, str | None] = {}

    def tick(self, name: str) -> Tick:
        """Evaluate a sensor once; whatever it asks for is not run."""
        sensor = self._location.resolve_sensor_def(name)
        with dg.build_sensor_context(
            instance=self._instance,
            repository_def=self._location.get_repository_def(),
            resources={"foundry": Foundry()},
            cursor=self._cursors.get(name),
            sensor_name=name,
        ) as context:
            data = sensor.evaluate_tick(context)
        self._cursors[name] = data.cursor
        asked = [request.partition_key for request in data.run_requests or ()]
        tags = [dict(request.tags) for request in data.run_requests or ()]
        return Tick(asked, data.skip_message or "", data.cursor, tags)

    def ran(self, job: str, tick: Tick, status: dg.DagsterRunStatus, *, ago: timedelta) -> None:
        """What a tick asked for was run, and came to this."""
        for key, tags in zip(tick.asked, tick.tags, strict=True):
            run = dg.DagsterRun(
                job, str(uuid.uuid4()), status=status, tags={**tags, "dagster/partition": str(key)}
            )
            self._instance.run_storage.add_historical_run(run, datetime.now(UTC) - ago)

    def on_schedule(self, name: str, moment: datetime) -> Tick:
        """Evaluate a schedule once."""
        schedule = self._location.resolve_schedule_def(name)
        context = dg.build_schedule_context(
            instance=self._instance,
            scheduled_execution_time=moment,
            repository_def=self._location.get_repository_def(),
        )
        data = schedule.evaluate_tick(context)
        asked = [request.partition_key for request in data.run_requests or ()]
        return Tick(asked, data.skip_message or "", None, [])


@pytest.fixture
def daemon(
    location: dg.Definitions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Daemon]:
    """See `Daemon`."""
    given = settings.model_dump(exclude_unset=True)
    given["postgres_url"] = settings.require_postgres_url()
    for name, item in given.items():
        monkeypatch.setenv(f"MODEL_FOUNDRY_{name.upper()}", str(item))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(location, instance)


def at(day: object) -> datetime:
    return datetime.fromisoformat(f"{day}T09:00:00+00:00")


def come(settings: Settings, *days: object, subject: str = "llm.tool_call") -> None:
    publish(settings, [event(subject, occurred_at=at(day)) for day in days])
    asyncio.run(drain(settings))


def test_all_are_ticked_here(location: dg.Definitions) -> None:
    repository = location.get_repository_def()
    sensors = {sensor.name for sensor in repository.sensor_defs}
    schedules = {schedule.name for schedule in repository.schedule_defs}
    assert sensors == {
        "alerts",
        "articles_changed",
        "days_touched",
        "events_waiting",
        "requests_waiting",
    }
    assert schedules == {"finished_day", "lake_nightly", "old_days", "slots_hourly"}


def test_days_that_have_no_partition_are_held_back(
    settings: Settings, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    """One event dated tomorrow used to fail the tick, and with it the refresh of every day."""
    come(settings, tomorrow(), BEFORE)
    tick = daemon.tick("days_touched")
    assert tick.asked == []
    for told in (f"begun in UTC hold events ({tomorrow()})", f"hold events ({BEFORE})"):
        assert told in tick.skipped
    come(settings, today(), today() - timedelta(days=3))
    assert daemon.tick("days_touched").asked == [str(today() - timedelta(days=3)), str(today())]
    with connection_to(settings) as connection:
        for day in (today(), today() - timedelta(days=3)):
            for table in flat.FLAT_TABLES:
                flat.flatten_day(connection, table, day, rebuild=False)
        assert set(flat.stale_days(connection)) == {tomorrow(), BEFORE}  # they wait for their day
    assert daemon.tick("days_touched").asked == []


def test_requests_are_asked_for_on_days_that_there_are(settings: Settings, daemon: Daemon) -> None:
    assert daemon.tick("requests_waiting").skipped == "0 requests wait."
    come(settings, tomorrow(), BEFORE, today(), subject="llm.generation.request")
    with connection_to(settings) as connection:
        for day in (tomorrow(), BEFORE, today()):
            flat.flatten_day(connection, "llm_request", day, rebuild=False)
    assert daemon.tick("requests_waiting").asked == [str(today())]
    execute(settings, "DELETE FROM llm_request WHERE occurred_on = %s", today())
    assert str(tomorrow()) in daemon.tick("requests_waiting").skipped


def result(job: str, day: object) -> str:
    """A statement that lands a job's result, as one that a recipe was run for by hand."""
    return f"""
        INSERT INTO inference_result (
            job_id, recipe, kind, role, status, attempts, occurred_on, source_part, request,
            created_at, completed_at
        )
        VALUES ('{job}', 'ask', 'generation', 'worker', 'ok', 1, '{day}', '', '{{}}', now(), now())
    """


def test_a_day_that_changed_without_an_event_is_asked_for_until_it_is_summarized(
    settings: Settings, daemon: Daemon
) -> None:
    """It used to wait for the next event of that day, which an earlier day has none of."""
    day = today() - timedelta(days=3)
    left = "SELECT count(*) FROM day_change"
    done, minutes = dg.DagsterRunStatus.SUCCESS, timedelta(minutes=2)
    assert daemon.tick("days_touched").asked == []
    with contextlib.closing(connection_to(settings)) as slow:
        slow.execute(result("slow", day))  # begun before the tick, committed after it
        execute(settings, result("quick", day))
        asked = daemon.tick("days_touched")
        assert asked.asked == [str(day)]
        daemon.ran("refresh_day", asked, done, ago=minutes)
        assert daemon.tick("days_touched").asked == []
        assert value(settings, left) == 0
        slow.commit()
    asked = daemon.tick("days_touched")
    assert asked.asked == [str(day)]
    daemon.ran("refresh_day", asked, done, ago=timedelta())
    assert daemon.tick("days_touched").asked == []
    # What lands all the time is asked for once a minute.
    execute(settings, result("next", day))
    assert daemon.tick("days_touched").asked == []
    assert value(settings, left) == 1
    execute(settings, "DELETE FROM day_change")

    # A message that is refused, and lands later.
    publish(settings, [event(event_id="e"), event(payload={"tool_name": "x"}, event_id="e")])
    asyncio.run(drain(settings))
    assert value(settings, left) == 1
    execute(settings, "UPDATE event_quarantine SET received_at = received_at - interval '3 days'")
    execute(settings, "DELETE FROM day_change")
    assert replay_quarantined(settings, under_new_ids=True).accepted == 1
    assert value(settings, "SELECT occurred_on FROM day_change") == day


def test_articles_need_no_day(settings: Settings, daemon: Daemon) -> None:
    assert "There is no folder" in daemon.tick("articles_changed").skipped
    settings.articles_root.mkdir()
    (settings.articles_root / "a.md").write_text("---\nlang: ja\n---\n# 題\n")
    assert len(daemon.tick("articles_changed").asked) == 1


@pytest.mark.parametrize(
    ("name", "of_yesterday"),
    [("finished_day", True), ("lake_nightly", False), ("old_days", False), ("slots_hourly", False)],
)
def test_each_schedule_asks_for_a_run(daemon: Daemon, name: str, of_yesterday: bool) -> None:
    expected = str(today() - timedelta(days=1)) if of_yesterday else None
    assert daemon.on_schedule(name, datetime.now(UTC)).asked == [expected]


def test_before_the_first_day_has_ended_the_schedule_skips(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_FIRST_DAY", str(today()))
    with dg.DagsterInstance.ephemeral() as instance:
        tick = Daemon(loaded(), instance).on_schedule("finished_day", datetime.now(UTC))
    assert tick.asked == []
    assert "is not a day of ours" in tick.skipped


def test_what_waits_is_asked_for_at_every_tick(settings: Settings, daemon: Daemon) -> None:
    assert daemon.tick("events_waiting").skipped == "0 messages wait."
    publish(settings, [event()])
    for _ in range(2):  # no run came of the first
        assert daemon.tick("events_waiting").asked == [None]
    asyncio.run(drain(settings))
    assert daemon.tick("events_waiting").skipped == "0 messages wait."


def test_what_a_dead_drain_holds_is_asked_for_once(
    settings: Settings, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to start an empty run at every tick, until the server gave the messages back."""
    monkeypatch.setenv("MODEL_FOUNDRY_INTAKE_ACK_WAIT_S", "5")
    impatient = settings.model_copy(update={"intake_ack_wait_s": 5.0})
    publish(impatient, [event() for _ in range(3)])
    begun = time.monotonic()
    asyncio.run(fetch_and_die(impatient, 2))
    assert daemon.tick("events_waiting").asked == [None]  # the third one waits
    asyncio.run(fetch_and_die(impatient, 1))
    asked = [len(daemon.tick("events_waiting").asked) for _ in range(3)]
    assert asked == [1, 0, 0]
    assert "3 messages were delivered" in daemon.tick("events_waiting").skipped
    assert time.monotonic() - begun < 5
    until(lambda: daemon.tick("events_waiting").asked == [None])
    done = asyncio.run(drain(impatient))
    assert done.as_dict()["landed"] == 3
    assert daemon.tick("events_waiting").skipped == "0 messages wait."


def test_what_a_drain_gave_back_is_asked_for_at_once(settings: Settings, daemon: Daemon) -> None:
    """A drain that ends at its bound: the messages are free, though not acknowledged."""
    publish(settings, [event() for _ in range(2)])
    assert daemon.tick("events_waiting").asked == [None]
    asyncio.run(fetch_and_die(settings, 2, answer=b"-NAK"))
    assert daemon.tick("events_waiting").asked == [None]
    assert asyncio.run(drain(settings)).as_dict()["landed"] == 2


async def fetch_and_die(settings: Settings, count: int, answer: bytes = b"") -> None:
    """Messages are delivered to a drain that is no more; `answer` is its last word on each."""
    client = await jetstream.connect(settings, name="test")
    try:
        await configuration.ensure_consumer(client, settings)
        async with Puller(client, settings.nats_stream, settings.nats_durable) as puller:
            pulled = await puller.fetch(count, max_bytes=10_000_000, wait_s=5)
        assert len(pulled.deliveries) == count
        if answer:
            await client.answer([delivery.reply for delivery in pulled.deliveries], answer)
    finally:
        await client.close()


def until(what: object) -> None:
    """Wait for it, ticking as the daemon does."""
    assert callable(what)
    deadline = time.monotonic() + LONG_S
    while not what():
        assert time.monotonic() < deadline


def test_an_event_of_tomorrow_does_not_stop_today(settings: Settings) -> None:
    """Through the assets: today is whole, tomorrow's event waits in the inbox."""
    come(settings, today(), tomorrow())
    with contextlib.closing(connection_to(settings)) as connection:
        assert set(flat.stale_days(connection)) == {today(), tomorrow()}
    assert materialize(settings, *flat.FLAT_TABLES, "daily_events", day=str(today())).success
    with contextlib.closing(connection_to(settings)) as connection:
        assert set(flat.stale_days(connection)) == {tomorrow()}


def test_alerts_begin_when_a_receiver_is_named(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.tick("alerts").skipped.startswith("Nobody is told")
    monkeypatch.setenv("MODEL_FOUNDRY_ALERT_URL", "https://alerts.invalid/token")
    assert daemon.tick("alerts").skipped == "From now on."
    assert daemon.tick("alerts").skipped == "0 runs have ended; nothing new in trouble."
