"""No JSON stops a day: each flat table makes rows of it, and the check agrees with them.

Payloads are made of the names that the statement itself asks for, and of the corpora's, in which
anything was put in the place of anything.
"""

import contextlib
import functools
import itertools
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model_foundry import postgres
from model_foundry.events.envelope import Message
from model_foundry.intake.landing import Lander
from model_foundry.postgres import flat
from model_foundry.postgres.flat_refused import list_refused
from model_foundry.postgres.flatten_sql import flatten_sql
from model_foundry.settings import Settings
from model_foundry.sql import load_sql, sql_names
from model_foundry_tests.anything import altered, any_json
from model_foundry_tests.corpora import cases
from model_foundry_tests.line import NOON, event, execute

_AT_ONCE = 20  # payloads at most; half of it, as a rule
_FILLED = "event_inbox, intake_batch_day, flat_batch, flat_pending, flat_refused"
CORPORA = {"llm_chat": "chats", "llm_tool_call": "tool_calls"}


def names_of(table: str) -> list[str]:
    """What the statement, and the functions that it calls, look for in JSON."""
    functions = [load_sql(f"postgres/migrations/{name}") for name in sql_names(
        "postgres/migrations") if "TABLE" not in name]  # fmt: skip
    text = "\n".join([flatten_sql(table), *functions])
    asked = re.findall(r"->>? '(\w+)'|\? '([\w.]+)'|'\{([\w., \n]+)\}'|-> '([\w.]+)'", text)
    found = {name.strip() for groups in asked for group in groups for name in group.split(",")}
    return sorted(name for name in found if name and not name.isdigit())


@functools.cache
def payloads(table: str) -> st.SearchStrategy[Any]:
    names = names_of(table)
    anything = any_json(tuple(names))
    made = anything | st.dictionaries(st.sampled_from(names), anything, max_size=8)
    if table not in CORPORA:
        return made
    known = [case.payload for case in cases(CORPORA[table])]
    changes = st.lists(st.tuples(st.integers(0, 2**32), anything), min_size=1, max_size=3)
    return made | st.builds(altered, st.sampled_from(known), changes)


SUBJECTS = {
    "llm_chat": ["llm.chat.persist"],
    "llm_tool_call": ["llm.tool_call"],
    "llm_flow_node": ["llm.flow.lineage"],
    "llm_flow_edge": ["llm.flow.lineage"],
    "llm_request": ["llm.generation.request", "llm.translation.request"],
    "obsidian_semantic_search": ["obsidian.semantic_search"],
}


def test_every_flat_table_is_fuzzed() -> None:
    assert set(SUBJECTS) == set(flat.FLAT_TABLES)


@pytest.mark.parametrize("table", flat.FLAT_TABLES)
def test_any_json_makes_the_rows_that_the_check_expects(
    settings: Settings, request: pytest.FixtureRequest, table: str
) -> None:
    """Through the door into an empty inbox, through the day, to what the UI shows of it."""
    examples: int = request.config.getoption("--fuzz-examples")
    numbers = itertools.count(1)
    events = st.lists(
        st.tuples(st.sampled_from(SUBJECTS[table]), payloads(table)), min_size=1, max_size=_AT_ONCE
    )
    with (
        contextlib.closing(postgres.connect(settings)) as connection,
        contextlib.closing(Lander(settings)) as lander,
    ):

        @profile(
            max_examples=-(-examples // (_AT_ONCE // 2)),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(events=events)
        def holds(events: list[tuple[str, Any]]) -> None:
            execute(settings, f"TRUNCATE {_FILLED}")
            messages = [
                Message(subject, event(subject, payload).body, None, "s", next(numbers), NOON)
                for subject, payload in events
            ]
            lander.land(messages)
            done = flat.flatten_day(connection, table, NOON.date(), rebuild=True)
            assert list_refused(connection) == []
            account = flat.account(connection, table, NOON.date())
            assert account.agrees, account
            assert account.flat_rows == done.rows_written
            shown = flat.preview(connection, table, NOON.date(), 1_000)
            assert len(shown) == done.rows_written

        holds()
