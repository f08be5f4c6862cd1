"""Chats of every shape: which rows they make, and that what reads the rows counts exchanges."""

import asyncio
import json
from datetime import date
from typing import Any

from model_foundry.intake.drain import drain
from model_foundry.postgres import flat
from model_foundry.postgres.flatten_sql import flatten_names, flatten_sql
from model_foundry.settings import Settings
from model_foundry.summaries.views import open_views
from model_foundry_tests.corpora import cases, columns_said
from model_foundry_tests.foundry import checks_of, materialize
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value

DAY = "2026-11-20"
SUBJECT = "llm.chat.persist"
CASES = {case.id: case for case in cases("chats")}
FAMILIES = {
    *("familiar", "openai_chat", "openai_responses", "text_completion", "openai_chunks"),
    *("anthropic", "ollama", "gemini", "litellm", "langfuse", "opentelemetry", "sharegpt"),
    *("bedrock", "cohere"),
}


def land(settings: Settings, *events: Any) -> None:
    publish(settings, events)
    asyncio.run(drain(settings))


def test_the_corpus_has_every_family() -> None:
    assert {case.family for case in CASES.values()} == FAMILIES | {"unknown"}
    assert len(CASES) + len(list(cases("tool_calls"))) >= 80


def test_each_payload_makes_exactly_its_rows(settings: Settings) -> None:
    land(settings, *(event(SUBJECT, case.payload, event_id=name) for name, case in CASES.items()))
    result = materialize(settings, "llm_chat", day=DAY)
    assert all(check.passed for check in checks_of(result) if check.check_name != "shapes_known")
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    for row in rows(settings, "SELECT * FROM llm_chat ORDER BY event_id, choice_no"):
        made[row["event_id"]].append(columns_said(row))
    # Both ways: no column is missing, and none says what the file does not.
    wrong = {name: made[name] for name, case in CASES.items() if made[name] != case.rows}
    assert wrong == {}
    for name, case in CASES.items():
        shapes = {row["shape"] for row in made[name]}
        assert case.family == "familiar" or shapes == {case.family}, name


def test_a_payload_may_be_text_that_holds_it(settings: Settings) -> None:
    wrapped = {
        name: json.dumps(case.payload)
        for name, case in CASES.items()
        if isinstance(case.payload, dict | list)
    }
    land(settings, *(event(SUBJECT, body, event_id=name) for name, body in wrapped.items()))
    materialize(settings, "llm_chat", day=DAY)
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in wrapped}
    for row in rows(settings, "SELECT * FROM llm_chat ORDER BY event_id, choice_no"):
        made[row["event_id"]].append(columns_said(row))
    assert {name: made[name] for name in wrapped if made[name] != CASES[name].rows} == {}


def test_what_nobody_can_read_is_counted(settings: Settings) -> None:
    land(
        settings,
        event(SUBJECT, CASES["openai_chat/pair"].payload),
        event(SUBJECT, {"dialogue": "Hello."}, event_id="odd"),
    )
    result = materialize(settings, "llm_chat", day=DAY)
    [check] = [check for check in checks_of(result) if check.check_name == "shapes_known"]
    assert not check.passed
    assert "1 of 2" in str(check.description)
    assert "odd" in str(check.description)
    assert check.metadata["unknown_rows"].value == 1
    assert result.success  # a warning: what comes after goes on


def test_choices_are_counted_and_none_may_be_missing(settings: Settings) -> None:
    land(settings, event(SUBJECT, CASES["openai_chat/three_choices"].payload, event_id="three"))
    materialize(settings, "llm_chat", day=DAY)
    with connection_to(settings) as connection:
        account = flat.account(connection, "llm_chat", date.fromisoformat(DAY))
        assert account.agrees
        assert (account.inbox_events, account.flat_rows) == (1, 3)
    execute(settings, "DELETE FROM llm_chat WHERE choice_no = 1")
    with connection_to(settings) as connection:
        assert flat.account(connection, "llm_chat", date.fromisoformat(DAY)).missing_events == 1


def test_more_choices_than_any_api_gives_are_no_rows(settings: Settings) -> None:
    choices = [{"message": {"content": str(number)}} for number in range(1000)]
    land(settings, event(SUBJECT, {"response": {"choices": choices}}))
    result = materialize(settings, "llm_chat", day=DAY)
    assert all(check.passed for check in checks_of(result))
    assert value(settings, "SELECT count(*) FROM llm_chat") == 128


def test_three_choices_are_one_chat(settings: Settings) -> None:
    """Tokens, times and turns of an exchange count once in everything that reads it."""
    payload = CASES["openai_chat/three_choices"].payload | {"slot": "naughty", "role": "worker"}
    land(settings, event(SUBJECT, payload, correlation_id="s"))
    materialize(
        settings,
        *("llm_chat", "llm_tool_call", "llm_flow_node", "llm_flow_edge"),
        *("obsidian_semantic_search", "daily_chats", "daily_slot_throughput", "daily_slot_load"),
        *("session_summary", "session_agreement"),
        day=DAY,
    )
    with open_views(settings) as lake:
        sums = ", ".join(
            f"sum({column})"
            for column in ("turns", "choices", "messages", "input_tokens", "output_tokens")
        )
        [chats] = lake.sql(f"SELECT {sums} FROM daily_chats").fetchall()
        assert chats == (1, 3, 1, 9, 30)
        [throughput] = lake.sql(
            "SELECT requests, input_tokens, output_tokens FROM daily_slot_throughput"
        ).fetchall()
        assert throughput == (1, 9, 30)
        loads = lake.sql("SELECT sum(requests) FROM daily_slot_load").fetchall()
        assert loads == [(1,)]
        [session] = lake.sql("SELECT chats, cut_chats, input_tokens FROM session_summary") \
            .fetchall()  # fmt: skip
        assert session == (1, 0, 9)


def test_a_familys_file_is_part_of_the_statement() -> None:
    for table in ("llm_chat", "llm_tool_call"):
        names = flatten_names(table)
        assert len(names) > 4
        assert "%(readings)s" not in flatten_sql(table)
    assert flatten_names("llm_request") == ("postgres/flatten/llm_request",)


def test_rows_from_before_are_kept_and_rebuilt(settings: Settings) -> None:
    """A row as an earlier version left it has no shape until its day is rebuilt."""
    land(settings, event(SUBJECT, CASES["anthropic/pair"].payload, event_id="old"))
    with connection_to(settings) as connection:
        connection.execute("SELECT ensure_day_partition('llm_chat', %s)", (DAY,))
        connection.execute(
            "INSERT INTO llm_chat (event_id, occurred_at, occurred_on, message_count, "
            "tool_call_count, messages, batch_id) VALUES ('old', %s, %s, 0, 0, '[]', 1)",
            (f"{DAY} 12:00Z", DAY),
        )
        connection.execute(
            "INSERT INTO flat_batch SELECT 'llm_chat', occurred_on, batch_id FROM intake_batch_day"
        )
        connection.commit()
        assert flat.account(connection, "llm_chat", date.fromisoformat(DAY)).agrees
    assert value(settings, "SELECT shape FROM llm_chat") is None
    materialize(settings, "llm_chat", day=DAY)
    assert value(settings, "SELECT shape FROM llm_chat") == "anthropic"
