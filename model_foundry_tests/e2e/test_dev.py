"""`model-foundry dev` as a person uses it: publish, wait, look at the Dagster UI in a browser."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import duckdb
import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from model_foundry.devstack.processes import free_port
from model_foundry_tests.line import event

COMMAND = Path(sys.executable).with_name("model-foundry")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Set by `make screenshots`: where the pictures of the README go.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


class Dev(NamedTuple):
    """A running `model-foundry dev`."""

    home: Path
    url: str
    live: str
    environment: dict[str, str]

    def publish(self, *bodies: bytes) -> None:
        """Publish events by the command line."""
        subprocess.run(
            [COMMAND, "publish", "-"],
            input=b"\n".join(bodies),
            env=self.environment,
            check=True,
            timeout=60,
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """What foundry.duckdb answers; nothing as long as it is not there."""
        try:
            with duckdb.connect(str(self.home / "foundry.duckdb"), read_only=True) as connection:
                return connection.execute(statement).fetchall()
        except (duckdb.CatalogException, duckdb.IOException):
            return []


def wait_for(what: Callable[[], bool], *, seconds: float, name: str) -> None:
    """Until `what` is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(0.5)
    raise AssertionError(f"{name}: not within {seconds} s")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`model-foundry dev` with its own home and port."""
    home = tmp_path_factory.mktemp("dev")
    home.parent.chmod(0o755)
    port, exporter_port = free_port(), free_port()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    environment = {
        **kept,
        "MODEL_FOUNDRY_HOME": str(home),
        "MODEL_FOUNDRY_EXPORTER_PORT": str(exporter_port),
    }
    log = (home / "dev.log").open("w+")
    process = subprocess.Popen(
        [COMMAND, "dev", "--port", str(port)], env=environment, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        assert process.poll() is None, (home / "dev.log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/server_info", timeout=2).is_success
        return False

    try:
        wait_for(up, seconds=120, name="the Dagster UI")
        yield Dev(home, url, f"http://127.0.0.1:{exporter_port}", environment)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
        log.close()
    assert code == 0
    assert not (home / "services.env").exists()


@pytest.mark.timeout(300)
def test_published_events_reach_the_summaries_without_a_hand_laid_on(dev: Dev) -> None:
    now = datetime.now(UTC)
    dev.publish(
        event(occurred_at=now, event_id="hands-off-1").body,
        event("knowledge.tool_call", occurred_at=now, event_id="hands-off-2").body,
    )
    statement = "SELECT sum(calls) FROM daily_tool_calls"
    wait_for(lambda: dev.query(statement) == [(2,)], seconds=60, name="the summary")
    dev.publish(event(occurred_at=now, event_id="hands-off-3").body)
    wait_for(
        lambda: dev.query(statement) == [(3,)], seconds=60, name="the summary of the later one"
    )


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    CHROMIUM is None, reason="LOUD: no chromium here, the live page is not looked at"
)
def test_the_live_page_shows_slots_and_what_familiar_does(dev: Dev) -> None:
    subprocess.run(
        [COMMAND, "familiar", "--sessions", "1"], env=dev.environment, check=True, timeout=120
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(dev.live)
        page.locator("#slots td.ok", has_text="naughty").wait_for(timeout=20_000)
        page.locator("#sessions td", has_text="familiar").first.wait_for(timeout=20_000)
        page.locator("#events td", has_text="tokens, TTFT").first.wait_for(timeout=20_000)
        for source in ("postgres", "nats", "dagster"):
            page.locator(f"#line div:has(dt:text-is('{source}')) dd.ok").wait_for(timeout=20_000)
        _shot(page, "live")
        browser.close()
    assert faults == []


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    CHROMIUM is None, reason="LOUD: no chromium here, the Dagster UI is not looked at"
)
def test_the_ui_shows_the_graph_and_a_materialization(dev: Dev) -> None:
    if SCREENSHOTS:
        subprocess.run(
            [COMMAND, "familiar", "--sessions", "3"], env=dev.environment, check=True, timeout=120
        )
        _wait_for_traffic(dev)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1800, "height": 1800})
        groups = ("inbox", "flat_tables", "recipes", "summaries")
        expanded = ",".join(f"global@global:{group}" for group in groups)
        page.goto(f"{dev.url}/asset-groups?expanded={quote(expanded, safe='')}")
        page.get_by_text("llm_chat", exact=True).first.wait_for(timeout=60_000)
        _shot(page, "asset-graph")
        page.set_viewport_size({"width": 1600, "height": 1200})
        page.goto(f"{dev.url}/assets/pipeline_event_inbox_record?view=events")
        page.get_by_text("touched_days").first.wait_for(timeout=60_000)
        _shot(page, "materialization")
        day = datetime.now(UTC).date().isoformat()
        page.goto(f"{dev.url}/assets/daily_tool_calls?partition={day}")
        page.get_by_text("daily_tool_calls").first.wait_for(timeout=60_000)
        _shot(page, "partition")
        browser.close()


def _wait_for_traffic(dev: Dev) -> None:
    statement = "SELECT count(*) FROM session_summary WHERE chats > 0"
    wait_for(lambda: (dev.query(statement) or [(0,)])[0][0] >= 3, seconds=120, name="sessions")


def _shot(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(2_500)  # the graph's layout is drawn by a worker of the page
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))
