"""How pages and charts look in a browser: on few rows and on a full day, narrow, light and dark."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page, Route
from starlette.testclient import TestClient

from model_foundry.cli.exporter import Instance
from model_foundry.exporter.app import Exporter
from model_foundry.exporter.slots import Slots
from model_foundry.exporter.source import Source
from model_foundry.fleet.file import Slot, load_fleet
from model_foundry.looks import charts
from model_foundry.looks.charts import Chart, Scale
from model_foundry.looks.colours import colour
from model_foundry.paths import data_path
from model_foundry.report import page as report_page
from model_foundry.report.local_day import LocalDay
from model_foundry.report.parts import Cell, Parts, Table, Total
from model_foundry.sessions.page import page as session_page
from model_foundry.settings import Settings
from model_foundry_tests.e2e.test_session_page import article_session

DAY = date(2026, 11, 20)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
TOKYO = "Asia/Tokyo"
ZONE = ZoneInfo(TOKYO)
SLOTS = ("naughty", "kindergarten", "grandpa", "translator", "worker-0", "worker-1")
LONG = "a_tool_with_a_name_that_is_longer_than_any_label"
UI = "http://127.0.0.1:3000"
MS, AT_ONCE, SHARE = (
    Scale("took at most", "_ms"),
    Scale("requests at once"),
    Scale("busy", "_share"),
)

LOOKS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")


def looks(page: Page, asked: str) -> Any:
    """What looks.js answers."""
    return page.evaluate(f"() => {{ {LOOKS} return looks.{asked}; }}")


def full_day(name: int) -> dict[int, float]:
    return {hour: 700.0 + 400 * ((hour * 7 + name) % 11) for hour in range(24)}


def spread(first_ms: float) -> dict[float, int]:
    return {first_ms * 1.02**step: 1 + step % 5 for step in range(300)}


CHARTS: dict[str, Callable[[], Chart]] = {
    "an event": lambda: charts.by_hour(
        "Events", Scale("events"), {"llm.tool_call": {4: 1}}, MIDNIGHT, ZONE
    ),
    "a full day": lambda: charts.by_hour(
        "Events",
        Scale("events"),
        {slot: full_day(n) for n, slot in enumerate(SLOTS)},
        MIDNIGHT,
        ZONE,
    ),
    "one busy hour": lambda: charts.over_days(
        "Load", SHARE, {"naughty": [(MIDNIGHT + timedelta(hours=4), 0.0003)]}, DAY, ZONE
    ),
    "busy for a week": lambda: charts.over_days(
        "Load",
        SHARE,
        {
            slot: [(MIDNIGHT + timedelta(hours=h), 0.1 * n) for h in range(170)]
            for n, slot in enumerate(SLOTS)
        },
        DAY,
        ZONE,
    ),
    "one call": lambda: charts.distributions("Calls", MS, {"search": {0.0304: 1}}),
    "calls alike": lambda: charts.distributions("Calls", MS, {"search": {300.0: 1, 401.0: 2}}),
    "calls of all lengths": lambda: charts.distributions(
        "Calls", MS, {slot: spread(10.0 ** (n - 2)) for n, slot in enumerate((*SLOTS, LONG))}
    ),
    "calls of three lengths": lambda: charts.distributions(
        "Calls", MS, {f"t{n}": {1.1**k * n: 1 for k in range(20)} for n in (2, 30, 300)}
    ),
    "three hits": lambda: charts.distributions("Hits", Scale("hits"), {"main": {3: 1}}),
    "minutes": lambda: charts.distributions("Calls", MS, {"search": spread(9_000.0)}),
    "a benchmark": lambda: charts.lines(
        "PP",
        Scale("prompt tokens"),
        Scale("tokens/s"),
        {slot: [(128, 900.0 + n), (512, 800), (2048, 3_000)] for n, slot in enumerate(SLOTS)},
    ),
    "up to 64 at once": lambda: charts.lines(
        "TG",
        AT_ONCE,
        Scale("tokens/s"),
        {"naughty": [(n, 40.0) for n in (1, 2, 3, 4, 8, 16, 32, 64)]},
    ),
    "one at once": lambda: charts.lines(
        "TG", AT_ONCE, Scale("tokens/s"), {"naughty": [(1, 0.012)]}
    ),
    "a job": lambda: charts.bars(
        "Jobs", Scale("jobs"), {"ok": {"judge": 1}, "failed": {"judge": 0}}
    ),
    "many recipes": lambda: charts.bars(
        "Turns by model and language of the question",
        Scale("jobs"),
        {status: {f"{LONG}_{n}": 99_999.0 + n for n in range(30)} for status in ("ok", "failed")},
    ),
    "nothing": lambda: charts.lines("", Scale(""), Scale(""), {}),
}


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Page:
    """A page for one chart after the other."""
    return browser.new_page(viewport={"width": 620, "height": 600})


@pytest.mark.parametrize("name", CHARTS)
def test_no_label_of_a_chart_meets_another(name: str, blank: Page) -> None:
    blank.set_content(f"<body style='margin:0'>{CHARTS[name]().svg}")
    texts = blank.locator("svg text").all_text_contents()
    assert looks(blank, "colliding()") == []
    assert len(texts) >= 3 or name == "nothing"
    assert [text for text in texts if re.search(r"\d(e[-+]?\d|\.\d{4})", text)] == []


def test_names_of_one_colour_are_told_apart() -> None:
    both = charts.lines(
        "TG",
        AT_ONCE,
        Scale("tokens/s"),
        {("naughty", "jobs"): [(1, 2)], ("naughty", "traffic"): [(1, 3)]},
    )
    assert both.svg.count(f"stroke: {colour('naughty')}") >= 2
    assert "stroke-dasharray" in both.svg
    alone = charts.lines("TG", AT_ONCE, Scale("tokens/s"), {("naughty", "jobs"): [(1, 2)]})
    assert "stroke-dasharray" not in alone.svg


def test_no_two_slots_of_a_shipped_fleet_share_a_colour() -> None:
    for file in data_path("fleets").glob("*.yaml"):
        slots = [slot.name for slot in load_fleet(file).slots]
        assert len({colour(slot) for slot in slots}) == len(slots) >= 3, file


def report() -> str:
    """Of a full day, with names of every kind."""
    names = [*SLOTS, "翻訳の奴隷", LONG * 3]
    rows = [
        [
            Cell(name, slot=name),
            Cell(LONG),
            Cell("12,345,678", is_number=True),
            Cell("4.2 s", is_number=True),
        ]
        for name in names
    ]
    headings = ["slot", "response model", "output tokens", "total p95"]
    table = Table("Slots", "A note.", headings, rows)
    picture = CHARTS["a full day"]()
    totals = [
        Total("events", 3_521, (("the day before", 2_504), ("the week before", 3_600))),
        Total("input_tokens", 12_345_678, (("the day before", 0),)),
        Total("jobs", 4, (("the day before", 4), ("the week before", None))),
        Total("chat_p95_ms", 12_345.6, (("the day before", 9_000.0),)),
        Total("cost", 1.25),
    ]
    day = LocalDay(DAY, ZONE)
    return report_page.write(Parts(day, totals, table, [table], [picture] * 3, [table] * 4))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The exporter with slots that are away, and a Dagster in which a run and a check failed."""

    broken = True

    @dg.asset(check_specs=[dg.AssetCheckSpec("complete", asset="llm_chat")])
    def llm_chat() -> dg.MaterializeResult:  # type: ignore[type-arg]
        why = "2026-11-20: 3 events missing. <b>Materialize</b> llm_chat for these days again."
        return dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(passed=False, check_name="complete", description=why)
            ]
        )

    @dg.asset
    def daily_events() -> None:
        raise ValueError("the lake folder cannot be written")

    @dg.asset
    def mended() -> None:
        if broken:
            raise ValueError("not yet")

    def slot(name: str) -> Slot:
        return Slot.model_validate(
            {"name": name, "roles": ("worker",), "runtime": "llama.cpp", "licence": "x",
             "parallel": 4, "endpoint": "http://127.0.0.1:1", "model": LONG, "context_tokens": 4096}
        )  # fmt: skip

    def run(instance: dg.DagsterInstance) -> None:
        nonlocal broken
        jobs = [f"{name}_job" for name in ("llm_chat", "daily_events", "mended")]
        assets = dg.Definitions(
            [llm_chat, daily_events, mended],
            jobs=[dg.define_asset_job(name, [name.removesuffix("_job")]) for name in jobs],
        )
        for name in (*jobs, "mended_job"):
            job = assets.resolve_job_def(name)
            job.execute_in_process(instance=instance, raise_on_error=False)
            broken = name != "mended_job"

    settings = Settings(home=tmp_path_factory.mktemp("live"), timezone=TOKYO, exporter_cache_s=0.0)
    with dg.DagsterInstance.ephemeral() as instance:
        with ThreadPoolExecutor(1) as apart:  # Playwright has the loop of this thread
            apart.submit(run, instance).result()
        slots = Slots([slot("naughty"), slot("kindergarten")], {}, settings)
        sources: list[Source] = [slots, Instance(instance, ui_url=UI)]
        app = Exporter(sources, settings).app()
        with TestClient(app, base_url="http://127.0.0.1") as client:
            told = [
                {"event": "llm", "correlation_id": name, "ts": "2026-11-20T23:30:00.123Z",
                 "status": "ok", "service": "familiar", "slot": "kindergarten", "role": "worker",
                 "prompt_tokens": 12_345, "completion_tokens": 23, "ttft_ms": 3767.3,
                 "tg_tokens_per_s": 35.71}
                for name in ("夜の会議", LONG * 4)
            ]  # fmt: skip
            assert client.post("/telemetry", json=told).status_code == 204
            yield client


def opened(name: str, browser: Browser, live: TestClient, tmp_path: Path, **how: Any) -> Page:
    """One of the three pages, as soon as it shows something."""
    page = browser.new_page(**({"viewport": {"width": 1200, "height": 900}} | how))
    if name == "live":

        def answer(route: Route) -> None:
            given = live.get(route.request.url.removeprefix("http://live.test"))
            route.fulfill(status=given.status_code, headers=dict(given.headers), body=given.content)

        page.route("http://live.test/**", answer)
        page.goto("http://live.test/")
        page.locator("#slots td").first.wait_for()
    else:
        text = report() if name == "report" else session_page(article_session(), TOKYO)
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        if name == "session":
            page.wait_for_selector("html[data-ready-ms]", state="attached")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "session", "live"])
def test_a_page_can_be_read(
    name: str, scheme: str, browser: Browser, live: TestClient, tmp_path: Path
) -> None:
    """On a phone and a desk: nothing is wider than the window, no word is broken, none is pale."""
    page = opened(name, browser, live, tmp_path, color_scheme=scheme)
    grounds = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 31)")
    for width in (1200, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert looks(page, "brokenWords()") == []
        contrast, text = looks(page, "palest()")
        assert contrast >= 4.5, text
    if name != "session":
        boxes = page.locator(".scroll")
        assert any(
            boxes.evaluate_all("(all) => all.map((one) => one.scrollWidth > one.clientWidth)")
        )
    page.close()


def test_a_slot_has_one_colour_on_all_pages(
    browser: Browser, live: TestClient, tmp_path: Path
) -> None:
    for name in ("report", "session", "live"):
        page = opened(name, browser, live, tmp_path)
        for slot in ("naughty", "kindergarten"):
            red, green, blue = (int(colour(slot)[n : n + 2], 16) for n in (1, 3, 5))
            seen = set(looks(page, f"dots({slot!r})"))
            assert seen == {f"rgb({red}, {green}, {blue})"}, (name, slot)
        page.close()


def test_the_report_has_its_own_signs_for_names(
    browser: Browser, live: TestClient, tmp_path: Path
) -> None:
    """A system without a Japanese font draws a box, which is narrower than a sign."""
    text = report()
    assert len(text.encode()) < 1_000_000
    page = opened("report", browser, live, tmp_path)
    page.evaluate("document.fonts.ready")
    assert page.evaluate("[...document.fonts].map((font) => font.status)") == ["loaded"]
    assert looks(page, "widthOf('翻訳の奴隷')") == pytest.approx(len("翻訳の奴隷"), abs=0.1)
    page.close()
    drawn = charts.distributions("Calls", MS, {"道具": {1.0: 1}}).svg
    assert "道具" not in re.sub(r"<!--.*?-->", "", drawn)  # as outlines
    assert ">한국어<" in re.sub(
        r"\s*<", "<", charts.distributions("Calls", MS, {"한국어": {1.0: 1}}).svg
    )


def test_the_live_page_shows_what_is_in_trouble_and_links_to_it(
    browser: Browser, live: TestClient, tmp_path: Path
) -> None:
    page = opened("live", browser, live, tmp_path)
    page.locator("#troubles tr").nth(1).wait_for()
    told = [row.locator("td").all_inner_texts()[1:] for row in page.locator("#troubles tr").all()]
    assert sorted(told) == [
        ["daily_events_job failed", "daily_events: the lake folder cannot be written"],
        ["llm_chat: complete does not hold",
         "2026-11-20: 3 events missing. <b>Materialize</b> llm_chat for these days again."],
    ]  # fmt: skip
    links = page.locator("#troubles a")
    for href in links.evaluate_all("(links) => links.map((a) => a.href)"):
        assert re.fullmatch(rf"{UI}/runs/[0-9a-f-]{{36}}", href)
    assert links.count() == 2
    assert page.locator("#events td").first.inner_text() == "08:30:00,123"  # in Tokyo
    page.close()


def test_the_session_page_tells_the_owners_time(
    browser: Browser, live: TestClient, tmp_path: Path
) -> None:
    page = opened("session", browser, live, tmp_path, timezone_id="America/New_York")
    page.get_by_role("button", name="Timeline").click()
    page.locator("canvas").click(position={"x": 100, "y": 30 + 24 + 12})
    assert "2026-11-20 21:00:00" in page.locator("#detail").inner_text()
    page.close()
