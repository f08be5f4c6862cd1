"""Tool calls of every shape: which row each makes."""

import asyncio

from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.corpora import cases, columns_said
from model_foundry_tests.foundry import checks_of, materialize
from model_foundry_tests.line import event, publish, rows

DAY = "2026-11-20"
CASES = {case.id: case for case in cases("tool_calls")}


def test_the_corpus_has_every_family() -> None:
    assert {case.family for case in CASES.values()} == {
        *("familiar", "openai", "anthropic", "mcp", "opentelemetry", "gemini", "bedrock"),
        "unknown",
    }


def test_each_payload_makes_exactly_its_row(settings: Settings) -> None:
    publish(
        settings,
        [event("llm.tool_call", case.payload, event_id=name) for name, case in CASES.items()],
    )
    asyncio.run(drain(settings))
    result = materialize(settings, "llm_tool_call", day=DAY)
    assert all(check.passed for check in checks_of(result) if check.check_name != "shapes_known")
    made = {
        row["event_id"]: [columns_said(row)]
        for row in rows(settings, "SELECT * FROM llm_tool_call")
    }
    assert {name: made[name] for name, case in CASES.items() if made[name] != case.rows} == {}
    for name, case in CASES.items():
        assert made[name][0]["shape"] == case.family, name
