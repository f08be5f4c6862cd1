"""What familiar asks its slots, what a tool call comes to, and who gets a place."""

import asyncio
import json
from typing import Any

import pytest

from model_foundry.devstack.familiar import prompts, tools
from model_foundry.devstack.familiar.slots import Connection, Slots
from model_foundry.devstack.familiar.vault import Vault
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings

VAULT = Vault(
    {
        "gpu/heat.md": "# Heat\n\nThe fans run at full speed in summer.",
        "nats/restart.md": "# Restart\n\nStop the intake first, then the server.",
    }
)


def tool_call(name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": "call-1",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def test_a_definition_is_a_json_schema_with_its_bounds() -> None:
    function = tools.definition("search_notes")["function"]
    assert function["name"] == "search_notes"
    assert function["description"] == "Search the notes."
    assert function["parameters"] == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 80},
            "top_k": {"type": "integer", "minimum": 1, "maximum": 3},
        },
        "required": ["query", "top_k"],
    }


def test_search_notes() -> None:
    arguments = {"query": "fan speed", "top_k": 2}
    outcome = tools.call(VAULT, tool_call("search_notes", json.dumps(arguments)))
    assert outcome.arguments == arguments
    assert outcome.error_type is None
    assert outcome.result == {
        "notes": [{"path": "gpu/heat.md", "text": "The fans run at full speed in summer."}]
    }
    assert outcome.text == "gpu/heat.md: The fans run at full speed in summer."
    assert outcome.notes == ["The fans run at full speed in summer."]
    assert outcome.search is not None
    assert [hit.path for hit in outcome.search.hits] == ["gpu/heat.md"]
    assert outcome.duration_ms >= outcome.search.duration_ms > 0


def test_a_search_that_finds_nothing_is_no_error() -> None:
    outcome = tools.call(VAULT, tool_call("search_notes", '{"query": "curry", "top_k": 1}'))
    assert outcome.error_type is None
    assert outcome.notes == []
    assert outcome.text == "Nothing was found."


def test_read_note() -> None:
    outcome = tools.call(VAULT, tool_call("read_note", '{"path": "nats/restart.md"}'))
    assert outcome.error_type is None
    assert outcome.search is None
    assert outcome.text == VAULT.read("nats/restart.md")
    assert outcome.notes == [outcome.text]


def test_a_long_note_is_cut() -> None:
    vault = Vault({"long.md": "# Long\n\n" + "words " * 200})
    outcome = tools.call(vault, tool_call("read_note", '{"path": "long.md"}'))
    assert len(outcome.text) == tools.NOTE_MAX_CHARS


@pytest.mark.parametrize(
    ("name", "arguments", "error_type"),
    [
        ("read_note", '{"path": "nats/none.md"}', "note_not_found"),
        ("read_note", '{"note": "nats/restart.md"}', "invalid_arguments"),
        ("search_notes", '{"query": "fan", "top_k": 50}', "invalid_arguments"),
        ("search_notes", '{"query": "netgen-c-11.netgen', "invalid_arguments"),
        ("search_notes", "", "invalid_arguments"),
        ("delete_note", '{"path": "nats/restart.md"}', "unknown_tool"),
    ],
)
def test_what_a_model_asks_wrongly(name: str, arguments: str, error_type: str) -> None:
    outcome = tools.call(VAULT, tool_call(name, arguments))
    assert outcome.error_type == error_type
    assert outcome.text == outcome.result["error"] != ""
    assert outcome.notes == []
    assert outcome.search is None


def test_arguments_that_are_no_json_stay_as_the_model_wrote_them() -> None:
    assert tools.call(VAULT, tool_call("read_note", '{"path')).arguments == '{"path'


@pytest.mark.parametrize(
    ("plan", "lookups"),
    [
        ("1. One.\n2. Two.\n3. Three.", ["One.", "Two.", "Three."]),
        (" 1) One.\n\n2) Two.\n3) Three.\n4) Four.", ["One.", "Two.", "Three."]),
        ("1. One.\nand more\n2.", ["One.", "task", "task"]),
        ("The GPU has cores.", ["task", "task", "task"]),
        ("", ["task", "task", "task"]),
    ],
)
def test_each_worker_gets_a_lookup(plan: str, lookups: list[str]) -> None:
    assert prompts.lookups(plan, "task") == lookups


def test_requests_share_their_beginning_and_are_bounded() -> None:
    one = prompts.tool_use("search_notes", [{"role": "user", "content": "one"}], seed=1)
    two = prompts.tool_use("search_notes", [{"role": "user", "content": "two"}], seed=2)
    assert one["messages"][:-1] == two["messages"][:-1]
    assert one["tool_choice"] == "required"
    bodies = [one, prompts.plan("t", 1), prompts.finding("l", [], 1), prompts.answer("t", [], 1)]
    assert all(40 <= body["max_tokens"] <= 120 for body in bodies)


def test_examples_are_whole_conversations() -> None:
    for name in tools.ARGUMENTS:
        messages = prompts.tool_use(name, [], seed=1)["messages"]
        called = [call["id"] for message in messages for call in message.get("tool_calls", [])]
        returned = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
        assert called == returned != []


def test_notes_are_one_line_each() -> None:
    body = prompts.finding("Look it up.", ["# A\n\ntext of a", "text of b"], seed=1)
    assert body["messages"][0]["content"].splitlines()[1:] == ["- # A text of a", "- text of b"]
    assert body["messages"][1] == {"role": "user", "content": "Look it up."}


def connection(name: str, parallel: int, settings: Settings) -> Connection:
    slot = Slot(
        name=name,
        roles=("worker",),
        runtime="llama.cpp",
        endpoint="http://127.0.0.1:9",
        model="m",
        licence="Apache-2.0",
        parallel=parallel,
        context_tokens=512,
    )
    return Connection(slot, {}, settings)


async def test_places_are_spread_and_never_more_than_a_slot_has(unused_settings: Settings) -> None:
    connections = {
        name: connection(name, parallel, unused_settings)
        for name, parallel in (("naughty", 3), ("kindergarten", 2))
    }
    slots = Slots(connections, {"worker": list(connections)})
    taken: list[str] = []
    inside = most = 0
    full, leave = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        nonlocal inside, most
        async with slots.place("worker") as place:
            taken.append(place.slot.name)
            inside += 1
            most = max(most, inside)
            if inside == 5:
                full.set()
            await leave.wait()
            inside -= 1

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(work())
        await full.wait()
        assert taken[:3] == ["naughty", "kindergarten", "naughty"]
        assert (taken.count("naughty"), taken.count("kindergarten")) == (3, 2)
        leave.set()
    assert len(taken) == 12
    assert most == 5
    for each in connections.values():
        await each.close()


@pytest.fixture
def unused_settings(tmp_path: Any) -> Settings:
    return Settings(home=tmp_path)
