"""`trace` on what familiar really does: real slots, real texts, through the whole line."""

import asyncio

import pytest

from model_foundry.devstack.familiar import run_sessions
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.integration.test_trace import run, summarize, summarized, traced
from model_foundry_tests.line import rows

__all__ = ["summarized"]


async def hold_one(settings: Settings) -> str:
    client = await jetstream.connect(settings)
    try:
        await configuration.ensure_consumer(client, settings)
    finally:
        await client.close()
    report = await run_sessions(settings, sessions=1, seed=1)
    return report.correlation_ids[0]


@pytest.mark.timeout(200)
def test_a_session_of_familiar(
    summarized: Settings, slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    fleet = {"fleet": data_path("fleets") / "embedded.yaml", "profile": "standard"}
    settings = summarized.model_copy(update=fleet)
    correlation_id = asyncio.run(hold_one(settings))
    asyncio.run(drain(settings))
    days = rows(settings, "SELECT DISTINCT occurred_on FROM event_inbox ORDER BY occurred_on")
    summarize(settings, *(str(day["occurred_on"]) for day in days))

    found = traced(correlation_id)
    nodes = {node["node_id"]: node for node in found["nodes"]}
    # Every chat has its node: planning and answering are the orchestrator's own.
    assert found["chats"] == []
    assert len(nodes["orchestrator"]["chats"]) == 2
    assert len(nodes["translator"]["chats"]) == 1
    assert [len(nodes[f"worker-{n}"]["chats"]) for n in (1, 2, 3)] == [2, 3, 2]
    assert all(
        node["parent"] == "orchestrator"
        for name, node in nodes.items()
        if name.startswith("worker-")
    )
    # The calls are where the graph says they were made.
    tools = [node for node in nodes.values() if node["node_type"] == "tool"]
    assert sum(len(node["tool_calls"]) for node in tools) == found["summary"]["tool_calls"] >= 4
    # The path leads from the task through the slowest worker to the answer.
    path = [stay["node_id"] for stay in found["critical_path"]]
    # The orchestrator may hand the task to the translator within its first millisecond.
    assert path[0] in {"orchestrator", "translator"}
    assert path[-1] == "orchestrator"
    assert "translator" in path
    assert any(name.startswith("worker-") for name in path)
    assert found["summary"]["critical_path_s"] == pytest.approx(found["summary"]["span_s"], rel=0.1)
    # Three workers; a chat that is told of late may seem to overlap the next by milliseconds.
    assert found["summary"]["max_parallel_chats"] in {3, 4}
    assert [worker["worker"] for worker in found["agreement"]] == [
        "worker-1",
        "worker-2",
        "worker-3",
    ]
    shown = run("trace", correlation_id).stdout
    assert "worker-2 worker on" in shown
    print(shown)
