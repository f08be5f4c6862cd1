"""The exporter on real servers: what it says of the line, and what it says while a part is away."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from model_foundry.cli import exporter
from model_foundry.cli.exporter import Instance
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.dispatch.backlog import backlog_key
from model_foundry.dispatch.leases import Lease
from model_foundry.dispatch.report import DispatchReport
from model_foundry.exporter.app import Exporter
from model_foundry.exporter.database import Database
from model_foundry.exporter.slots import Slots
from model_foundry.exporter.source import Source
from model_foundry.exporter.stream import Stream
from model_foundry.fleet.file import Slot
from model_foundry.intake.configuration import pending_count
from model_foundry.intake.drain import drain
from model_foundry.postgres import flat, migrate
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK, jobs
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import connection_to, event, execute, publish

AWAY = Slot.model_validate(
    {
        "name": "away",
        "roles": ("worker",),
        "runtime": "llama.cpp",
        "endpoint": "http://127.0.0.1:1",
        "model": "m",
        "licence": "Apache-2.0",
        "parallel": 4,
        "context_tokens": 4096,
    }
)
Labels = dict[str, str]


@pytest.fixture
def limits(settings: Settings) -> Settings:
    """Every scrape looks anew, and waits until all have answered."""
    return settings.model_copy(update={**QUICK, "exporter_cache_s": 0.0, "exporter_wait_s": 10.0})


class Scraped:
    """The exporter over HTTP; `value` reads a series of the last scrape."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.text = ""

    def scrape(self) -> float:
        """Ask for /metrics; how long it took, in seconds."""
        began = time.perf_counter()
        answer = self.client.get("/metrics")
        took_s = time.perf_counter() - began
        assert answer.status_code == 200
        self.text = answer.text
        return took_s

    def series(self, name: str) -> list[tuple[Labels, float]]:
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name
        ]

    def value(self, name: str, **labels: str) -> float | None:
        found = [value for has, value in self.series(name) if labels.items() <= has.items()]
        assert len(found) <= 1, f"{name}: {len(found)} series"
        return found[0] if found else None


@contextlib.contextmanager
def exporting(
    settings: Settings, slots: Sequence[Slot] = (), more: Sequence[Source] = ()
) -> Iterator[Scraped]:
    sources: list[Source] = [
        Database(slots, {}, settings),
        Stream(settings),
        Slots(slots, {}, settings),
        *more,
    ]
    app = Exporter(sources, settings).app()
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield Scraped(client)


def test_the_line_as_it_is(limits: Settings) -> None:
    stream, durable = limits.nats_stream, limits.nats_durable
    with FakeSlot(parallel=3) as fake, exporting(limits, [fake.slot(), AWAY]) as now:
        now.scrape()
        assert now.value("foundry_postgres_up") == now.value("foundry_nats_up") == 1
        assert now.value("foundry_intake_messages_total", outcome="landed") == 0
        assert now.series("jetstream_consumer_num_pending") == []

        asyncio.run(pending_count(limits))
        messages = [event(), event(event_id="twice"), event(event_id="twice")]
        publish(limits, [*messages, event(occurred_at="never")])
        now.scrape()
        consumer = {"stream_name": stream, "consumer_name": durable}
        assert now.value("jetstream_consumer_num_pending", **consumer) == 4
        assert now.value("jetstream_stream_last_seq", stream_name=stream) == 4
        lag_s = now.value("foundry_persist_lag_seconds", stream_name=stream)
        assert lag_s is not None
        assert 0 < lag_s < 60

        asyncio.run(drain(limits))
        now.scrape()
        assert now.value("jetstream_consumer_num_pending", **consumer) == 0
        assert now.value("jetstream_consumer_ack_floor_stream_seq", **consumer) == 4
        assert now.value("foundry_persist_lag_seconds", stream_name=stream) == 0
        outcomes = {
            labels["outcome"]: count
            for labels, count in now.series("foundry_intake_messages_total")
        }
        assert outcomes == {"landed": 2, "duplicate": 1, "redelivered": 0, "quarantined": 1}
        assert now.value("foundry_intake_batches_total") == 1
        assert now.value("foundry_quarantine_messages", reason="occurred_at_invalid") == 1
        last = now.value("foundry_intake_last_batch_timestamp_seconds")
        assert last == pytest.approx(time.time(), abs=60)
        now.scrape()
        assert now.value("foundry_intake_batches_total") == 1  # nothing is counted twice

        report = asyncio.run(run_jobs(jobs(5), settings=limits, slots=[fake.slot()]))
        now.scrape()
        assert now.value("foundry_results_total", slot="fake", status="ok") == report.ok == 5
        tokens = now.value("foundry_result_tokens_total", slot="fake", direction="completion")
        assert tokens == report.output_tokens > 0

        assert now.value("foundry_slot_up", slot="fake") == 1
        assert now.value("foundry_slot_up", slot="away") == 0
        assert now.value("foundry_slot_places", slot="fake") == 3
        assert now.value("foundry_slot_info", slot="fake", backend="llama.cpp") == 1


def test_places_and_requests(limits: Settings) -> None:
    lease = Lease(AWAY.url({}), AWAY.model)
    asked_at = datetime.now(UTC)
    publish(limits, [event("llm.generation.request", {"prompt": "Hi"}, occurred_at=asked_at)])
    asyncio.run(drain(limits))
    with connection_to(limits) as connection:
        flat.flatten_day(connection, "llm_request", asked_at.date(), rebuild=True)
    with (
        exporting(limits, [AWAY]) as now,
        connection_to(limits) as one,
        connection_to(limits) as two,
    ):
        one.execute(
            "SELECT pg_advisory_lock(%s::int, n) FROM generate_series(0, 2) n", (lease.key,)
        )
        two.execute("SELECT pg_advisory_lock_shared(%s::int, 0)", (lease.claim_key,))
        now.scrape()
        assert now.value("foundry_slot_places_held", slot="away") == 3
        assert now.value("foundry_slot_runs_waiting", slot="away") == 1
        assert now.value("foundry_requests_waiting", kind="generation") == 1
        assert now.value("foundry_requests_waiting", kind="translation") == 0


async def test_jobs_that_wait_in_runs(limits: Settings) -> None:
    patient = limits.model_copy(update={"inference_idle_s": 60.0})

    def run(count: int, text: str) -> asyncio.Task[DispatchReport]:
        asked = jobs(count, text=text)
        return asyncio.create_task(run_jobs(asked, settings=patient, slots=[slot]))

    with FakeSlot(parallel=2, delay_ms=60_000) as fake:
        slot = fake.slot(roles=("worker", "translator"))
        with exporting(limits, [slot]) as now:

            async def until(waiting: int) -> None:
                await asyncio.to_thread(
                    _until, now, labels={"role": "worker"}, foundry_jobs_waiting=waiting
                )
                assert now.value("foundry_jobs_waiting", role="translator") == 0

            await until(0)
            one = run(7, "One")
            await until(7 - 2)
            two = run(4, "Two")
            await until(7 + 4 - 2)
            two.cancel()
            await asyncio.wait([two])
            await until(7 - 2)
            execute(
                limits,
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE classid = %s",
                backlog_key("worker"),
            )
            await until(7 - 2)
            fake.kill()
            await until(7)  # what was under way waits again
            one.cancel()
            await asyncio.wait([one])
            await until(0)


def test_dagsters_runs_daemons_and_summaries(limits: Settings) -> None:
    @dg.asset
    def daily_events() -> None:
        return None

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([daily_events], instance=instance)
        with exporting(limits, more=[Instance(instance)]) as now:
            now.scrape()
            job = "__ephemeral_asset_job__"
            assert now.value("foundry_dagster_up") == 1
            assert now.value("foundry_dagster_runs_total", job=job, status="SUCCESS") == 0
            made = now.value(
                "foundry_summary_last_success_timestamp_seconds", summary="daily_events"
            )
            assert made == pytest.approx(time.time(), abs=60)
            dg.materialize([daily_events], instance=instance)
            waiting = dg.define_asset_job("drain").resolve(
                asset_graph=dg.Definitions([daily_events]).resolve_asset_graph()
            )
            instance.create_run_for_job(waiting)
            now.scrape()
            now.scrape()
            assert now.value("foundry_dagster_runs_total", job=job, status="SUCCESS") == 1
            assert now.value("foundry_dagster_run_duration_seconds_count", job=job) == 1
            assert now.value("foundry_dagster_runs", job="drain", status="NOT_STARTED") == 1
            assert now.value("foundry_dagster_queue_age_seconds") == 0


def test_the_queue_is_as_old_as_its_oldest_run(
    limits: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "RUNS", 1)

    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("code"), "__repository__")

    def ran(status: dg.DagsterRunStatus) -> dg.DagsterRun:
        return dg.DagsterRun(
            "drain",
            run_id=str(uuid.uuid4()),
            status=status,
            remote_job_origin=origin.get_job_origin("drain"),
        )

    overrides = {"telemetry": {"enabled": False}}
    with (
        dg.DagsterInstance.local_temp(str(home), overrides) as instance,
        exporting(limits, more=[Instance(instance)]) as now,
    ):
        began = datetime.now(UTC)
        instance.run_storage.add_historical_run(
            ran(dg.DagsterRunStatus.STARTED), began - timedelta(hours=1)
        )
        now.scrape()
        assert now.value("foundry_dagster_queue_age_seconds") == 0

        run = instance.run_storage.add_run(ran(dg.DagsterRunStatus.NOT_STARTED))
        workspace: Any = None  # it is only handed on
        instance.run_coordinator.submit_run(SubmitRunContext(run, workspace))
        now.scrape()
        assert now.value("foundry_dagster_runs", job="drain", status="QUEUED") == 1
        age_s = now.value("foundry_dagster_queue_age_seconds")
        assert age_s is not None
        assert 0 < age_s <= (datetime.now(UTC) - began).total_seconds()

        for minutes in (10, 5):
            instance.run_storage.add_historical_run(
                ran(dg.DagsterRunStatus.QUEUED), began - timedelta(minutes=minutes)
            )
        now.scrape()
        age_s = now.value("foundry_dagster_queue_age_seconds")
        assert age_s is not None
        assert 600 < age_s <= 600 + (datetime.now(UTC) - began).total_seconds()


class Broken:
    """A Dagster whose storage is away."""

    def get_run_records(self, *_: Any, **__: Any) -> Any:
        raise OSError("no storage")


def test_what_is_away_is_a_zero_and_comes_back(limits: Settings, home: Path) -> None:
    limits = limits.model_copy(update={"exporter_wait_s": 0.1, "exporter_source_timeout_s": 0.5})
    nats = NatsServer(home / "own-nats", log=home / "nats.log")
    postgres = PostgresServer(home / "own-postgres", log=home / "postgres.log")
    with nats, postgres:
        own = limits.model_copy(
            update={
                "nats_url": nats.url,
                "postgres_url": Settings.model_validate(
                    {"home": home, "postgres_url": postgres.url}
                ).postgres_url,
            }
        )
        secret = postgres.url.partition("//")[2].partition("@")[0].partition(":")[2]
        with connection_to(own) as connection:
            migrate(connection)
        dagster: Any = Instance(Broken())  # type: ignore[arg-type]
        with exporting(own, [AWAY], more=[dagster]) as now:
            now.scrape()
            assert now.value("foundry_postgres_up") == now.value("foundry_nats_up") == 1
            assert now.value("foundry_dagster_up") == 0
            nats.stop()
            postgres.stop()
            _until(now, foundry_postgres_up=0, foundry_nats_up=0)
            assert now.scrape() < 0.5
            assert now.series("foundry_inbox_rows") == []
            assert now.value("foundry_intake_batches_total") == 0
            assert len(secret) > 5
            assert secret not in now.text
            postgres.start()
            nats.start()
            _until(now, foundry_postgres_up=1, foundry_nats_up=1)


def _until(now: Scraped, *, labels: Labels | None = None, **wanted: float) -> None:
    deadline = time.monotonic() + 20
    while True:
        now.scrape()
        if all(now.value(name, **(labels or {})) == value for name, value in wanted.items()):
            return
        assert time.monotonic() < deadline, f"not within 20 s: {wanted}\n{now.text}"
        time.sleep(0.05)


def test_a_server_that_hangs_delays_no_scrape(limits: Settings) -> None:
    class Hung:
        name = "nats"
        up = "foundry_nats_up"

        async def look(self) -> Any:
            await asyncio.sleep(3600)

        def lasting(self) -> Any:
            return ()

        async def close(self) -> None:
            pass

    limits = limits.model_copy(update={"exporter_wait_s": 0.05, "exporter_source_timeout_s": 0.2})
    app = Exporter([Hung()], limits).app()
    with TestClient(app, base_url="http://127.0.0.1") as client:
        now = Scraped(client)
        for _ in range(8):
            assert now.scrape() < 2
            assert now.value("foundry_nats_up") == 0
        failures = now.value("foundry_exporter_failures_total", source="nats")
        assert failures is not None
        assert failures >= 1


def test_the_live_page_takes_telemetry_and_shows_it(limits: Settings) -> None:
    with exporting(limits, [AWAY]) as now:
        told = {
            "event": "llm",
            "correlation_id": "session-7",
            "status": "ok",
            "slot": "away",
            "completion_tokens": 20,
            "tg_tokens_per_s": 40.0,
            "prompt": "<script>never shown</script>",
        }
        of_none = {**told, "correlation_id": "none", "status": "rejected"}
        assert now.client.post("/telemetry", json=[told, of_none]).status_code == 204
        stand = now.client.get("/live.json").json()
        assert stand["slots"][0]["slot"] == "away"
        assert (stand["slots"][0]["requests"], stand["slots"][0]["tg"]) == (2, 40.0)
        [session] = stand["sessions"]
        assert (session["correlation_id"], session["errors"]) == ("session-7", 0)
        assert "never shown" not in str(stand)
        assert stand["figures"]["foundry_postgres_up"] == 1
        assert "<title>model-foundry live" in now.client.get("/").text


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'[{"event": 5}]', 400), (b'"\xff"', 400), (b" " * 5_000_000, 413)],
)
def test_what_is_no_telemetry_is_refused(limits: Settings, body: bytes, status: int) -> None:
    with TestClient(Exporter([], limits).app(), base_url="http://127.0.0.1") as client:
        assert client.post("/telemetry", content=body).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "none"}, 204),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_page_of_another_site_posts_no_telemetry(
    limits: Settings, headers: dict[str, str], status: int
) -> None:
    told = [{"event": "log", "correlation_id": "planted"}]
    with TestClient(Exporter([], limits).app(), base_url="http://127.0.0.1") as client:
        assert client.post("/telemetry", json=told, headers=headers).status_code == status
        assert ("planted" in client.get("/live.json").text) == (status == 204)


def test_on_loopback_it_answers_to_no_other_name(limits: Settings) -> None:
    with TestClient(Exporter([], limits).app(), base_url="http://evil.example") as client:
        assert client.get("/live.json").status_code == 400
