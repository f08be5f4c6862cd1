"""A session's page in a browser: the article's 702 nodes and 584 edges, and hostile texts."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from model_foundry.sessions.graph import Session, build
from model_foundry.sessions.page import page as page_of
from model_foundry_tests.e2e.conftest import Shot
from model_foundry_tests.unit.test_session_turns import session as session_of

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<!-- %%script%% \u2028 ${1} &lt;"
)
NODES, EDGES, WORKERS = 702, 584, 6

COLOURS_DRAWN = """() => {
  const canvas = document.getElementById("canvas"), seen = new Set();
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(data.slice(i, i + 3).join());
  return seen.size;
}"""


def article_session(text: str | None = None) -> Session:
    """An orchestrator, six workers in rounds, their calls; some nodes without an edge.

    `text`: every text in it.
    """
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    chats: list[dict[str, Any]] = []

    def row(number: int, moment: datetime) -> dict[str, Any]:
        return {
            "event_id": f"e{number}",
            "item_no": 0,
            "causation_id": None,
            "occurred_at": moment,
        }

    def node(node_id: str, kind: str, begin: float, end: float, slot: str | None = None) -> None:
        started, ended = START + timedelta(seconds=begin), START + timedelta(seconds=end)
        nodes.append(
            row(len(nodes), ended)
            | {"node_id": node_id, "node_type": kind, "node_name": text or node_id, "slot": slot,
               "request_model": "gemma-4-31b-it",
               "status": "error" if len(nodes) % 97 == 9 else "done",
               "started_at": started, "ended_at": ended}
        )  # fmt: skip

    def edge(source: str, target: str) -> None:
        edges.append(
            row(len(edges), START)
            | {"source_node_id": source, "target_node_id": target, "edge_type": "calls"}
        )

    node("task", "message", 0, 0)
    node("orchestrator", "orchestrator", 0, 400, "naughty")
    edge("task", "orchestrator")
    number = tool_edges = 0
    rounds = math.ceil((NODES - 2) / 28)
    while len(nodes) < NODES:
        worker = f"worker-{number % WORKERS}-{number // WORKERS}"
        begin = 5 + 100 * (number // WORKERS)
        node(worker, "worker", begin, begin + 60 + 5 * (number % WORKERS), "kindergarten")
        edge("orchestrator", worker)
        chats.append(
            row(number, START + timedelta(seconds=begin + 40))
            | {"event_id": f"c{number}", "causation_id": nodes[-1]["event_id"], "role": "worker",
               "slot": "kindergarten",
               "response_model": "m", "request_model": "m", "total_ms": 20_000.0, "ttft_ms": None,
               "input_tokens": 900, "output_tokens": 120, "finish_reason": "stop",
               "user_text": text, "response_text": text, "reasoning_text": None,
               "tool_call_count": 0}
        )  # fmt: skip
        for call in range(min(27, NODES - len(nodes))):
            tool = f"tool:{number}-{call}"
            node(tool, "tool", begin + 2 * call, begin + 2 * call + 1)
            if tool_edges < EDGES - 1 - rounds - 2:
                edge(worker, tool)
                tool_edges += 1
        number += 1
    edge(f"worker-{(number - 1) % WORKERS}-{(number - 1) // WORKERS}", "orchestrator")
    edge("orchestrator", "nobody knows this one")
    inbox = [{"event_id": one["event_id"], "causation_id": None} for one in chats]
    summary = {
        "span_s": 400.0, "critical_path_s": 400.0, "events": 1300, "nodes": NODES, "edges": EDGES,
        "chats": len(chats), "tool_calls": 600, "tool_errors": 7, "input_tokens": 90_000,
        "output_tokens": 12_000, "slots": ["kindergarten", "naughty"], "max_parallel_chats": 6,
        "mean_parallel_chats": 3.5, "jobs": 0,
    }  # fmt: skip
    agreement = [
        {"worker": text, "slots": ["kindergarten"], "told": 2, "kept": 1, "kept_share": 0.5,
         "ignored_decisions": [text], "differing_settings": [], "introduced_terms": [text],
         "overlap_with_others": None}
    ]  # fmt: skip
    tables = {
        "event_inbox": inbox, "llm_chat": chats, "llm_tool_call": [], "llm_flow_node": nodes,
        "llm_flow_edge": edges, "obsidian_semantic_search": [], "inference_result": [],
    }  # fmt: skip
    return build(text or "a-long-night", ["2026-11-20"], summary, agreement, tables)


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test on any script error, and has no network."""
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith("file:") else wrong.append(asked.url),
    )
    yield page
    page.close()
    assert wrong == []


def opened(page: Page, session: Session, tmp_path: Path) -> Page:
    file = tmp_path / "session.html"
    file.write_text(page_of(session), encoding="utf-8")
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready-ms]", state="attached", timeout=20_000)
    return page


def test_seven_hundred_nodes_are_laid_out_within_a_second(
    browser_page: Page, tmp_path: Path, shot: Shot
) -> None:
    session = article_session()
    assert (len(session.nodes), len(session.edges)) == (NODES, EDGES)
    page = opened(browser_page, session, tmp_path)
    assert float(page.locator("html").get_attribute("data-layout-ms") or "inf") < 1_000
    shot(page, "trace-graph")
    assert page.evaluate(COLOURS_DRAWN) > 5
    canvas = page.locator("canvas")
    canvas.hover(position={"x": 300, "y": 400})
    for _ in range(8):
        page.mouse.wheel(0, -400)
    page.mouse.down()
    page.mouse.move(500, 500)
    page.mouse.up()
    page.get_by_role("button", name="Timeline").click()
    page.get_by_placeholder("Find a node").fill("worker")
    canvas.click(position={"x": 100, "y": 30 + 24 + 12})
    page.get_by_text("gemma-4-31b-it").wait_for()
    page.get_by_placeholder("Find a node").fill("")
    shot(page, "trace-timeline")


def test_texts_stay_texts(browser_page: Page, tmp_path: Path) -> None:
    page = opened(browser_page, article_session(HOSTILE), tmp_path)
    assert page.title() == f"Session {HOSTILE}"
    assert page.locator("h1").text_content() == f"Session {HOSTILE}"
    assert page.locator("script").count() == 2
    page.get_by_role("button", name="Agreement").click()
    assert page.locator("#table td").first.text_content() == HOSTILE
    page.get_by_role("button", name="Timeline").click()
    page.locator("canvas").click(position={"x": 100, "y": 30 + 2 * 24 + 12})
    assert page.locator("#detail pre").first.text_content() == HOSTILE
    assert page.locator("img").count() == 0


def test_a_session_without_nodes_has_a_page(browser_page: Page, tmp_path: Path) -> None:
    session = article_session()
    empty = build("empty", [], session.summary, [], {name: [] for name in (
        "event_inbox", "llm_chat", "llm_tool_call", "llm_flow_node", "llm_flow_edge",
        "obsidian_semantic_search", "inference_result",
    )})  # fmt: skip
    page = opened(browser_page, empty, tmp_path)
    page.get_by_role("button", name="Jobs").click()
    page.get_by_role("button", name="Turns").click()
    assert page.locator("#table").text_content() == ""


def test_a_session_without_lineage_shows_its_turns_in_order(
    browser_page: Page, tmp_path: Path
) -> None:
    told = [("chat-1", 1, None), ("call-1", 1, "chat-1"), ("search", 2, None), ("chat-2", 3, None),
            ("call-2", 5, "chat-2"), ("chat-3", 4, None)]  # fmt: skip
    one = session_of(told)
    one = msgspec.structs.replace(one, summary=article_session().summary)
    page = opened(browser_page, one, tmp_path)
    titles = page.locator("#table > h3").all_text_contents()
    assert titles == ["Chat", "Tool call: ?", "Search: 0 hits", "Chat", "Chat", "Tool call: ?"]
    assert page.locator("#table > h3").first.is_visible()
    for name in ("Graph", "Timeline", "Fit"):
        assert not page.get_by_role("button", name=name).is_visible()
    assert not page.locator("#detail").is_visible()
