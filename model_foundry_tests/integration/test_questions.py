"""Named questions over an empty lake, one of a file each, one of several: the rows they give."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.postgres.flat import FLAT_TABLES, flatten_day
from model_foundry.settings import Settings
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.query import QUESTIONS, ask_question
from model_foundry_tests.integration.test_summaries import land, query
from model_foundry_tests.line import NOON, Raw, connection_to, event, execute
from model_foundry_tests.sessions import made_session

DAY = NOON.date()
NEXT = DAY + timedelta(days=1)
SUMMARIES = (
    "daily_cache_misses",
    "daily_lost_output",
    "daily_recipes",
    "daily_slot_throughput",
    "daily_tool_calls",
)
Row = Mapping[str, Any]


class Layout(NamedTuple):
    """When the events happen, and in how many portions they come."""

    at: datetime
    portions: int


ONE_FILE = Layout(NOON, 1)
# Over midnight: two days, and two parts of the second.
SEVERAL_FILES = Layout(datetime(2026, 11, 20, 23, 59, 55, tzinfo=UTC), 2)


def happened(layout: Layout) -> list[list[Raw]]:
    """In portions: two sessions alike, and one of a cut answer and searches that found nothing."""

    def more(seconds: float) -> dict[str, Any]:
        return {"correlation_id": "cut", "occurred_at": layout.at + timedelta(seconds=seconds)}

    asked = {
        "slot": "naughty", "role": "worker", "model": "m", "max_tokens": 8,
        "messages": [{"role": "user", "content": "Count."}],
        "response": {"content": "One, two", "finish_reason": "length"},
        "usage": {"prompt_tokens": 20, "completion_tokens": 8},
        "timings": {"duration_ms": 1000, "predicted_per_second": 16.0},
    }  # fmt: skip
    nothing = {"query": "unicorns", "vault": "home", "results": []}
    first = [
        *made_session("a", at=layout.at),
        event("llm.chat.persist", asked, **more(5)),
        event("obsidian.semantic_search", nothing, **more(6)),
    ]
    second = [
        *made_session("b", at=layout.at),
        event("obsidian.semantic_search", nothing, **more(7)),
    ]
    return [first, second] if layout.portions == 2 else [first + second]


def answered(settings: Settings, job: str, status: str) -> None:
    statement = """
        INSERT INTO inference_result (
            job_id, recipe, kind, role, status, error_kind, attempts, occurred_on, source_part,
            request, output_tokens, total_ms, created_at, completed_at
        )
        VALUES (%s, 'ask', 'generation', 'worker', %s, %s, 1, %s, '', '{}', 30, 500, now(), now())
    """
    execute(settings, statement, job, status, None if status == "ok" else "timeout", DAY)


def summarize(settings: Settings, days: Sequence[date], *names: str) -> None:
    with contextlib.closing(connection_to(settings)) as connection:
        for day in days:
            for table in FLAT_TABLES:
                flatten_day(connection, table, day, rebuild=False)
    with duckdb.connect(":memory:") as memory:
        for name in names:
            for day in days:
                summarize_day(settings, memory, name, day, rebuild=False)


def laid(settings: Settings, layout: Layout) -> None:
    """Everything that the questions ask for, as a lake of this layout."""
    days = sorted({layout.at.date(), (layout.at + timedelta(seconds=13)).date()})
    for events, job in zip(happened(layout), ("failed", "ok"), strict=False):
        land(settings, *events)
        answered(settings, job, job)
        if layout.portions == 1:
            answered(settings, "ok", "ok")
        summarize(settings, days, "session_summary")
    summarize(settings, days, "session_agreement", "daily_chats", *SUMMARIES)
    place = lake.lake_of(settings)
    for name in ("llm_chat", "event_inbox"):
        assert {len(place.live(name, day)) for day in days} == {layout.portions}
    assert len(place.days("session_summary")) == len(days)


def expected(layout: Layout) -> dict[str, list[Row]]:
    """Worked out by hand, from `made_session` and what `happened` adds."""
    one, other = {"correlation_id": "a"}, {"correlation_id": "b"}
    session = {
        "began_on": DAY, "span_s": 13.0, "critical_path_s": 13.0, "events": 12, "chats": 4,
        "tool_calls": 1, "output_tokens": 40,
    }  # fmt: skip
    cut = {
        "correlation_id": "cut", "events": 3, "chats": 1, "span_s": 3.0, "critical_path_s": None,
        "tool_calls": 0, "output_tokens": 8,
    }  # fmt: skip
    plan = {
        "workers": 2, "plan_decisions": 3, "told": 3, "kept": 1, "kept_share": 1 / 3,
        "differing_settings": 1, "ignored": ["day = 30", "event_inbox"],
    }  # fmt: skip
    return {
        "cache-misses": [],
        "lost-output": [  # of jobs without a text
            {"origin": "jobs", "status": status, "error_kind": error, "requests": 1,
             "output_tokens": 30, "reasoning_only": 0, "kept": 0, "nothing_kept": 1}
            for status, error in (("failed", "timeout"), ("ok", None))
        ],
        "cut-answers": [
            {"slot": "naughty", "role": "worker", "max_tokens": 8, "chats": 1, "cut": 1,
             "cut_share": 1.0},
        ],
        "failing-tools": [
            {"tool_name": "read_note", "calls": 2, "errors": 2, "error_rate": 1.0,
             "usual_error": "note_not_found", "duration_p95_ms": pytest.approx(100.0, rel=0.01)},
        ],
        "fruitless-searches": [
            {"query": "unicorns", "vault": "home", "searches": 2,
             "last_tried_at": layout.at + timedelta(seconds=7)},
        ],
        "ignored-plans": [{**one, **plan}, {**other, **plan}],
        "long-sessions": [{**one, **session}, {**other, **session}, cut],
        "recipe-yield": [
            {"recipe": "ask", "jobs": 2, "ok": 1, "rejected": 0, "failed": 1,
             "usual_error": "timeout", "output_tokens": 60, "tokens_per_kept_row": 60.0,
             "slot_s": 1.0},
        ],
        "repeated-questions": [
            {"user_text": text, "chats": 2, "sessions": 2, "different_answers": 1,
             "output_tokens": 20}
            for text in ("Answer.", "Keep `event_inbox` for 30 days.", "Listen on port 8080.",
                         "Plan it.")
        ],
        "slow-nodes": [
            {"node_id": "orchestrator", "sessions": 2, "mean_critical_path_s": 13.0},
            {"node_id": "two", "sessions": 2, "mean_critical_path_s": 13.0},
        ],
        "slow-slots": [
            {"slot": "naughty", "model": "m", "chats": 5,
             "total_p50_ms": pytest.approx(2000.0, rel=0.01), "tg_tokens_per_s": 16.0},
            {"slot": "kindergarten", "model": "m", "chats": 4,
             "total_p50_ms": pytest.approx(3000.0, rel=0.01), "tg_tokens_per_s": None},
        ],
        "wide-sessions": [
            {**one, "began_on": DAY, "max_parallel_chats": 2, "max_parallel_nodes": 3,
             "slots": ["kindergarten", "naughty"], "chats": 4},
            {**other, "began_on": DAY, "max_parallel_chats": 2, "max_parallel_nodes": 3},
            {"correlation_id": "cut", "max_parallel_chats": 1, "slots": ["naughty"]},
        ],
        **(_at_noon() if layout == ONE_FILE else _over_midnight()),
    }  # fmt: skip


def _at_noon() -> dict[str, list[Row]]:
    return {
        "busy-hours": [{"hour": 21, "events": 27, "sessions": 3}],
        "token-hours": [
            {"hour": 21, "slot": "kindergarten", "chats": 4, "output_tokens": 40},
            {"hour": 21, "slot": "naughty", "chats": 5, "output_tokens": 48},
        ],
        "token-use": [
            {"day": DAY, "slot": "kindergarten", "role": "worker", "chats": 4,
             "input_tokens": 400, "output_tokens": 40},
            {"day": DAY, "slot": "naughty", "role": "orchestrator", "chats": 4,
             "input_tokens": 400, "output_tokens": 40},
            {"day": DAY, "slot": "naughty", "role": "worker", "chats": 1,
             "input_tokens": 20, "output_tokens": 8},
        ],
    }  # fmt: skip


def _over_midnight() -> dict[str, list[Row]]:
    return {
        "busy-hours": [
            {"hour": 8, "events": 8, "sessions": 2},
            {"hour": 9, "events": 19, "sessions": 3},
        ],
        "token-hours": [
            {"hour": 8, "slot": "naughty", "chats": 2, "output_tokens": 20},
            {"hour": 9, "slot": "kindergarten", "chats": 4, "output_tokens": 40},
            {"hour": 9, "slot": "naughty", "chats": 3, "output_tokens": 28},
        ],
        "token-use": [
            {"day": NEXT, "slot": "kindergarten", "role": "worker", "chats": 4,
             "output_tokens": 40},
            {"day": NEXT, "slot": "naughty", "role": "orchestrator", "chats": 4,
             "output_tokens": 40},
            {"day": NEXT, "slot": "naughty", "role": "worker", "chats": 1, "output_tokens": 8},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("layout", [ONE_FILE, SEVERAL_FILES], ids=["one file", "several files"])
def test_every_question_gives_its_rows(settings: Settings, layout: Layout) -> None:
    settings = settings.model_copy(update={"timezone": "Asia/Tokyo"})
    laid(settings, layout)
    wanted = expected(layout)
    assert wanted.keys() == set(QUESTIONS)
    found = {name: ask_question(settings, name).as_dicts() for name in QUESTIONS}
    shown = {
        name: [
            {key: row[key] for key in (wanted[name][number] if number < len(wanted[name]) else row)}
            for number, row in enumerate(rows)
        ]
        for name, rows in found.items()
    }
    assert shown == wanted
    _no_row_is_lost_to_a_stranger(settings)


def test_an_empty_lake_has_an_answer_to_every_question(settings: Settings) -> None:
    summarize(settings, [DAY], "session_summary", "session_agreement", *SUMMARIES)
    for name in QUESTIONS:
        assert ask_question(settings, name).rows == [], name


def _no_row_is_lost_to_a_stranger(settings: Settings) -> None:
    """One whole row of each group, of every view, by DuckDB as it is."""
    filled = set()
    for view in query(settings, "SELECT view_name AS name FROM duckdb_views() WHERE NOT internal"):
        described = query(settings, f"DESCRIBE {view['name']}")
        key = described[0]["column_name"]
        [counted] = query(settings, f"SELECT count(DISTINCT {key}) AS groups FROM {view['name']}")
        statement = f"FROM {view['name']} QUALIFY row_number() OVER (PARTITION BY {key}) = 1"
        found = query(settings, statement)
        assert len(found) == counted["groups"], view["name"]
        filled |= {view["name"] for _ in found}
    assert {"llm_chat", "session_summary", "inference_result", "daily_chats"} <= filled


def test_what_was_read_again_and_what_was_lost(settings: Settings) -> None:
    """Two turns on two slots, the second of which gives thoughts alone."""
    said = [{"role": "user", "content": "Count."}]
    more = [*said, {"role": "assistant", "content": "One"}, {"role": "user", "content": "On."}]
    answers = [{"content": "One", "finish_reason": "stop"},
               {"content": "", "reasoning": "Hm.", "finish_reason": "length"}]  # fmt: skip
    turns = [
        {"slot": slot, "role": "worker", "model": "m", "messages": messages, "response": answer,
         "usage": {"prompt_tokens": tokens, "completion_tokens": 100, "cached_tokens": 0},
         "timings": {"duration_ms": 1000, "prompt_per_second": 500.0}}
        for slot, messages, answer, tokens in (
            ("naughty", said, answers[0], 900), ("kindergarten", more, answers[1], 1200)
        )
    ]  # fmt: skip
    land(
        settings,
        *(
            event("llm.chat.persist", turn, correlation_id="one", event_id=f"turn-{number}",
                  occurred_at=NOON + timedelta(seconds=10 * number))
            for number, turn in enumerate(turns)
        ),
    )  # fmt: skip
    summarize(settings, [DAY], *SUMMARIES)
    [missed] = ask_question(settings, "cache-misses").as_dicts()
    assert missed == {
        "day": DAY, "conversation": "one", "slot": "kindergarten", "model": "m", "cause": "slot",
        "misses": 1, "reread_tokens": 1000, "reread_s": 2.0, "cost": None,
        "worst_event_id": "turn-1", "worst_reread_tokens": 1000, "worst_broken_at": None,
        "worst_broken_role": None, "worst_since_last_s": 9.0,
    }  # fmt: skip
    [lost] = ask_question(settings, "lost-output").as_dicts()
    assert lost == {
        "origin": "traffic", "slot": "kindergarten", "model": "m", "status": "ok",
        "finish_reason": "length", "error_kind": None, "requests": 1, "output_tokens": 100,
        "reasoning_only": 1, "kept": 0, "nothing_kept": 0,
    }  # fmt: skip
    assert query(settings, "SELECT reread_tokens FROM weekly_cache_misses") == [
        {"reread_tokens": 1000}
    ]


def test_a_question_tells_of_the_days_that_are_asked_for(settings: Settings) -> None:
    """Of the day before, which had one session, and of a day with two."""
    before = DAY - timedelta(days=1)
    land(
        settings,
        *made_session("a", at=NOON - timedelta(days=1)),
        *made_session("b"),
        *made_session("c"),
    )
    summarize(settings, [before, DAY], "session_summary", "session_agreement", *SUMMARIES)
    told: dict[str, Row | None] = {
        "busy-hours": {"events": 12},
        "failing-tools": {"calls": 1, "usual_error": "note_not_found"},
        "ignored-plans": {"correlation_id": "a"},
        "long-sessions": {"correlation_id": "a"},
        "repeated-questions": None,  # in one session alone
        "slow-nodes": {"sessions": 1},
        "slow-slots": {"chats": 2},
        "token-hours": {"chats": 2},
        "token-use": {"day": before},
        "wide-sessions": {"correlation_id": "a"},
    }
    for name, figures in told.items():
        whole = ask_question(settings, name).rows
        found = ask_question(settings, name, since=before, until=before)
        rows = found.as_dicts()
        assert [figures] * len(rows) == [{k: row[k] for k in figures or ()} for row in rows], name
        assert bool(rows) == (figures is not None), name
        assert ask_question(settings, name, until=before).rows == found.rows != whole
        assert ask_question(settings, name, since=before).rows == whole
        assert ask_question(settings, name, since=NEXT).rows == []
    with pytest.raises(FoundryError, match="is after"):
        ask_question(settings, "busy-hours", since=DAY, until=before)


def test_a_question_opens_the_files_of_its_days(settings: Settings) -> None:
    """The others would be seen to be damaged."""
    land(settings, *made_session())
    summarize(settings, [DAY], "session_summary", "session_agreement", *SUMMARIES)
    place = lake.lake_of(settings)
    for table in ("event_inbox", "llm_chat", "session_summary", "daily_tool_calls"):
        [file] = place.live(table, DAY)
        for number in range(10, 20):
            day = DAY - timedelta(days=number)
            other = place.file(table, day, (0, 0, 0, file.crc), 0, 0.0)
            Path(other.path).write_bytes(b"damaged")
    for name in ("busy-hours", "token-hours", "slow-slots"):
        assert ask_question(settings, name).rows, name
    for name in ("long-sessions", "failing-tools", "token-use"):
        assert ask_question(settings, name, since=DAY).rows, name
        with pytest.raises(FoundryError):
            ask_question(settings, name)
