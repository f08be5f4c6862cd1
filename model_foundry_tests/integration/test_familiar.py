"""familiar on real slots and a real NATS: one Japanese and one English session, read back."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from nats.js import JetStreamContext

from model_foundry.devstack.familiar.orchestrator import Step, TrafficReport, run_sessions
from model_foundry.devstack.familiar.publish import FAMILIAR, Journal, Publisher
from model_foundry.devstack.familiar.tasks import tasks
from model_foundry.devstack.familiar.tools import NOTE_MAX_CHARS
from model_foundry.devstack.familiar.vault import Vault
from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.processes import free_port
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Event, Message, Rules, read_event
from model_foundry.events.subjects import CHAT, FLOW, SEARCH, STREAM_SUBJECTS, TOOL_CALL
from model_foundry.intake import jetstream
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots

SEED = 1
STREAM = "familiar"
# `occurred_at` is cut to milliseconds: a request seems to start before the one that it follows.
CLOCK_MS = 2
VAULT = Vault.packaged()


class Published(NamedTuple):
    event: Event
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.event.payload)
        return payload


class Traffic(NamedTuple):
    report: TrafficReport
    steps: list[Step]
    published: list[Published]
    read_tokens: dict[str, int]
    written_tokens: dict[str, int]

    def of(self, subject: str) -> list[Published]:
        return [one for one in self.published if one.event.subject == subject]

    def session(self, number: int) -> list[Published]:
        wanted = self.report.correlation_ids[number]
        return [one for one in self.published if one.event.correlation_id == wanted]


def traffic_settings(home: Path, nats_url: str) -> Settings:
    return Settings.model_validate(
        {
            "home": home,
            "nats_url": nats_url,
            "nats_stream": STREAM,
            "fleet": data_path("fleets") / "embedded.yaml",
            "profile": "standard",
        }
    )


def slot_variable(name: str) -> str:
    return f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL"


def counters(slots: EmbeddedSlots, name: str) -> dict[str, int]:
    """A counter of each slot's server: `tokens_predicted_total` and the like."""
    found = {}
    for slot in slots:
        text = httpx.get(f"{slots[slot].url}/metrics", trust_env=False).text
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        found[slot] = int(float(next(v for key, v in lines if key == f"llamacpp:{name}")))
    return found


async def stored(stream: JetStreamContext) -> list[Published]:
    info = await stream.stream_info(STREAM)
    found = []
    for seq in range(1, info.state.last_seq + 1):
        raw = await stream.get_msg(STREAM, seq)
        assert raw.subject is not None
        assert raw.data is not None
        received = raw.time or datetime.now(UTC)
        message = Message(raw.subject, raw.data, raw.headers, STREAM, seq, received)
        event = read_event(message, Rules(max_bytes=1024 * 1024))
        found.append(Published(event, dict(raw.headers or {}), json.loads(raw.data)))
    return found


async def hold(settings: Settings, steps: list[Step]) -> tuple[TrafficReport, list[Published]]:
    client = await jetstream.connect(settings)
    stream = client.jetstream()
    await stream.add_stream(name=STREAM, subjects=list(STREAM_SUBJECTS))
    try:
        report = await run_sessions(settings, sessions=2, seed=SEED, on_step=steps.append)
        return report, await stored(stream)
    finally:
        await stream.delete_stream(STREAM)
        await client.close()


@pytest.fixture(scope="module")
def traffic(
    nats_server: NatsServer,
    slot_servers: EmbeddedSlots,
    tmp_path_factory: pytest.TempPathFactory,
) -> Traffic:
    steps: list[Step] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in slot_servers:
            patch.setenv(slot_variable(name), slot_servers[name].url)
        settings = traffic_settings(tmp_path_factory.mktemp("home"), nats_server.url)
        names = ("prompt_tokens_total", "tokens_predicted_total")
        before = [counters(slot_servers, name) for name in names]
        report, published = asyncio.run(hold(settings, steps))
        after = [counters(slot_servers, name) for name in names]
    spent = [
        {slot: later[slot] - earlier[slot] for slot in later}
        for earlier, later in zip(before, after, strict=True)
    ]
    return Traffic(report, steps, published, *spent)


def test_the_stream_holds_what_the_report_says(traffic: Traffic) -> None:
    assert traffic.report.sessions == 2
    assert traffic.report.events == Counter(
        one.event.published_subject for one in traffic.published
    )
    assert {one.event.subject for one in traffic.published} == {CHAT, TOOL_CALL, FLOW, SEARCH}
    assert json.loads(json.dumps(traffic.report.as_dict()))["events"] == traffic.report.events


def test_every_event_has_its_own_id_which_is_the_message_id(traffic: Traffic) -> None:
    identifiers = [one.event.event_id for one in traffic.published]
    assert len(set(identifiers)) == len(identifiers)
    assert [one.headers["Nats-Msg-Id"] for one in traffic.published] == identifiers
    assert all(one.event.has_own_id for one in traffic.published)
    assert not any(one.event.payload_repaired for one in traffic.published)


def test_a_session_is_one_correlation_id(traffic: Traffic) -> None:
    found = {one.event.correlation_id for one in traffic.published}
    assert found == set(traffic.report.correlation_ids)
    assert len(found) == 2
    for one in traffic.of(CHAT):
        assert one.payload["session_id"] == one.event.correlation_id


@pytest.mark.parametrize("number", [0, 1])
def test_every_event_but_the_first_has_a_cause_in_its_session(
    traffic: Traffic, number: int
) -> None:
    session = traffic.session(number)
    by_id = {one.event.event_id: one.event for one in session}
    roots = [one for one in session if one.event.causation_id is None]
    assert [root.event.subject for root in roots] == [FLOW]
    for one in session:
        event, passed = one.event, 0
        while event.causation_id is not None:
            cause = by_id[event.causation_id]
            assert cause.occurred_at <= event.occurred_at
            event, passed = cause, passed + 1
            assert passed < len(session)
        assert event.event_id == roots[0].event.event_id


@pytest.mark.parametrize("number", [0, 1])
def test_the_graph_of_a_session_is_connected(traffic: Traffic, number: int) -> None:
    nodes: dict[str, dict[str, Any]] = {}
    edges: dict[str, dict[str, Any]] = {}
    forms = set()
    for one in traffic.session(number):
        if one.event.subject == FLOW:
            payload = one.payload
            kind = payload.get("kind")
            forms.add(kind)
            for node in payload.get("nodes", [payload] if kind == "node" else []):
                nodes[node["node_id"]] = node
            for edge in payload.get("edges", [payload] if kind == "edge" else []):
                assert edge["edge_id"] not in edges
                edges[edge["edge_id"]] = edge
    assert forms == {None, "node", "edge"}
    reached = {"message:task"}
    for _ in nodes:
        for edge in edges.values():
            assert {edge["source"], edge["target"]} <= nodes.keys()
            if reached & {edge["source"], edge["target"]}:
                reached |= {edge["source"], edge["target"]}
    assert reached == nodes.keys()
    types = Counter(node["node_type"] for node in nodes.values())
    assert types["worker"] == 3
    assert types["tool"] >= 4
    assert types["translator"] == (1 if number == 0 else 0)
    assert {node["status"] for node in nodes.values()} <= {"done", "error"}
    assert all(node["ended_at"] >= node["started_at"] for node in nodes.values())


def test_tokens_are_those_that_the_servers_counted(traffic: Traffic) -> None:
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    total = 0
    for one in traffic.of(CHAT):
        payload, usage = one.payload, one.payload["usage"]
        read[payload["slot"]] += usage["prompt_tokens"] - usage["cached_tokens"]
        written[payload["slot"]] += usage["completion_tokens"]
        total += usage["prompt_tokens"]
    assert read == traffic.read_tokens
    assert written == traffic.written_tokens
    assert all(written.values())
    assert traffic.report.input_tokens == total
    assert traffic.report.output_tokens == written.total()


def test_a_chat_is_told_in_full(traffic: Traffic) -> None:
    for one in traffic.of(CHAT):
        payload = one.payload
        assert payload["provider"] == "llama.cpp"
        assert payload["response"]["finish_reason"] in ("stop", "length", "tool_calls")
        assert isinstance(payload["response"]["content"], str)
        assert payload["model"] == payload["response"]["model"]
        assert 0 < payload["parameters"]["max_tokens"] <= 120
        timings = payload["timings"]
        assert 0 < timings["ttft_ms"] < timings["duration_ms"]
        assert timings["prompt_per_second"] > 0
        assert timings["predicted_per_second"] > 0
    roles = Counter(one.payload["role"] for one in traffic.of(CHAT))
    assert roles == {"translator": 1, "orchestrator": 4, "worker": 14}


@pytest.mark.parametrize("number", [0, 1])
def test_three_workers_work_at_once_on_all_slots_of_the_role(traffic: Traffic, number: int) -> None:
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in traffic.session(number):
        if one.event.subject == CHAT and one.payload["role"] == "worker":
            started = one.event.occurred_at - timedelta(
                milliseconds=one.payload["timings"]["duration_ms"] - CLOCK_MS
            )
            spans.setdefault(one.payload["slot"], []).append((started, one.event.occurred_at))
    assert set(spans) == {"naughty", "kindergarten"}
    every = [span for found in spans.values() for span in found]
    most = max(sum(start <= moment < end for start, end in every) for moment, _ in every)
    assert most == 3


def test_a_japanese_task_is_translated_for_the_workers(traffic: Traffic) -> None:
    japanese, english = (task.text for task in tasks(2, SEED))
    translated = [one.payload for one in traffic.of(CHAT) if one.payload["role"] == "translator"]
    assert [payload["messages"] for payload in translated] == [
        [{"role": "user", "content": japanese}]
    ]
    answer = translated[0]["response"]
    assert answer["finish_reason"] == "stop"
    assert answer["content"].isascii()
    assert translated[0]["model"] == "gemma-3-270m"
    assert japanese in translated[0]["parameters"]["prompt"]
    asked = [one.payload["messages"][-1]["content"] for one in traffic.of(CHAT)]
    assert asked.count(answer["content"]) >= 2
    assert asked.count(english) >= 2


def test_old_names_and_cloudevents(traffic: Traffic) -> None:
    by_name = Counter(one.event.published_subject for one in traffic.published)
    assert by_name["knowledge.embedding"] >= 2
    assert by_name["knowledge.chat.persist"] == 6
    assert by_name["knowledge.tool_call"] >= 2
    assert by_name["obsidian.semantic_search"] == 2
    for one in traffic.published:
        assert one.body.get("subject", one.body.get("type")) == one.event.published_subject
    gateway = [one for one in traffic.published if one.event.source == "agent-gateway"]
    assert len(gateway) >= 2
    for one in gateway:
        assert one.body["specversion"] == "1.0"
        assert one.event.subject == TOOL_CALL
        assert one.event.event_id == f"agent-gateway#{one.body['id']}"
    searched_by = {one.event.source for one in traffic.of(SEARCH)}
    assert searched_by == {"familiar", "obsidian-search"}


def test_what_tools_returned_stands_in_the_vault(traffic: Traffic) -> None:
    chats = {one.event.event_id: one.payload for one in traffic.of(CHAT)}
    for one in traffic.of(TOOL_CALL):
        payload = one.payload
        [asked] = chats[payload["chat_event_id"]]["response"]["tool_calls"]
        assert payload["tool_call_id"] == asked["id"]
        assert payload["tool_name"] == asked["function"]["name"]
        assert payload["duration_ms"] > 0
        arguments, result = payload["arguments"], payload["result"]
        if payload["is_error"]:
            assert payload["error_type"] in ("note_not_found", "invalid_arguments")
            if payload["error_type"] == "note_not_found":
                assert arguments["path"] not in VAULT.paths
        elif payload["tool_name"] == "read_note":
            note = VAULT.read(arguments["path"])
            assert note is not None
            assert result == {"path": arguments["path"], "text": note[:NOTE_MAX_CHARS]}
        else:
            found = VAULT.search(arguments["query"], arguments["top_k"]).hits
            texts = [{"path": hit.path, "text": hit.chunk[:NOTE_MAX_CHARS]} for hit in found]
            assert result == {"notes": texts}


def test_searches_are_the_vaults_own(traffic: Traffic) -> None:
    asked = {one.payload["query"] for one in traffic.of(SEARCH)}
    assert {task.text for task in tasks(2, SEED)} <= asked
    for one in traffic.of(SEARCH):
        payload = one.payload
        assert (payload["vault"], payload["embedding_model"]) == ("homelab", "bm25")
        assert payload["duration_ms"] > 0
        found = VAULT.search(payload["query"], payload["top_k"])
        hits = [(hit["path"], hit["chunk"]) for hit in payload["results"]]
        assert hits == [(hit.path, hit.chunk) for hit in found.hits]
        scores = [hit["score"] for hit in payload["results"]]
        assert scores == pytest.approx([hit.score for hit in found.hits])


def test_steps_tell_what_happens(traffic: Traffic) -> None:
    first = [step for step in traffic.steps if step.session == 1]
    assert [step.action for step in first][:3] == ["task", "translation", "plan"]
    assert first[-1].action == "answer"
    actions = Counter(step.action for step in first)
    assert actions["finding"] == 3
    assert {step.who for step in first} >= {"user", "translator", "orchestrator", "worker-3"}
    assert str(first[1]).startswith("session 1 of 2: translator on translator, translation: ")
    assert sum(step.output_tokens for step in traffic.steps) == traffic.report.output_tokens


async def test_without_a_stream_the_error_names_server_and_subject(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = traffic_settings(tmp_path, nats_server.url)
    async with Publisher.connect(settings) as publisher:
        await Journal(publisher).record(FLOW, {"nodes": []}, cause=None, producer=FAMILIAR)
        with pytest.raises(FoundryError) as caught:
            await publisher.flush()
    assert nats_server.address in str(caught.value)
    assert "llm.flow.lineage" in str(caught.value)


async def publish_for_ever(journal: Journal) -> None:
    while True:
        await journal.record(CHAT, {}, cause=None)
        await asyncio.sleep(0)


async def test_a_publish_that_failed_stops_the_next_one(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = traffic_settings(tmp_path, nats_server.url)
    async with Publisher.connect(settings) as publisher:
        with pytest.raises(FoundryError, match=r"did not take an event on llm\.chat\.persist"):
            await asyncio.wait_for(publish_for_ever(Journal(publisher)), timeout=10)


async def test_nats_away(tmp_path: Path) -> None:
    settings = traffic_settings(tmp_path, f"nats://127.0.0.1:{free_port()}")
    with pytest.raises(FoundryError, match="cannot be reached"):
        await run_sessions(settings, sessions=1, seed=0)


async def test_a_slot_without_a_url(nats_server: NatsServer, tmp_path: Path) -> None:
    settings = traffic_settings(tmp_path, nats_server.url)
    with pytest.raises(FoundryError, match="MODEL_FOUNDRY_SLOT_NAUGHTY_URL is not set"):
        await run_sessions(settings, sessions=1, seed=0)


async def test_a_slot_that_is_away_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("naughty", "kindergarten", "translator"):
        monkeypatch.setenv(slot_variable(name), f"http://127.0.0.1:{free_port()}")
    client = await jetstream.connect(settings)
    try:
        await client.jetstream().add_stream(
            name=settings.nats_stream, subjects=list(STREAM_SUBJECTS)
        )
        with pytest.raises(FoundryError, match=r"slot translator at http://127\.0\.0\.1:\d+ did"):
            await run_sessions(settings, sessions=1, seed=0)
    finally:
        await client.close()
