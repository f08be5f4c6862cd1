"""Poison among good events, through `make dev`: the summaries are whole, the poison is listed."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_foundry_tests.dev import COMMAND, Dev, running_dev, wait_for
from model_foundry_tests.line import Raw, event, execute

POISON = 50
SUMMARIZED_S = 180.0
NOW = datetime.now(UTC)
CALLS = "SELECT sum(calls) FROM daily_tool_calls WHERE day = ?"
EVENTS = "SELECT sum(events) FROM daily_events WHERE day = ? AND subject = 'llm.tool_call'"


def calls(count: int) -> Iterator[Raw]:
    """So many tool calls, among which some lie that the table will not take."""
    poison = {number * count // POISON for number in range(POISON)}
    for number in range(count):
        name = "poison" if number in poison else "search"
        yield event(payload={"tool_name": name}, event_id=f"{name}-{number}", occurred_at=NOW)


@pytest.mark.timeout(600)
def test_the_summaries_are_whole_and_the_poison_is_listed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count: int = request.config.getoption("--poisoned-events")
    with running_dev(tmp_path, killed="dagster-daemon") as dev:
        forbidden = "ADD CONSTRAINT poison CHECK (tool_name <> 'poison')"
        execute(dev.settings, f"ALTER TABLE llm_tool_call {forbidden}")
        dev.publish(*calls(count))
        published = time.monotonic()
        day = NOW.date().isoformat()
        expected = [(count - POISON,)], [(count,)]
        wait_for(
            lambda: (dev.query(CALLS, day), dev.query(EVENTS, day)) == expected,
            seconds=SUMMARIZED_S,
            name="the summaries",
        )
        print(f"whole after {time.monotonic() - published:.1f} s")  # shown by -rP
        listed = quarantine(dev, "list", "--table", "llm_tool_call", "--limit", "100", "--json")
        found = [json.loads(line) for line in listed.splitlines()]
        assert len(found) == POISON
        for item in found:
            assert item["event_id"].startswith("poison-")
            assert item["reason"] == "check_violation"
            assert 'violates check constraint "poison"' in item["detail"]
        execute(dev.settings, "ALTER TABLE llm_tool_call DROP CONSTRAINT poison")
        assert f"{POISON} have their rows now" in quarantine(dev, "replay", "--all")
        wait_for(
            lambda: dev.query(CALLS, day) == [(count,)],
            seconds=SUMMARIZED_S,
            name="the summaries of what was replayed",
        )


def quarantine(dev: Dev, *arguments: str) -> str:
    """What the command says."""
    command = [str(COMMAND), "quarantine", *arguments]
    done = subprocess.run(
        command, env=dev.environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout
