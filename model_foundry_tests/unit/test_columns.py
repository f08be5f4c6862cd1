"""Where the columns of a summary come from, whatever it reads besides tables."""

import pytest

from model_foundry.summaries.columns import column_sources
from model_foundry.summaries.compute import SUMMARIES, input_tables, shipped
from model_foundry_tests.unit.test_summary_sql import SCHEMAS

SCHEMA = {"llm_tool_call": {"occurred_on": "DATE", "tool_name": "VARCHAR", "duration_ms": "DOUBLE"}}


@pytest.mark.parametrize("function", ["range(5)", "slot_rates($slots)", "unnest([1, 2])"])
def test_what_a_function_makes_comes_from_no_table(function: str) -> None:
    statement = f"""
        SELECT call.tool_name, sum(call.duration_ms) AS total_ms, count(made.*) AS n
        FROM llm_tool_call AS call CROSS JOIN {function} AS made
        WHERE call.occurred_on = $day GROUP BY 1
    """
    found = column_sources(statement, SCHEMA)
    assert found["tool_name"] == [("llm_tool_call", "tool_name")]
    assert found["total_ms"] == [("llm_tool_call", "duration_ms")]
    assert found["n"] == []


@pytest.mark.parametrize(
    "name", [name for name in SUMMARIES if {*input_tables(shipped(name))} <= SCHEMAS.keys()]
)
def test_every_summary_says_of_which_of_its_tables_it_is(name: str) -> None:
    summary = shipped(name)
    tables = set(input_tables(summary))
    schema = {
        table: {"occurred_on": "DATE", **dict.fromkeys(SCHEMAS[table], "VARCHAR")}
        for table in tables
    }
    found = column_sources(summary.statement, schema)
    assert {table for sources in found.values() for table, _ in sources} <= tables
    assert any(found.values())
