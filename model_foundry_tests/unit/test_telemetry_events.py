"""The shape of telemetry events, familiar's among them, and what the live page makes of them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from model_foundry.devstack.familiar.live import Live
from model_foundry.exporter.board import Board, Event
from model_foundry.exporter.database import Gained
from model_foundry.telemetry import Sender, event

MOMENT = datetime(2026, 11, 20, 9, 30, 0, 123_456, tzinfo=UTC)


class Ear:
    """Hears what would be sent."""

    def __init__(self, *, texts: bool = False) -> None:
        self.texts = texts
        self.heard: list[dict[str, Any]] = []

    def tell(self, what: dict[str, Any]) -> None:
        self.heard.append(what)


def test_an_event_has_utc_milliseconds_and_leaves_out_what_is_not_known() -> None:
    tokyo = MOMENT.astimezone(timezone(timedelta(hours=9)))
    made = event("llm", correlation_id="s-1", service="familiar", ts=tokyo, slot="a", ttft_ms=None)
    assert made == {
        "event": "llm",
        "ts": "2026-11-20T09:30:00.123Z",
        "correlation_id": "s-1",
        "service": "familiar",
        "level": "info",
        "status": "ok",
        "slot": "a",
    }


def test_texts_are_cut_and_a_missing_session_has_a_name() -> None:
    made = event("log", correlation_id=None, service="model-foundry", message="x" * 5_000)
    assert made["correlation_id"] == "none"
    assert len(made["message"]) == 2_048


def chat(**changes: Any) -> dict[str, Any]:
    return {
        "slot": "naughty",
        "role": "worker",
        "model": "m",
        "provider": "llama.cpp",
        "messages": [{"role": "user", "content": "a secret question"}],
        "response": {"content": "a secret answer"},
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "cached_tokens": 8},
        "timings": {"ttft_ms": 5.0, "duration_ms": 50.0, "predicted_per_second": 40.0},
        **changes,
    }


@pytest.mark.parametrize("texts", [False, True])
def test_an_exchange_tells_its_texts_only_where_that_is_switched_on(texts: bool) -> None:
    ear = Ear(texts=texts)
    Live(cast(Sender, ear), "s-1").tell("llm.chat.persist", chat(), MOMENT)
    [told] = ear.heard
    assert told["correlation_id"] == "s-1"
    assert (told["slot"], told["backend"]) == ("naughty", "llama.cpp")
    assert (told["prompt_tokens"], told["completion_tokens"], told["ttft_ms"]) == (12, 3, 5.0)
    assert (told["cached_tokens"], told["tg_tokens_per_s"]) == (8, 40.0)
    assert ("secret" in str(told)) is texts


def test_names_of_nodes_stay_few() -> None:
    ear = Ear()
    live = Live(cast(Sender, ear), "s-1")
    tool = {
        "node_id": "tool:call-81",
        "node_type": "tool",
        "name": "search_notes",
        "status": "error",
        "started_at": "2026-11-20T09:30:00.000Z",
        "ended_at": "2026-11-20T09:30:01.500Z",
    }
    note = {"node_id": "note:gpu/a.md", "node_type": "note", "name": "gpu/a.md", "status": "done"}
    live.tell("llm.flow.lineage", {"kind": "node", **tool}, MOMENT)
    edge = {"source": "worker-1", "target": "tool:call-81"}
    live.tell("llm.flow.lineage", {"kind": "edge", **edge}, MOMENT)
    related = {"source": "note:gpu/a.md", "target": "message:task"}
    live.tell("llm.flow.lineage", {"nodes": [note], "edges": [related]}, MOMENT)
    called, calls, _, relates = ear.heard
    assert (called["node"], called["status"], called["state"]) == (
        "tool:search_notes",
        "error",
        "error",
    )
    assert called["duration_ms"] == 1_500
    assert (calls["source"], calls["target"]) == ("worker-1", "tool:search_notes")
    assert (relates["source"], relates["target"]) == ("note", "message:task")


def test_the_board_forgets_the_oldest_and_weighs_speeds_by_tokens() -> None:
    board = Board(events=3)
    slow = Event("llm", "s", status="ok", slot="a", completion_tokens=10, tg_tokens_per_s=10.0)
    fast = Event("llm", "s", status="error", slot="a", completion_tokens=90, tg_tokens_per_s=90.0)
    board.add([Event("llm", "forgotten", slot="b"), slow, fast, Event("node", "s", node="n")])
    assert set(board.slots()) == {"a"}
    assert board.slots()["a"]["tg"] == pytest.approx(50.0)
    assert board.slots()["a"]["errors"] == 1
    [session] = board.sessions()
    assert (session["events"], session["requests"], session["tokens"]) == (3, 2, 100)


def test_the_board_counts_what_was_read_of_a_prompt_and_who_measured() -> None:
    board = Board(events=100)
    whole = Event(
        "llm", "s", slot="a", prompt_tokens=3_000, pp_tokens_per_s=3_000.0, timing_source="server"
    )
    known = Event(
        *("llm", "s"),
        slot="a",
        prompt_tokens=3_000,
        cached_tokens=2_950,
        pp_tokens_per_s=500.0,
        timing_source="server",
    )
    board.add([whole, *[known] * 9])
    assert board.slots()["a"]["pp"] == pytest.approx(3_450 / 1.9)  # not 30,000 / 55
    assert board.slots()["a"]["pp_source"] == "server"
    board.add([Event("llm", "s", slot="b", prompt_tokens=9, pp_tokens_per_s=3.0)])
    assert board.slots()["b"]["pp_source"] is None


def test_the_board_knows_which_nodes_run_now() -> None:
    board = Board(events=10)
    running = Event("node", "s", node="worker-1", state="running", slot="a")
    board.add([running, Event("node", "s", node="worker-2", state="running", slot="a")])
    board.add([Event("node", "s", node="worker-2", state="done", slot="a")])
    assert board.working() == {"a": 1}


def test_sums_count_late_rows_once_and_never_fall() -> None:
    gained = Gained()
    key = ("results", "a")
    gained.add({(100, key): 5})  # was there before
    gained.add({(100, key): 5, (101, key): 2})
    gained.add({(100, key): 6, (101, key): 2})  # one committed late
    gained.add({(100, key): 3, (101, key): 2})  # some were asked again, and moved on
    gained.add({(100, key): 6, (101, key): 2, (102, key): 1})
    assert gained.sums[key] == 4
