"""`model-foundry dev` as a person uses it: publish, wait, look at both pages in a browser.

All tests share one; each leaves it as one that a person has worked with for a while.
"""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from model_foundry_tests.dev import COMMAND, Dev, running_dev, wait_for
from model_foundry_tests.e2e.conftest import Shot
from model_foundry_tests.line import Raw, event, execute

NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()
EARLIER = (NOW - timedelta(days=2)).date().isoformat()
# How long each tool's fastest call of that day took; each next one took a tenth longer.
EARLIER_CALLS_MS = {"fetch_page": 300.0, "read_note": 2.0, "search": 30.0}
EARLIER_CALLS_EACH = 20
TODAY_CALLS = "SELECT calls FROM daily_tool_calls WHERE tool_name = 'hands_off'"
EARLIER_CALLS = "SELECT sum(calls) FROM daily_tool_calls WHERE day = ?"
SUMMARIZED_S = 180.0
PLANTED = "planted-0123456789"
# Of a webhook that cannot be reached when a check fails, and under names that nobody reads.
SECRETS = {
    "MODEL_FOUNDRY_ALERT_URL": f"http://me:{PLANTED}@127.0.0.1:1/{PLANTED}?token={PLANTED}%2F",
    "PGPASSWORD": f"{PLANTED}'\"/@",
    "SLOT_KEY": f"Bearer {PLANTED}",
}
PATIENCE_MS = 90_000


def hands_off(number: int) -> Raw:
    """A tool call of today."""
    return event(payload={"tool_name": "hands_off"}, event_id=f"today-{number}", occurred_at=NOW)


def earlier_calls() -> Iterator[Raw]:
    """Tool calls of an earlier day."""
    for tool, fastest_ms in EARLIER_CALLS_MS.items():
        for number in range(EARLIER_CALLS_EACH):
            payload = {"tool_name": tool, "duration_ms": fastest_ms * 1.1**number}
            moment = f"{EARLIER}T{number:02}:00:00Z"
            yield event(payload=payload, event_id=f"{tool}-{number}", occurred_at=moment)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`model-foundry dev` with events that have been published."""
    with running_dev(tmp_path_factory.mktemp("dev"), **SECRETS) as running:
        running.publish(*(hands_off(number) for number in range(2)), *earlier_calls())
        yield running


@pytest.fixture(scope="module")
def summarized(dev: Dev) -> Dev:
    """The same, as soon as its first events are in the summaries."""
    wait_for(
        lambda: dev.query(TODAY_CALLS) == [(2,)] and dev.query(EARLIER_CALLS, EARLIER) == [(60,)],
        seconds=SUMMARIZED_S,
        name="the summaries",
    )
    return dev


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of the Dagster UI."""
    page = browser.new_page(viewport={"width": 1500, "height": 1150})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    page.close()


@pytest.mark.timeout(300)
def test_the_live_page_shows_slots_and_what_familiar_does(
    dev: Dev, browser: Browser, shot: Shot
) -> None:
    faults: list[str] = []
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_default_timeout(PATIENCE_MS)
    with subprocess.Popen([COMMAND, "familiar"], env=dev.environment) as familiar:
        page.goto(dev.live)
        page.locator("#slots td.ok", has_text="naughty").wait_for()
        page.locator("#sessions td", has_text="familiar").first.wait_for()
        answered = re.compile(r"worker: \d+ → \d+ tokens, TTFT")
        page.locator("#events td", has_text=answered).first.wait_for()
        for source in ("postgres", "nats", "dagster"):
            page.locator(f"#line div:has(dt:text-is('{source}')) dd.ok").wait_for()
        shot(page, "live")
    page.close()
    assert familiar.returncode == 0
    assert faults == []


@pytest.mark.timeout(300)
def test_published_events_reach_the_summaries_without_a_hand_laid_on(summarized: Dev) -> None:
    summarized.publish(hands_off(2))
    wait_for(
        lambda: summarized.query(TODAY_CALLS) == [(3,)],
        seconds=SUMMARIZED_S,
        name="the summary of the later one",
    )


@pytest.mark.timeout(300)
def test_the_graph_reads_left_to_right(summarized: Dev, page: Page, shot: Shot) -> None:
    page.goto(f"{summarized.url}/asset-groups")
    _in_order(page, "inbox", "flat_tables", "recipes", "summaries")
    page.set_viewport_size({"width": 1500, "height": 1300})
    page.goto(
        f"{summarized.url}/assets/daily_recipes?view=lineage&lineageScope=upstream&lineageDepth=9"
    )
    _in_order(page, "pipe…_inbox_record", "llm_chat", "generation_judge", "daily_recipes")
    shot(page, "asset-graph")


def _in_order(page: Page, *names: str) -> None:
    """Each is drawn once, wholly in sight, and to the right of the one before."""
    right = 0.0
    for name in names:
        node = page.locator("svg").get_by_text(name, exact=True)
        expect(node).to_be_in_viewport(ratio=1)
        box = node.bounding_box()
        assert box is not None
        assert box["x"] > right, name
        right = box["x"] + box["width"]


@pytest.mark.timeout(300)
def test_a_summary_shows_its_day(summarized: Dev, page: Page, shot: Shot) -> None:
    page.goto(f"{summarized.url}/assets/daily_tool_calls?view=partitions&partition={EARLIER}")
    assert _metadata(page, "dagster/partition_row_count").inner_text() == "3"
    assert int(_metadata(page, "bytes").inner_text()) > 0
    rows = _metadata(page, "rows").locator("tbody tr")
    shown = [row.locator("td").all_inner_texts()[:2] for row in rows.all()]
    assert shown == [[tool, "20"] for tool in EARLIER_CALLS_MS]
    shot(page, "partition")
    _metadata(page, "plot").get_by_text("Show Markdown").click()
    plot = page.get_by_role("img", name="Tool calls")
    plot.wait_for()
    assert plot.evaluate("image => image.complete && image.naturalWidth") > 100
    shot(page, "materialization")
    page.get_by_role("button", name="Close").click()
    _metadata(page, "dagster/column_schema").get_by_text("Show Table Schema").click()
    page.get_by_text("failed one of the same session").wait_for()


@pytest.mark.timeout(300)
def test_a_failed_check_says_what_to_do_and_a_backfill_does_it(
    summarized: Dev, page: Page, shot: Shot
) -> None:
    execute(summarized.settings, "DELETE FROM llm_tool_call WHERE event_id = 'search-7'")
    late = event(payload={"tool_name": "search"}, occurred_at=f"{EARLIER}T23:00:00Z")
    summarized.publish(late)
    page.goto(f"{summarized.url}/assets/llm_tool_call?view=checks")
    page.get_by_text(f"{EARLIER}: 1 events missing").wait_for()
    page.get_by_text("Materialize llm_tool_call for these days again (mode rebuild).").wait_for()
    shot(page, "failed-check", height=620)

    chosen = 'key:"llm_tool_call" or key:"daily_tool_calls"'
    page.goto(f"{summarized.url}/asset-groups~{quote(chosen)}")
    page.get_by_role("button", name="Materialize all").click()
    days = page.get_by_role("dialog").get_by_placeholder("No matching partitions")
    days.fill(f"[{EARLIER}...{TODAY}]")
    days.press("Enter")
    page.get_by_role("button", name="Launch backfill").click()
    launched = page.get_by_role("link", name="View", exact=True).get_attribute("href")
    page.goto(f"{summarized.url}{launched}")
    expect(page.get_by_text("100% completed")).to_have_count(2)
    column_and_status = page.get_by_text("Succeeded", exact=True)
    expect(column_and_status).to_have_count(2)
    shot(page, "backfill", height=420)
    page.goto(f"{summarized.url}/assets/llm_tool_call?view=checks")
    page.get_by_text("Passed", exact=True).first.wait_for()  # of two checks
    assert summarized.query(EARLIER_CALLS, EARLIER) == [(61,)]


@pytest.mark.timeout(300)
def test_no_secret_of_the_environment_is_told(summarized: Dev) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in summarized.home.rglob("*") if path.is_file()}

    wait_for(
        lambda: any(b"the receiver of alerts, 127.0.0.1" in text for text in files().values()),
        seconds=SUMMARIZED_S,
        name="that the webhook was not reached",
    )
    told = files()
    for page in ("/", "/live.json", "/metrics"):
        told[Path(page)] = httpx.get(f"{summarized.live}{page}", timeout=30).content
    for command in ("settings", "doctor", "status"):
        done = subprocess.run(
            [COMMAND, command], env=summarized.environment, capture_output=True, check=False
        )
        told[Path(command)] = done.stdout + done.stderr
        assert done.stdout, command
    assert b"MODEL_FOUNDRY_ALERT_URL" in told[Path("settings")]
    assert [where for where, text in told.items() if PLANTED.encode() in text] == []


def _metadata(page: Page, key: str) -> Locator:
    """What a materialization shows for a key."""
    return page.locator("tr", has=page.get_by_text(key, exact=True)).locator("td").nth(1)
