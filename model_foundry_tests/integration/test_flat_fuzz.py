"""Whatever the events hold, each flat table makes its rows of them: nothing stops a day."""

import contextlib
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model_foundry.events.envelope import Message
from model_foundry.intake.landing import Lander
from model_foundry.settings import Settings
from model_foundry.store import flat, postgres
from model_foundry_tests.line import NOON, event

SUBJECTS = (
    "llm.chat.persist",
    "llm.tool_call",
    "llm.flow.lineage",
    "llm.generation.request",
    "llm.translation.request",
    "obsidian.semantic_search",
)
# Of which a few odd shapes are refused, one by one; the others make rows of anything.
CONTAINED = {"llm_chat"}
# What the statements look for, at any level.
NAMES = (
    *("messages", "message", "role", "content", "text", "type", "reasoning", "reasoning_content"),
    *("request", "response", "choices", "finish_reason", "parameters", "temperature", "max_tokens"),
    *("usage", "prompt_tokens", "completion_tokens", "cached_tokens", "prompt_tokens_details"),
    *("timings", "ttft_ms", "duration_ms", "predicted_per_second", "tools", "tool_calls", "model"),
    *("tool_call_id", "tool_name", "arguments", "result", "is_error", "error_type", "slot"),
    *("kind", "nodes", "edges", "node_id", "edge_id", "source", "target", "started_at", "ended_at"),
    *("occurred_at", "query", "vault", "top_k", "results", "score", "path", "chunk", "from", "to"),
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)  # surrogates and U+0000 included
ODD = st.sampled_from(
    (
        *(1e200, -1e200, 1e308, -1e308, 5e-324, 2**70, -(2**63), 0, -0.0, 1e15, 1e18, 1e20, -1),
        *("1e400", "-1e400", "9" * 500, "1e999999", " 12 ", "0x1f", "NaN", "Infinity", "true", ""),
        *("20000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00Z", "infinity"),
        *("9999-12-31T23:59:59-12:00", "2026-06-30T23:59:60Z", "2026-01-01T00:00:00 BC", "now"),
        *(
            "[" * 3_000,
            "[" * 1_500 + "]" * 1_500,
            '{"a":' * 2_500,
            '"\\u0000"',
            '"\\ud800"',
            "null",
        ),
        *("node", "edge", "user", "assistant", "tool", "function"),
    )
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | ODD | ANY_TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | ANY_TEXT, inner, max_size=5)
        | inner.map(json.dumps)  # JSON in text
    ),
    max_leaves=12,
)  # fmt: skip
PAYLOAD = st.dictionaries(st.sampled_from(NAMES), ANY, max_size=6) | ANY
EVENTS = st.lists(st.tuples(st.sampled_from(SUBJECTS), PAYLOAD), min_size=20, max_size=40)
_seqs = itertools.count(1)


def examples(request: pytest.FixtureRequest) -> int:
    """Lists of events, which have 20 to 40 each."""
    return int(request.config.getoption("--flat-examples"))


def test_no_input_stops_a_day(settings: Settings, request: pytest.FixtureRequest) -> None:
    with contextlib.closing(postgres.connect(settings)) as connection:

        @profile(
            max_examples=-(-examples(request) // 30),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(events=EVENTS)
        def holds(events: list[tuple[str, Any]]) -> None:
            land(settings, events)
            for table in flat.FLAT_TABLES:
                done = flat.flatten_day(connection, table, NOON.date(), rebuild=True)
                assert table in CONTAINED or done.refused == 0, reasons(connection)
                assert flat.account(connection, table, NOON.date()).agrees
                assert len(flat.preview(connection, table, NOON.date(), 20)) <= 20

        holds()


def reasons(connection: Any) -> Any:
    with connection.transaction():
        return connection.execute("SELECT table_name, reason, detail FROM flat_refused").fetchall()


def land(settings: Settings, events: list[tuple[str, Any]]) -> None:
    """Into an empty inbox, through the door."""
    messages = [
        Message(subject, event(subject, payload).body, None, "test", next(_seqs), datetime.now(UTC))
        for subject, payload in events
    ]
    with contextlib.closing(postgres.connect(settings)) as connection:
        tables = "event_inbox, intake_batch_day, flat_batch, flat_pending, flat_refused"
        connection.execute(f"TRUNCATE {tables}")
        connection.commit()
    with contextlib.closing(Lander(settings)) as lander:
        lander.land(messages)
