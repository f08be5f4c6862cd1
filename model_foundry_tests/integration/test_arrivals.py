"""Summaries renewed as events come: the same rows as if computed at the end."""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from model_foundry import lake, postgres
from model_foundry.intake.drain import drain
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.summaries.day import SummaryDay, later_days, summarize_day
from model_foundry_tests.foundry import materialize, metadata_of
from model_foundry_tests.line import Raw, event, publish
from model_foundry_tests.sessions import made_session

DAYS = tuple(date(2026, 11, 19) + timedelta(days=number) for number in range(3))
NAMES = (
    "session_summary",
    "session_agreement",
    "daily_events",
    "daily_slot_load",
    "daily_cache_misses",
)


def at(day: int, seconds: float) -> datetime:
    """So long after a midnight UTC."""
    return datetime.combine(DAYS[day], datetime.min.time(), UTC) + timedelta(seconds=seconds)


def land(settings: Settings, events: Iterable[Raw], *, rebuild: bool = False) -> list[date]:
    """From NATS into the flat tables; the days that something came for."""
    publish(settings, events)
    asyncio.run(drain(settings))
    with contextlib.closing(postgres.connect(settings)) as connection:
        stale = sorted(flat.stale_days(connection))
        for day in stale:
            for table in flat.FLAT_TABLES:
                flat.flatten_day(connection, table, day, rebuild=rebuild)
    return stale


def renew(settings: Settings, name: str, days: Sequence[date]) -> list[SummaryDay]:
    """As the sensor has it done: the days that were touched, and what follows from it."""
    done = []
    with duckdb.connect() as memory:
        for day in days:
            done.append(summarize_day(settings, memory, name, day, rebuild=False))
            done += later_days(settings, memory, done[-1])
    return done


def kept(settings: Settings, name: str) -> list[pa.Table]:
    """The rows of each day."""
    found = [lake.kept_day(lake.lake_of(settings), name, day) for day in DAYS]
    return [each.rows.to_pylist() for each in found if each]


def chat(day: int, seconds: float, took_s: float, slot: str) -> Raw:
    """One that ended then; of no session."""
    payload = {"slot": slot, "role": "worker", "timings": {"duration_ms": took_s * 1000}}
    return event("llm.chat.persist", payload, correlation_id=None, occurred_at=at(day, seconds))


def turn(conversation: str, kept: int, moment: datetime) -> Raw:
    """One of a conversation over several sessions, whose prompt leaves out some messages."""
    said = [{"role": "user", "content": f"{conversation}: {number}"} for number in range(3)]
    payload = {
        "conversation_id": conversation, "slot": "a", "messages": said[kept:],
        "response": {"content": "Yes."}, "timings": {"duration_ms": 10},
        "usage": {"prompt_tokens": 900, "completion_tokens": 5, "cached_tokens": 0},
    }  # fmt: skip
    session = f"{conversation}-{moment.hour // 12}"
    return event("llm.chat.persist", payload, correlation_id=session, occurred_at=moment)


@pytest.mark.parametrize("seed", range(2))
def test_renewed_as_events_come_it_is_what_it_would_be_computed_at_the_end(
    settings: Settings, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    settings = settings.model_copy(update={"lake_max_parts": 2, "session_portion_events": 20})
    sessions = [
        event_
        for number in range(5)
        for event_ in made_session(
            f"s{number}",
            at=at(draw.choice([0, 1]), draw.choice([40_000, 86_395])),
            said=f"{number} replicas",
        )
    ]
    bridges = [event(correlation_id="s0", occurred_at=at(day, 70_000)) for day in (0, 1, 2)]
    chats = [
        chat(
            draw.choice([0, 1]), draw.uniform(0, 86_400), draw.choice([5, 9_000]), draw.choice("ab")
        )
        for _ in range(20)
    ]
    turns = [
        turn(f"c{number % 3}", draw.randrange(3), at(draw.choice([0, 1]), draw.uniform(0, 86_000)))
        for number in range(30)
    ]
    events = [*sessions, *bridges, *chats, *turns, event(correlation_id=None, occurred_at=at(1, 5))]
    draw.shuffle(events)
    cuts = [0, *sorted(draw.sample(range(1, len(events)), 3)), len(events)]
    for number, (first, last) in enumerate(pairwise(cuts)):
        touched = land(settings, events[first:last], rebuild=number == 1)
        for name in NAMES:
            renew(settings, name, touched)
    afresh = settings.model_copy(update={"home": tmp_path / "afresh"})
    for name in NAMES:
        with duckdb.connect() as memory:
            for day in DAYS:
                summarize_day(afresh, memory, name, day)
        assert kept(settings, name) == kept(afresh, name)


def test_only_sessions_with_new_events_are_computed_again(settings: Settings) -> None:
    """And none where nothing came; what was rebuilt is computed whole."""
    for number in range(3):
        land(settings, made_session(f"s{number}", at=at(0, 1_000)))
    [first] = renew(settings, "session_summary", DAYS[:1])
    assert first.keys is None
    [again] = renew(settings, "session_summary", DAYS[:1])
    assert again.keys is not None
    assert again.keys.num_rows == 0
    [before] = lake.lake_of(settings).live("session_summary", DAYS[0])
    land(settings, [event(correlation_id="s1", occurred_at=at(0, 2_000))])
    [renewed] = renew(settings, "session_summary", DAYS[:1])
    assert renewed.keys is not None
    assert renewed.keys.to_pydict() == {"key": ["s1"]}
    [after] = lake.lake_of(settings).live("session_summary", DAYS[0])
    assert after != before
    land(settings, [event(correlation_id="s2", occurred_at=at(0, 2_000))], rebuild=True)
    [rebuilt] = renew(settings, "session_summary", DAYS[:1])
    assert rebuilt.keys is None


def test_only_conversations_with_new_chats_are_computed_again(settings: Settings) -> None:
    settings = settings.model_copy(update={"session_portion_events": 2})
    for conversation in ("c0", "c1", "c2"):
        land(settings, [turn(conversation, kept, at(0, 60 * (1 + kept))) for kept in (0, 1)])
    name = "daily_cache_misses"
    [first] = renew(settings, name, DAYS[:1])
    assert (first.keys, first.table.num_rows) == (None, 3)
    land(settings, [turn("c1", 2, at(0, 80_000)), event(correlation_id="c0-0")])
    [again] = renew(settings, name, DAYS[:1])
    assert again.keys is not None
    assert again.keys.to_pydict() == {"key": ["c1"]}
    conversations, counts = (
        again.table[column].to_pylist() for column in ("conversation_id", "misses")
    )
    misses = dict(zip(conversations, counts, strict=True))
    assert (again.rows_computed, misses) == (2, {"c0": 1, "c1": 1, "c2": 1})


def test_hours_before_the_first_new_event_are_not_computed_again(settings: Settings) -> None:
    """Nor those before a request began that ended in a later one."""
    computed: dict[str, list[tuple[int, int]]] = {}
    for seconds, took_s in ((1_800, 1), (5_400, 1), (9_000, 1), (12_600, 1), (9_010, 4_000)):
        land(settings, [chat(0, seconds, took_s, "a")])
        for name in ("daily_events", "daily_slot_load"):
            [done] = renew(settings, name, DAYS[:1])
            computed.setdefault(name, []).append((done.rows_computed, done.table.num_rows))
    assert computed == {
        "daily_events": [(1, 1), (1, 2), (1, 3), (1, 4), (2, 4)],
        "daily_slot_load": [(1, 1), (1, 2), (1, 3), (1, 4), (3, 4)],
    }


def test_an_event_that_comes_late_changes_the_days_on_which_its_session_went_on(
    settings: Settings,
) -> None:
    land(settings, made_session("long", at=at(0, 86_395)))
    days = [day.isoformat() for day in DAYS[:2]]
    materialize(settings, *flat.FLAT_TABLES, "session_summary", days=(days[0], days[1]))
    land(settings, [event(correlation_id="long", occurred_at=at(0, 86_390))])
    result = materialize(settings, "session_summary", day=days[0])
    told = {
        event_.partition: event_.step_materialization_data.materialization
        for event_ in result.get_asset_materialization_events()
    }
    assert set(told) == set(days)
    assert metadata_of(result, "session_summary", days[0])["rows_computed"] == 1
    assert isinstance(told[days[1]], dg.AssetMaterialization)
    assert told[days[1]].metadata["rows_computed"].value == 1
    [_, second] = kept(settings, "session_summary")
    assert second[0]["tool_calls"] == 2
    assert second[0]["started_at"] == at(0, 86_390)
