"""Alerts: a real receiver is told of each trouble once, in its form; what it missed comes again."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import dagster as dg
import pytest

from model_foundry.alerts.troubles import Outcome
from model_foundry.alerts.webhook import tell
from model_foundry.assets.resource import Foundry
from model_foundry.defs.alerts import alerts
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

SECRET = "T0000-a-token-of-the-path"


class Receiver:
    """A webhook on a real socket; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status < 300:
                    receiver.bodies.append(body)
                    receiver.headers.append(dict(self.headers.items()))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/{SECRET}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Watched:
    """Runs of an asset whose end is decided beforehand, and ticks of the sensor between them."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        self._instance = instance
        self._foundry = Foundry(settings)
        self._cursor: str | None = None

    def run(
        self, *, fails: str | None = None, holds: bool = True, partition: str = "2026-11-20"
    ) -> None:
        days = dg.DailyPartitionsDefinition("2026-11-01")

        @dg.asset(name="tallies", partitions_def=days)
        def tallies() -> None:
            if fails is not None:
                raise FoundryError(fails)

        @dg.asset_check(asset=tallies)
        def counted() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=holds, description="2 of 3 <rows> are there.")

        job = dg.define_asset_job("count", selection=[tallies]).resolve(
            asset_graph=dg.Definitions(
                assets=[tallies], asset_checks=[counted]
            ).resolve_asset_graph()
        )
        job.execute_in_process(
            instance=self._instance, partition_key=partition, raise_on_error=False
        )

    def tick(self) -> str:
        with dg.build_sensor_context(
            instance=self._instance,
            resources={"foundry": self._foundry},
            cursor=self._cursor,
            sensor_name="alerts",
        ) as context:
            data = alerts.evaluate_tick(context)
        self._cursor = data.cursor
        return data.skip_message or ""


def watching(instance: dg.DagsterInstance, home: Path, receiver: Receiver, **named: Any) -> Watched:
    settings = Settings.model_validate({"home": home, "alert_url": receiver.url, **named})
    return Watched(instance, settings)


def troubles(receiver: Receiver) -> list[tuple[str, str, str | None]]:
    told = [json.loads(body) for body in receiver.bodies]
    return [
        (each["kind"], each["name"], each["partition"]) for one in told for each in one["troubles"]
    ]


def test_a_trouble_is_told_once_until_it_has_ended(
    instance: dg.DagsterInstance, tmp_path: Path, receiver: Receiver
) -> None:
    watched = watching(instance, tmp_path, receiver, ui_url="https://ui.example/")
    watched.run(fails="long ago")
    assert watched.tick() == "From now on."
    for _ in range(2):
        watched.run(fails="the disk is full: make room in /data")
        watched.tick()
    assert troubles(receiver) == [("run", "count", "2026-11-20")]
    [told] = [json.loads(body) for body in receiver.bodies]
    assert told["title"] == "model-foundry: count failed (2026-11-20)"
    [trouble] = told["troubles"]
    assert trouble["reason"] == "tallies: the disk is full: make room in /data"
    [run_id] = {r.run_id for r in instance.get_runs()} & {trouble["url"].rsplit("/", 1)[-1]}
    assert trouble["url"] == f"https://ui.example/runs/{run_id}"

    watched.run(fails="another day's", partition="2026-11-21")
    watched.run()
    watched.tick()
    watched.run(fails="again")
    watched.tick()
    assert troubles(receiver)[1:] == [
        ("run", "count", "2026-11-21"),
        ("run", "count", "2026-11-20"),
    ]


def test_a_check_that_does_not_hold_is_told_with_its_text(
    instance: dg.DagsterInstance, tmp_path: Path, receiver: Receiver
) -> None:
    watched = watching(instance, tmp_path, receiver)
    watched.tick()
    for holds in (True, False, False, True, False):
        watched.run(holds=holds)
        watched.tick()
    assert troubles(receiver) == [("check", "tallies: counted", "2026-11-20")] * 2
    [reason] = {json.loads(body)["troubles"][0]["reason"] for body in receiver.bodies}
    assert reason == "2 of 3 <rows> are there."


def test_what_a_receiver_did_not_take_is_told_at_the_next_tick(
    instance: dg.DagsterInstance, tmp_path: Path, receiver: Receiver
) -> None:
    watched = watching(instance, tmp_path, receiver)
    watched.tick()
    watched.run(fails="no room")
    receiver.status = 503
    with pytest.raises(FoundryError) as error:
        watched.tick()
    assert str(error.value) == (
        "the receiver of alerts, 127.0.0.1, answered 503: see MODEL_FOUNDRY_ALERT_URL"
    )
    receiver.status = 200
    watched.tick()
    watched.tick()
    assert troubles(receiver) == [("run", "count", "2026-11-20")]


def test_nobody_is_told_without_a_receiver(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    watched = Watched(instance, Settings.model_validate({"home": tmp_path}))
    assert watched.tick() == "Nobody is told: MODEL_FOUNDRY_ALERT_URL is not set."


TWO = [
    Outcome("run", "drain_inbox", None, passed=False, reason="*no* <!channel> & no room"),
    Outcome("check", "inbox: whole", "2026-11-20", passed=False, url="https://ui.example/runs/1"),
]


def sent_slack(body: bytes, _: dict[str, str]) -> str:
    return str(json.loads(body)["text"])


def sent_discord(body: bytes, _: dict[str, str]) -> str:
    content = json.loads(body)
    assert content["allowed_mentions"] == {"parse": []}
    return str(content["content"])


def sent_ntfy(body: bytes, headers: dict[str, str]) -> str:
    assert headers["Title"] == "model-foundry"
    return body.decode()


@pytest.mark.parametrize(
    ("form", "sent", "reason"),
    [
        ("slack", sent_slack, "*no* &lt;!channel&gt; &amp; no room"),
        ("discord", sent_discord, "*no* <!channel> & no room"),
        ("ntfy", sent_ntfy, "*no* <!channel> & no room"),
    ],
)
def test_each_receiver_gets_its_form(
    receiver: Receiver, form: Any, sent: Callable[[bytes, dict[str, str]], str], reason: str
) -> None:
    tell(TWO, url=receiver.url, form=form, timeout_s=5)
    assert sent(receiver.bodies[0], receiver.headers[0]).split("\n") == [
        "model-foundry: 2 troubles",
        f"drain_inbox failed: {reason}",
        "inbox: whole does not hold (2026-11-20)",
        "https://ui.example/runs/1",
    ]


def test_a_storm_is_one_message_of_bounded_length(receiver: Receiver) -> None:
    storm = [
        Outcome("run", f"job {n}", None, passed=False, reason="翻" * 499) for n in range(1_000)
    ]
    for form in ("slack", "discord", "ntfy", "json"):
        tell(storm, url=receiver.url, form=form, timeout_s=5)
    assert len(receiver.bodies) == 4
    assert "… and 990 more." in sent_slack(receiver.bodies[0], {})
    assert len(sent_discord(receiver.bodies[1], {})) == 2_000
    assert len(receiver.bodies[2]) <= 4_096
    assert len(json.loads(receiver.bodies[3])["troubles"]) == 1_000


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"http://127.0.0.1:1/{SECRET}", "127.0.0.1, was not reached"),
        (f"ftp://example.org/{SECRET}", "is no URL of the form"),
        (f"http://[broken/{SECRET}", "is no URL of the form"),
        (f"http://host.invalid/{SECRET}", "host.invalid, was not reached"),
        (SECRET, "is no URL of the form"),
    ],
)
def test_a_receiver_that_is_not_there_is_told_without_its_secret(url: str, told: str) -> None:
    with pytest.raises(FoundryError) as error:
        tell(TWO, url=url, form=None, timeout_s=1)
    assert told in str(error.value)
    assert "MODEL_FOUNDRY_ALERT_URL" in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None


def test_no_log_tells_the_secret(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tell(TWO, url=f"{receiver.url}?token={SECRET}", form=None, timeout_s=5)
    assert len(receiver.bodies) == 1
    assert SECRET not in caplog.text
