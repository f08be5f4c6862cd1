"""Each summary of random days against an independent computation in pandas over the same rows."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_foundry.sql import load_sql
from model_foundry.summaries import functions
from model_foundry.summaries.compute import (
    ROLLUPS,
    SUMMARIES,
    Outside,
    Rate,
    input_tables,
    macros,
    rollups,
    shipped,
    summary_of,
)

DAY: Final = date(2026, 11, 20)
MIDNIGHT: Final = datetime(2026, 11, 20, tzinfo=UTC)
BOUND: Final = 0.01
BIGINT: Final = 2**63 - 1
SYSTEM: Final = {"role": "system", "content": "You are a clerk."}
FIRST: Final = {"role": "user", "content": "Begin."}
TEXTS: Final = {
    None: None,
    "": "und",
    "12:30 …": "und",
    "Where does `守` stand in the code that follows?": "und-Latn",
    "Grüße aus Köln": "und-Latn",
    "GPUのメモリは足りますか？": "ja",
    "`kv_cache` を確認": "ja",
    "显存够用吗": "zh",
    "메모리가 충분합니까?": "ko",
    "Хватит ли памяти?": "und-Cyrl",
    "هل الذاكرة كافية؟": "und-Zyyy",
}

# Columns that the summaries read.
TEXT, INT, FLOAT, TIME = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", "UTC")
SCHEMAS: Final[Mapping[str, Mapping[str, pa.DataType]]] = {
    "event_inbox": {
        "event_id": TEXT, "subject": TEXT, "published_subject": TEXT, "source": TEXT,
        "correlation_id": TEXT, "occurred_at": TIME, "received_at": TIME,
        "payload_repaired": pa.bool_(),
    },
    "event_quarantine": {
        "reason": TEXT, "subject": TEXT, "raw": pa.binary(), "received_at": TIME,
        "replayed_at": TIME,
    },
    "llm_chat": {
        "event_id": TEXT, "correlation_id": TEXT, "conversation_id": TEXT, "slot": TEXT,
        "role": TEXT, "messages": TEXT, "tools": TEXT, "refusal_text": TEXT,
        "request_model": TEXT, "response_model": TEXT, "message_count": INT, "user_text": TEXT,
        "response_text": TEXT, "reasoning_text": TEXT, "tool_call_count": INT,
        "finish_reason": TEXT, "input_tokens": INT, "output_tokens": INT, "cached_tokens": INT,
        "ttft_ms": FLOAT, "total_ms": FLOAT, "pp_tokens_per_s": FLOAT, "tg_tokens_per_s": FLOAT,
        "occurred_at": TIME, "status": TEXT, "error_kind": TEXT, "choice_no": INT,
        "reasoning_tokens": INT,
    },
    "llm_tool_call": {
        "event_id": TEXT, "correlation_id": TEXT, "tool_name": TEXT, "is_error": pa.bool_(),
        "error_type": TEXT, "duration_ms": FLOAT, "arguments": TEXT, "occurred_at": TIME,
    },
    "obsidian_semantic_search": {
        "query": TEXT, "vault": TEXT, "embedding_model": TEXT, "result_count": INT,
        "top_score": FLOAT, "duration_ms": FLOAT,
    },
    "inference_result": {
        "recipe": TEXT, "kind": TEXT, "role": TEXT, "slot": TEXT, "status": TEXT,
        "error_kind": TEXT, "attempts": INT, "source_event_id": TEXT, "request_model": TEXT,
        "response_model": TEXT, "slot_parallel": INT, "slot_price_per_hour": FLOAT,
        "slot_watts": FLOAT, "sent_back_text": TEXT, "input_tokens": INT, "output_tokens": INT,
        "cached_tokens": INT, "queue_ms": FLOAT, "ttft_ms": FLOAT, "total_ms": FLOAT,
        "pp_tokens_per_s": FLOAT, "tg_tokens_per_s": FLOAT, "timing_source": TEXT,
        "completed_at": TIME, "response_text": TEXT, "reasoning_text": TEXT, "tool_calls": TEXT,
        "finish_reason": TEXT,
    },
    "llm_request": {"event_id": TEXT, "kind": TEXT},
}  # fmt: skip

ZONE: Final = ZoneInfo("Asia/Tokyo")  # in which half of the UTC day is the next one
RATES: Final = {
    "a": Rate("a", 3, 2.5, 600.0),
    "b": Rate("b", None, None, 100.0),
    "it's $x": Rate("it's $x", 1, 0.0, None),
}
OUTSIDE: Final = Outside(ZONE.key, tuple(RATES.values()))

Row = dict[str, Any]
Tables = dict[str, list[Row]]

_name = st.sampled_from([None, "a", "b", "", "名前", "it's $x"])
_moment = st.one_of(
    st.sampled_from([MIDNIGHT, MIDNIGHT + timedelta(hours=9)]),
    st.integers(0, 86_400_000_000 - 1).map(lambda us: MIDNIGHT + timedelta(microseconds=us)),
)
_count = st.one_of(st.sampled_from([None, 0, 1, 7]), st.integers(0, 10**6), st.just(9 * 10**18))
_ms = st.one_of(
    st.sampled_from([None, 0.0, 5.0, 1e-9, 3_600_000.0, 86_400_000.0, 1e300, -5.0]),
    st.floats(0, 1e8, allow_nan=False),
)
_score = st.one_of(st.none(), st.floats(-1, 1, allow_nan=False))
_message = st.sampled_from(
    [
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": "Be long."},
        {"role": "user", "content": "Where?"},
        {"role": "user", "content": [{"type": "text", "text": "When?"}]},
        {"role": "assistant", "content": "Grüße aus Köln\n"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42"},
    ]
)
# Of few messages, so that many begin alike.
_messages = st.lists(_message, max_size=5).map(lambda sent: [SYSTEM, FIRST, *sent])
_special: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "messages": st.none()
    | _messages.map(json.dumps)
    | _messages.map(lambda sent: json.dumps(sent[1:])),
    "tools": st.sampled_from([None, None, "[]"]),
    "tool_calls": st.sampled_from([None, "[]", '[{"id": "1"}]']),
    "refusal_text": st.sampled_from([None, None, "No."]),
    "received_at": st.integers(-(10**9), 10**12).map(
        lambda us: MIDNIGHT + timedelta(hours=12, microseconds=us)
    ),
    "replayed_at": st.none() | _moment,
    "user_text": st.sampled_from(list(TEXTS)),
    "response_text": st.sampled_from(list(TEXTS)),
    "reasoning_text": st.sampled_from([None, "", "Hm."]),
    "message_count": st.integers(0, 9),
    "tool_call_count": st.integers(0, 3),
    "result_count": st.integers(0, 3),
    "attempts": st.integers(0, 4),
    "slot_parallel": st.sampled_from([None, 1, 3]),
    "slot_price_per_hour": st.sampled_from([None, 0.0, 2.5]),
    "slot_watts": st.sampled_from([None, 600.0]),
    "pp_tokens_per_s": st.sampled_from([None, 0.0, 1e-300, 0.5, 1500.0, -3.0, 2e6]),
    "tg_tokens_per_s": st.sampled_from([None, 0.0, 30.0, 59_903.0]),
    "timing_source": st.sampled_from([None, "server", "client"]),
    "top_score": _score,
    "raw": st.binary(max_size=5),
    "event_id": st.sampled_from([f"event-{number}" for number in range(6)]),
    "source_event_id": st.none() | st.sampled_from([f"event-{number}" for number in range(6)]),
    "recipe": st.sampled_from(["request", "judge"]),
    "kind": st.sampled_from(["generation", "translation"]),
    "llm_chat.status": st.none() | st.sampled_from(["ok", "error", "cancelled", "incomplete"]),
    "is_error": st.none() | st.booleans(),
    "finish_reason": st.sampled_from([None, "stop", "length", "error"]),
    "status": st.sampled_from(["ok", "rejected", "failed"]),
    "choice_no": st.sampled_from([None, 0, 0, 0, 1]),
}
_by_type: Final = {TEXT: _name, INT: _count, FLOAT: _ms, TIME: _moment, pa.bool_(): st.booleans()}


def days(name: str) -> st.SearchStrategy[Tables]:
    """Rows of the tables that a summary reads."""
    return st.fixed_dictionaries(
        {
            table: st.lists(
                st.fixed_dictionaries(
                    {
                        column: _special.get(
                            f"{table}.{column}",
                            _special.get(column, _by_type.get(kind, st.none())),
                        )
                        for column, kind in SCHEMAS[table].items()
                    }
                ),
                max_size=14,
                # One flat row an event; several results may come from one.
                unique_by=(lambda row: row["event_id"]) if "event_id" in SCHEMAS[table] else None,
            )
            for table in input_tables(shipped(name))
        }
    )


def computed(
    connection: duckdb.DuckDBPyConnection, name: str, tables: Tables, day: date = DAY
) -> pa.Table:
    """The summary, by the function that its asset uses."""
    for table in input_tables(shipped(name)):
        columns = {**SCHEMAS[table], "occurred_on": pa.date32()}
        rows = [row | {"occurred_on": day} for row in tables.get(table, [])]
        connection.register(table, pa.Table.from_pylist(rows, schema=pa.schema(columns.items())))
    return summary_of(connection, shipped(name), day, outside=OUTSIDE)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        yield connection


def every(
    tables: Tables, table: str, *keys: str, **derived: Callable[[Row], Any]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Rows of a table by keys, with columns added."""
    rows = [row | {name: make(row) for name, make in derived.items()} for row in tables[table]]
    return grouped(rows, *keys)


def grouped(rows: list[Row], *keys: str) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    if not rows:
        return
    frame = pd.DataFrame(rows, dtype=object)
    for key, part in frame.groupby(list(keys), dropna=False, sort=False):
        missing = pd.isna(pd.Series(key, dtype=object))
        yield tuple(None if no else each for no, each in zip(missing, key, strict=True)), part


def first_choices(part: pd.DataFrame) -> pd.DataFrame:
    """Rows of an exchange's first choice, and of none."""
    return part[[not no for no in part.choice_no.fillna(0)]]


class Quantile:
    """Equal to a number within the sketch's bound."""

    def __init__(self, values: Iterable[Any], share: str) -> None:
        known = sorted(value for value in values if not pd.isna(value))
        rank = math.ceil(Fraction(share) * len(known))
        self.exact = known[rank - 1] if known else None

    def __eq__(self, other: object) -> bool:
        if self.exact is None or other is None:
            return self.exact is other
        assert isinstance(other, float)
        return bool(abs(other - self.exact) <= BOUND * (1 + 1e-9) * abs(self.exact) + 1e-6)

    def __repr__(self) -> str:
        return f"about {self.exact}"

    __hash__ = None  # type: ignore[assignment]


def quantiles(values: Iterable[Any], prefix: str, unit: str) -> Row:
    values = list(values)
    shares = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
    return {f"{prefix}_{name}{unit}": Quantile(values, share) for name, share in shares.items()}


def total(values: Iterable[Any]) -> int | None:
    known = [int(value) for value in values if not pd.isna(value)]
    return min(sum(known), BIGINT) if known else None


def added(values: Iterable[Any]) -> Any:
    known = [float(value) for value in values if value is not None and not pd.isna(value)]
    return pytest.approx(math.fsum(known), rel=1e-9, abs=1e-12) if known else None


def counted(values: Iterable[Any]) -> dict[Any, int] | None:
    return dict(Counter(value for value in values if not pd.isna(value))) or None


def over(top: Any, bottom: Any) -> Any:
    if top is None or not bottom:
        return None
    return pytest.approx(top / bottom, rel=1e-9)


def model_of(row: Row) -> Any:
    return row["response_model"] if row["response_model"] is not None else row["request_model"]


def assert_agree(
    table: pa.Table, keys: Iterable[str], expected: Mapping[tuple[Any, ...], Row]
) -> None:
    """Same groups, and each expected column of each is as expected."""
    found = {
        tuple(row[key] for key in keys): row for row in table.to_pylist(maps_as_pydicts="strict")
    }
    assert len(found) == table.num_rows
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert {name: found[key][name] for name in row} == row, key


Interval = tuple[int, int]


def worked(row: Row) -> Interval | None:
    """From when until when a request was worked on, in µs."""
    ended = row["completed_at"] if "completed_at" in row else row["occurred_at"]
    if row["total_ms"] is None or not 0 <= row["total_ms"] <= 86_400_000:
        return None
    until = (ended - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return until - math.floor(row["total_ms"] * 1000 + 0.5), until


def islands(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals, as ones that do not touch."""
    union: list[Interval] = []
    for start, end in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union


def length_s(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in intervals) / 1e6


def property_of(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Random days of what a summary reads."""
    limits = settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    return lambda test: limits(given(tables=days(name))(test))


@property_of("daily_events")
def test_events(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    expected = {}
    derived: dict[str, Callable[[Row], Any]] = {
        "hour_utc": lambda row: row["occurred_at"].hour,
        "lag_ms": lambda row: (row["received_at"] - row["occurred_at"]) / timedelta(milliseconds=1),
    }
    keys = ("subject", "source", "hour_utc")
    for key, part in every(tables, "event_inbox", *keys, **derived):
        named = part[part.subject.notna() & part.published_subject.notna()]
        expected[key] = {
            "events": len(part),
            "sessions": part.correlation_id.nunique(),
            "under_old_name": int((named.subject != named.published_subject).sum()),
            "repaired": int(part.payload_repaired.sum()),
            **quantiles(part.lag_ms, "publish_lag", "_ms"),
        }
    assert_agree(computed(connection, "daily_events", tables), keys, expected)


@property_of("daily_slot_throughput")
def test_slot_throughput(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    chats = [
        row
        | {
            "origin": "traffic",
            "status": "failed" if has_failed(row) else "ok",
            "attempts": None,
            "queue_ms": None,
            "rate": RATES.get(row["slot"], Rate("", None, None, None)),
        }
        for row in tables["llm_chat"]
    ]
    jobs = [
        row
        | {
            "origin": "jobs",
            "choice_no": None,
            "reasoning_tokens": None,
            "rate": Rate("", row["slot_parallel"], row["slot_price_per_hour"], row["slot_watts"]),
        }
        for row in tables["inference_result"]
    ]
    rows = [row | {"model": model_of(row), "worked": worked(row)} for row in (*chats, *jobs)]
    expected = {}
    keys = ("origin", "slot", "model")
    for key, part in grouped(rows, *keys):
        times = [each for each in part.worked if isinstance(each, tuple)]
        wall = (max(e for _, e in times) - min(s for s, _ in times)) / 1e6 if times else None
        busy = length_s(islands(times)) if times else None
        tokens = total(part.output_tokens)
        expected[key] = {
            "requests": len(asked := first_choices(part)),
            "choices": len(part),
            "rejected": int((asked.status == "rejected").sum()),
            "failed": int((asked.status == "failed").sum()),
            "error_kinds": counted(asked.error_kind),
            "retries": total(
                attempts if pd.isna(attempts) else max(attempts - 1, 0)
                for attempts in part.attempts
            ),
            "reasoning_tokens": total(part.reasoning_tokens),
            "input_tokens": total(part.input_tokens),
            "output_tokens": tokens,
            "cached_tokens": total(part.cached_tokens),
            "wall_s": wall,
            "busy_s": busy,
            "worked_s": added([length_s([each]) for each in times]),
            "busy_share": over(busy, wall),
            "output_tokens_per_s": over(tokens, wall),
            "output_tokens_per_busy_s": over(tokens, busy),
            **_costs(asked),
            **_speeds(part),
            **quantiles(part.queue_ms, "queue", "_ms"),
            **quantiles(part.ttft_ms, "ttft", "_ms"),
            **quantiles(part.total_ms, "total", "_ms"),
        }
    assert_agree(computed(connection, "daily_slot_throughput", tables), keys, expected)


def has_failed(row: Row) -> bool:
    """Whether a chat's event tells of no answer."""
    if row["finish_reason"] == "error":
        return True
    if row["status"] is None:
        return row["error_kind"] is not None
    return row["status"] in {"error", "cancelled"}


def _costs(asked: pd.DataFrame) -> Row:
    """Of each request its part of the slot's time, and what that costs."""
    costs: dict[str, list[float]] = {}
    for rate, worked in zip(asked.rate, asked.worked, strict=True):
        if not isinstance(worked, tuple):
            continue
        slot_s = length_s([worked]) / (rate.parallel or 1)
        costs.setdefault("slot_s", []).append(slot_s)
        if rate.price_per_hour is not None:
            costs.setdefault("cost", []).append(slot_s / 3600 * rate.price_per_hour)
            costs.setdefault("priced_slot_s", []).append(slot_s)
        if rate.watts is not None:
            costs.setdefault("energy_wh", []).append(slot_s / 3600 * rate.watts)
            costs.setdefault("metered_slot_s", []).append(slot_s)
    names = ("slot_s", "cost", "energy_wh", "priced_slot_s", "metered_slot_s")
    # (To the microsecond of each: `worked` is rounded, a price's time is not.)
    return {
        name: pytest.approx(math.fsum(costs[name]), rel=1e-6, abs=1e-4) if name in costs else None
        for name in names
    }


def _speeds(part: pd.DataFrame) -> Row:
    """All tokens over all the time that they took, from rows where both are known."""
    speeds: Row = {}
    sources = set()
    for name, most in (("pp", 1e6), ("tg", 5e4)):
        tokens, seconds = 0, 0.0
        for row in part.to_dict("records"):
            speed = row[f"{name}_tokens_per_s"]
            count = row["input_tokens"] if name == "pp" else row["output_tokens"]
            if pd.isna(speed) or not 1e-9 <= speed <= most or pd.isna(count):
                continue
            cached = row["cached_tokens"]
            if name == "pp":
                count = max(count - (0 if pd.isna(cached) else cached), 0)
                if count and row["origin"] == "jobs" and row["timing_source"] is not None:
                    sources.add(row["timing_source"])
            tokens += count
            seconds += count / speed
        speeds[f"{name}_tokens_per_s"] = over(min(tokens, BIGINT), seconds)
    speeds["timing_source"] = "mixed" if len(sources) > 1 else next(iter(sources), None)
    return speeds


@property_of("daily_slot_load")
def test_slot_load(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    rows = [
        row | {"worked": worked(row)}
        for row in (*tables["llm_chat"], *tables["inference_result"])
        if not row.get("choice_no")
    ]
    hour = 3_600_000_000
    expected = {}
    for (slot,), part in grouped([row for row in rows if row["slot"] is not None], "slot"):
        done = [row for row in part.to_dict("records") if isinstance(row["worked"], tuple)]
        times = [row["worked"] for row in done]
        hours = {number for start, end in times for number in range(start // hour, end // hour + 1)}
        for number in hours:
            low, high = number * hour, (number + 1) * hour
            ended = [row for row in done if row["worked"][1] // hour == number]
            busy = length_s(_clipped(islands(times), low, high))
            expected[slot, datetime.fromtimestamp(number * 3600, tz=UTC)] = {
                "requests": len(ended),
                "output_tokens": total(row["output_tokens"] for row in ended),
                "worked_s": pytest.approx(length_s(_clipped(times, low, high))),
                "busy_s": pytest.approx(busy),
                "busy_share": pytest.approx(busy / 3600),
            }
    assert_agree(
        computed(connection, "daily_slot_load", tables), ("slot", "hour_starts_at"), expected
    )


def _clipped(intervals: Iterable[Interval], low: int, high: int) -> list[Interval]:
    both = ((max(start, low), min(end, high)) for start, end in intervals)
    return [(start, end) for start, end in both if start < end]


@property_of("daily_tool_calls")
def test_tool_calls(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    last: dict[tuple[Any, ...], bool] = {}
    rows = []
    for row in sorted(
        tables["llm_tool_call"], key=lambda row: (row["occurred_at"], row["event_id"])
    ):
        same = (row["correlation_id"], row["tool_name"], row["arguments"])
        again = last.get(same, False) and row["correlation_id"] is not None
        rows.append(row | {"is_retry": again})
        last[same] = bool(row["is_error"])
    expected = {}
    for key, part in grouped(rows, "tool_name"):
        failed = part[part.is_error == True]  # noqa: E712 - of three values
        outcomes = int(part.is_error.notna().sum())
        expected[key] = {
            "calls": len(part),
            "errors": len(failed),
            "outcomes": outcomes,
            "error_rate": pytest.approx(len(failed) / outcomes) if outcomes else None,
            "error_types": counted(failed.error_type),
            "retries": int(part.is_retry.sum()),
            "sessions": part.correlation_id.nunique(),
            **quantiles(part.duration_ms, "duration", "_ms"),
        }
    assert_agree(computed(connection, "daily_tool_calls", tables), ("tool_name",), expected)


def local_day(row: Row) -> date:
    """As whoever looks counts days."""
    moment: datetime = row["occurred_at"]
    return moment.astimezone(ZONE).date()


@property_of("daily_chats")
def test_chats(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    keys = ("local_day", "model", "role", "user_language", "response_language", "finish_reason")
    derived: dict[str, Callable[[Row], Any]] = {
        "local_day": local_day,
        "model": model_of,
        "failed": has_failed,
        "user_language": lambda row: TEXTS[row["user_text"]],
        "response_language": lambda row: TEXTS[row["response_text"]],
    }
    expected = {
        key: {
            "turns": len(turns := first_choices(part)),
            "failed": int(turns.failed.sum()),
            "error_kinds": counted(turns[turns.failed.astype(bool)].error_kind),
            "choices": len(part),
            "conversations": part.conversation_id.nunique(),
            "messages": total(turns.message_count),
            "with_reasoning": int((part.reasoning_text == "Hm.").sum()),
            "with_tool_calls": int((part.tool_call_count > 0).sum()),
            "tool_calls": total(part.tool_call_count),
            "input_tokens": total(part.input_tokens),
            "output_tokens": total(part.output_tokens),
            "cached_tokens": total(part.cached_tokens),
            "reasoning_tokens": total(part.reasoning_tokens),
            **quantiles(part.output_tokens, "output", "_tokens"),
        }
        for key, part in every(tables, "llm_chat", *keys, **derived)
    }
    assert_agree(computed(connection, "daily_chats", tables), keys, expected)


class Missed(NamedTuple):
    """What a request read again, by comparing its messages with each earlier one's."""

    row: Row
    cause: str
    broken: tuple[int | None, str | None]
    since_last_s: float
    known: int | None
    reread: int | None


def _divided(row: Row) -> tuple[list[Row], list[Row]]:
    sent = json.loads(row["messages"])
    count = next(
        (no for no, each in enumerate(sent) if each["role"] not in {"system", "developer"}),
        len(sent),
    )
    return sent[:count], sent[count:]


def _shared(one: list[Row], other: list[Row]) -> int:
    alike = (a == b for a, b in zip(one, other, strict=False))
    return next((no for no, same in enumerate(alike) if not same), min(len(one), len(other)))


def _earlier(turns: list[Row], before: list[Row]) -> Row | None:
    best = max(
        before,
        key=lambda row: (_shared(turns, _divided(row)[1]), row["occurred_at"], row["event_id"]),
        default=None,
    )
    if best is None or not turns or _shared(turns, _divided(best)[1]):
        return best if turns else None
    return next((row for row in reversed(before) if turns[0] in _divided(row)[1]), None)


def _missed(row: Row, before: list[Row]) -> Missed | None:
    system, turns = _divided(row)
    last = _earlier(turns, before)
    took_ms = row["total_ms"] if 0 <= (row["total_ms"] or 0) <= 86_400_000 else None
    took = timedelta(microseconds=math.floor((took_ms or 0) * 1000))
    if last is None or row["occurred_at"] - took < last["occurred_at"] - timedelta(milliseconds=50):
        return None
    last_system, last_turns = _divided(last)
    shared = _shared(turns, last_turns)
    came_back = turns[len(last_turns) :][:1]
    is_answered = bool(came_back) and came_back[0]["role"] == "assistant"
    broken: tuple[int | None, str | None] = (None, None)
    cause = "server"
    if shared == len(last_turns):
        said, was = is_answered and came_back[0]["content"], last["response_text"]
        if isinstance(said, str) and was is not None and said.strip() != was.strip():
            cause, broken = "answer", (len(system) + shared, "assistant")
    elif shared < len(turns):
        cause = "dropped" if turns[shared] in last_turns[shared + 1 :] else "edited"
        broken = (len(system) + shared, last_turns[shared]["role"])
    if system != last_system:
        cause, broken = "system", (_shared(system, last_system), "system")
    if row["tools"] != last["tools"]:
        cause = "tools"
    named = "response_model" if None not in _both(row, last, "response_model") else "request_model"
    for what, name in (("model", named), ("slot", "slot")):
        if None not in _both(row, last, name) and row[name] != last[name]:
            cause = what
    known = None
    if None not in _both(row, last, "input_tokens"):
        answer = max((last["output_tokens"] or 0) - (last["reasoning_tokens"] or 0), 0)
        known = min(row["input_tokens"], last["input_tokens"] + (answer if is_answered else 0))
    reread = None
    if known is not None and row["cached_tokens"] is not None:
        reread = max(known - row["cached_tokens"], 0)
    if (cause == "server") if reread is None else (reread <= 128):
        return None
    since = (row["occurred_at"] - took - last["occurred_at"]) / timedelta(seconds=1)
    return Missed(row, cause, broken, since, known, reread)


def _product(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one * other


def _both(row: Row, last: Row, name: str) -> tuple[Any, Any]:
    return row[name], last[name]


@property_of("daily_cache_misses")
def test_cache_misses(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    _assert_cache_misses(connection, tables)


@given(
    sent=st.lists(_messages, min_size=2, max_size=8),
    fields=st.lists(
        st.fixed_dictionaries(
            {
                "slot": st.sampled_from(["a", "a", "a", "b"]),
                "cached_tokens": st.sampled_from([None, 0, 1000]),
                "response_text": st.sampled_from(["Grüße aus Köln", ""]),
                "pp_tokens_per_s": st.sampled_from([None, 500.0]),
            }
        ),
        min_size=8,
        max_size=8,
    ),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_cache_misses_of_turns_that_follow_each_other(
    connection: duckdb.DuckDBPyConnection, sent: list[list[Row]], fields: list[Row]
) -> None:
    """One session, a turn a minute."""
    rows = [
        dict.fromkeys(SCHEMAS["llm_chat"])
        | {"event_id": f"e{number}", "correlation_id": "c", "messages": json.dumps(messages),
           "occurred_at": MIDNIGHT + timedelta(minutes=number), "input_tokens": 500 * len(messages),
           "output_tokens": 200, "total_ms": 5.0}
        | some
        for number, (messages, some) in enumerate(zip(sent, fields, strict=False))
    ]  # fmt: skip
    _assert_cache_misses(connection, {"llm_chat": rows})


def _assert_cache_misses(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    rows = [
        row | {"model": model_of(row), "thread": row["conversation_id"]}
        for row in tables["llm_chat"]
        if not row["choice_no"] and row["messages"] is not None
    ]
    for row in rows:
        if row["thread"] is None:
            row["thread"] = row["correlation_id"]
    rows = [row for row in rows if row["thread"] is not None]
    rows.sort(key=lambda row: (row["occurred_at"], row["event_id"]))
    keys = ("local_day", "correlation_id", "conversation_id", "slot", "model", "role", "cause")
    missed: dict[tuple[Any, ...], list[Missed]] = {}
    for number, row in enumerate(rows):
        before = [each for each in rows[:number] if each["thread"] == row["thread"]]
        if found := _missed(row, before):
            more = {"cause": found.cause, "local_day": local_day(row)}
            key = tuple((row | more)[name] for name in keys)
            missed.setdefault(key, []).append(found)
    expected = {}
    for key, group in missed.items():
        worst = max(group, key=lambda one: -1 if one.reread is None else one.reread)
        seconds = [
            None if one.reread is None or pace is None else one.reread * pace
            for one in group
            for pace in [_pace(one.row, rows)]
        ]
        rate = RATES.get(group[0].row["slot"], Rate("", None, None, None))
        hours = [None if s is None else s / (rate.parallel or 1) / 3600 for s in seconds]
        price, watts = rate.price_per_hour, rate.watts
        expected[key] = {
            "misses": len(group),
            "untold": sum(one.reread is None for one in group),
            "input_tokens": total(one.row["input_tokens"] for one in group),
            "cached_tokens": total(one.row["cached_tokens"] for one in group),
            "known_tokens": total(one.known for one in group),
            "reread_tokens": total(one.reread for one in group),
            "reread_s": added(seconds),
            "cost": added(_product(each, price) for each in hours),
            "energy_wh": added(_product(each, watts) for each in hours),
            "worst_event_id": worst.row["event_id"],
            "worst_reread_tokens": worst.reread,
            "worst_broken_at": worst.broken[0],
            "worst_broken_role": worst.broken[1],
            "worst_since_last_s": pytest.approx(worst.since_last_s),
        }
    assert_agree(computed(connection, "daily_cache_misses", tables), keys, expected)


def _pace(row: Row, rows: list[Row]) -> float | None:
    """Seconds a token, as measured for it, or for its slot and model in the conversation."""
    alike = ("thread", "slot", "model")
    same = [one for one in rows if all(one[name] == row[name] for name in alike)]
    for some in ([row], same):
        speeds = [one["pp_tokens_per_s"] for one in some]
        paces = [1 / speed for speed in speeds if speed is not None and 1e-9 <= speed <= 1e6]
        if paces:
            return math.fsum(paces) / len(paces)
    return None


@property_of("daily_lost_output")
def test_lost_output(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    rows = []
    for row in tables["llm_chat"]:
        failed = has_failed(row)
        something = row["response_text"] or row["refusal_text"] or row["tool_call_count"]
        if not row["choice_no"] and (failed or not something):
            more: Row = {"origin": "traffic", "status": "failed" if failed else "ok"}
            rows.append(row | more | {"local_day": local_day(row)})
    for row in tables["inference_result"]:
        something = row["response_text"] or json.loads(row["tool_calls"] or "[]")
        if row["status"] != "ok" or not something:
            job = {"origin": "jobs", "reasoning_tokens": None, "local_day": DAY}
            rows.append(row | job)
    keys = ("local_day", "origin", "slot", "model", "status", "finish_reason", "error_kind")
    lost = [row | {"model": model_of(row)} for row in rows if (row["output_tokens"] or 0) > 0]
    expected = {}
    for key, part in grouped(lost, *keys):
        answers = [
            bool(row["response_text"] or row.get("sent_back_text"))
            for row in part.astype(object).where(part.notna(), None).to_dict("records")
        ]
        thoughts = [text == "Hm." for text in part.reasoning_text]
        gone = [not (a or b) for a, b in zip(answers, thoughts, strict=True)]
        expected[key] = {
            "requests": len(part),
            "output_tokens": total(part.output_tokens),
            "reasoning_tokens": total(part.reasoning_tokens),
            "reasoning_only": sum(b and not a for a, b in zip(answers, thoughts, strict=True)),
            "kept": sum(answers),
            "nothing_kept": sum(gone),
            "nothing_kept_tokens": total(
                tokens for tokens, no in zip(part.output_tokens, gone, strict=True) if no
            ),
        }
    assert_agree(computed(connection, "daily_lost_output", tables), keys, expected)


def test_output_of_one_choice_is_not_lost_when_another_was_given() -> None:
    """Tokens stand with a request's first choice alone."""
    base = {"event_id": "e", "slot": "s", "occurred_at": MIDNIGHT, "tool_call_count": 0}
    first = base | {"choice_no": 0, "output_tokens": 9, "response_text": " \n"}
    with duckdb.connect(":memory:") as connection:
        for text, lost in (("Yes.", 0), ("", 1)):
            rows = [first, base | {"choice_no": 1, "response_text": text}]
            found = computed(connection, "daily_lost_output", {"llm_chat": rows})
            assert found.num_rows == lost


@property_of("daily_semantic_search")
def test_semantic_search(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    expected = {}
    keys = ("vault", "embedding_model")
    for key, part in every(tables, "obsidian_semantic_search", *keys):
        missed = part[part.result_count == 0]
        often = Counter(query for query in missed["query"] if query is not None)
        expected[key] = {
            "queries": len(part),
            "distinct_queries": part["query"].nunique(),
            "without_hits": len(missed),
            "without_hits_share": pytest.approx(len(missed) / len(part)),
            "hits": total(part.result_count),
            "hit_counts": counted(part.result_count),
            "queries_without_hits": sorted(
                often, key=lambda query: (-often[query], query.encode())
            )[:10]
            or None,
            "top_score_p05": Quantile(part.top_score, "0.05"),
            "top_score_p50": Quantile(part.top_score, "0.5"),
            "top_score_p95": Quantile(part.top_score, "0.95"),
            **quantiles(part.duration_ms, "duration", "_ms"),
        }
    assert_agree(computed(connection, "daily_semantic_search", tables), keys, expected)


@property_of("daily_recipes")
def test_recipes(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    expected = {}
    keys = ("recipe", "kind", "role")
    for key, part in every(tables, "inference_result", *keys):
        rows = part.astype(object).where(part.notna(), None).to_dict("records")
        slot_s = [
            row["total_ms"] / 1000 / (row["slot_parallel"] or 1)
            if row["total_ms"] is not None
            else None
            for row in rows
        ]
        priced = [
            seconds / 3600 * row["slot_price_per_hour"]
            for seconds, row in zip(slot_s, rows, strict=True)
            if seconds is not None and row["slot_price_per_hour"] is not None
        ]
        metered = [
            seconds / 3600 * row["slot_watts"]
            for seconds, row in zip(slot_s, rows, strict=True)
            if seconds is not None and row["slot_watts"] is not None
        ]
        expected[key] = {
            "jobs": len(part),
            **{name: int((part.status == name).sum()) for name in ("ok", "rejected", "failed")},
            "retried": int((part.attempts > 1).sum()),
            "sent_back": int(part.sent_back_text.notna().sum()),
            "attempts": total(part.attempts),
            "error_kinds": counted(part.error_kind),
            "slots": sorted(part.slot.dropna().unique(), key=str.encode) or None,
            "output_tokens": total(part.output_tokens),
            "request_s": added(row["total_ms"] and row["total_ms"] / 1000 for row in rows),
            "slot_s": added(slot_s),
            "cost": added(priced),
            "energy_wh": added(metered),
            **quantiles(part.total_ms, "total", "_ms"),
        }
    assert_agree(computed(connection, "daily_recipes", tables), keys, expected)


@property_of("daily_quarantine")
def test_quarantine(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    keys = ("reason", "subject")
    expected = {
        key: {
            "messages": len(part),
            "replayed": int(part.replayed_at.notna().sum()),
            "raw_bytes": sum(len(raw) for raw in part.raw),
            "first_received_at": min(part.received_at),
            "last_received_at": max(part.received_at),
        }
        for key, part in every(tables, "event_quarantine", *keys)
    }
    assert_agree(computed(connection, "daily_quarantine", tables), keys, expected)


@property_of("daily_requests")
def test_requests(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    parts: dict[str, list[Row]] = {}
    for row in tables["inference_result"]:
        if row["recipe"] == "request" and row["source_event_id"] is not None:
            parts.setdefault(row["source_event_id"], []).append(row)
    expected = {}
    for key, asked in every(tables, "llm_request", "kind"):
        results = [parts.get(event_id, []) for event_id in asked.event_id]
        statuses = [{row["status"] for row in each} for each in results]
        longest = [
            max((row["total_ms"] for row in each if row["total_ms"] is not None), default=None)
            for each in results
        ]
        expected[key] = {
            "requests": len(asked),
            "answered": statuses.count({"ok"}),
            "rejected": sum("rejected" in each and "failed" not in each for each in statuses),
            "failed": sum("failed" in each for each in statuses),
            "waiting": statuses.count(set()),
            "output_tokens": total(total(row["output_tokens"] for row in each) for each in results),
            **quantiles((each for each in longest if each is not None), "total", "_ms"),
        }
    assert_agree(computed(connection, "daily_requests", tables), ("kind",), expected)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    week=st.lists(
        st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=30), min_size=3, max_size=3
    )
)
def test_a_roll_up_is_what_the_days_together_would_be(week: list[list[float]]) -> None:
    """Monday, Sunday and the Monday after: counts add up, quantiles are of all values."""
    days = [date(2026, 11, 23), date(2026, 11, 29), date(2026, 11, 30)]
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        daily = []
        for day, durations in zip(days, week, strict=True):
            calls = [
                {"event_id": str(number), "tool_name": "t", "is_error": number % 2 == 0,
                 "error_type": "E", "duration_ms": duration}
                for number, duration in enumerate(durations)
            ]  # fmt: skip
            daily.append(computed(connection, "daily_tool_calls", {"llm_tool_call": calls}, day))
        connection.register("daily_tool_calls", pa.concat_tables(daily))
        for statement in rollups(["daily_tool_calls"])[0]:
            connection.execute(statement)
        found = {
            row["starts_on"]: row
            for row in connection.table("weekly_tool_calls")
            .to_arrow_table()
            .to_pylist(maps_as_pydicts="strict")
        }
    weeks = {days[0]: [*week[0], *week[1]], days[2]: week[2]}
    assert found.keys() == {starts_on for starts_on, values in weeks.items() if values}
    for starts_on, row in found.items():
        values = weeks[starts_on]
        errors = sum(
            (len(each) + 1) // 2 for each in (week[:2] if starts_on == days[0] else week[2:])
        )
        assert (row["calls"], row["errors"]) == (len(values), errors)
        assert row["error_types"] == {"E": errors}
        assert row["error_rate"] == pytest.approx(errors / len(values))
        assert {name: row[name] for name in row if name.startswith("duration_p")} == quantiles(
            values, "duration", "_ms"
        )


def test_every_roll_up_gives_the_columns_of_its_days_and_their_sums() -> None:
    """Over one day, a roll-up says what the day says; over an empty lake, nothing."""
    row = {"tool_name": "t", "kind": "generation", "recipe": "request", "status": "ok"}
    full = {
        table: [
            {
                column: row.get(column, _EXAMPLES.get(kind))
                for column, kind in SCHEMAS[table].items()
            }
        ]
        for table in SCHEMAS
    }
    [chat] = full["llm_chat"]
    chat |= {"choice_no": 0, "input_tokens": 500, "messages": json.dumps([FIRST])}
    again = {"event_id": "y", "occurred_at": MIDNIGHT + timedelta(seconds=1), "status": "error"}
    full["llm_chat"].append(chat | again)
    assert {f"daily_{name}" for name in ROLLUPS} < set(SUMMARIES)
    for tables in (full, {}):
        for name in ROLLUPS:
            with duckdb.connect(":memory:", config={"threads": 1}) as connection:
                daily = computed(connection, f"daily_{name}", tables)
                connection.register(f"daily_{name}", daily)
                [statements] = rollups([f"daily_{name}"])
                for statement in statements:
                    connection.execute(statement)
                rolled = connection.table(f"monthly_{name}").to_arrow_table().to_pylist()
                assert bool(rolled) == bool(tables), name
                if name == "slot_load":
                    continue  # by when the work was done: see the times that are united
                for one, day in zip(rolled, daily.to_pylist(), strict=True):
                    assert (one.pop("starts_on"), one.pop("days")) == (date(2026, 11, 1), 1)
                    assert one.pop("busy_error_s", 0) == 0
                    assert one == {column: day[column] for column in one}


@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    week=st.lists(
        st.lists(
            st.tuples(st.integers(0, 7_000_000), st.integers(0, 200_000)), min_size=1, max_size=50
        ),
        min_size=1,
        max_size=4,
    )
)
def test_times_of_days_are_united_however_they_overlap(week: list[list[tuple[int, int]]]) -> None:
    """Jobs of several days, done side by side within two hours; more stretches than are kept."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        daily: dict[str, list[pa.Table]] = {"slot_throughput": [], "slot_load": []}
        walls, everything = [], []
        for number, jobs in enumerate(week):
            rows = [
                {"slot": "s", "status": "ok", "attempts": 1, "output_tokens": 7,
                 "total_ms": float(took),
                 "completed_at": MIDNIGHT + timedelta(milliseconds=began + took)}
                for began, took in jobs
            ]  # fmt: skip
            times = [each for row in rows if (each := worked(row)) is not None]
            everything += times
            walls.append((min(s for s, _ in times), max(e for _, e in times)))
            for name, tables in daily.items():
                day = date(2026, 11, 16) + timedelta(days=number)
                tables.append(
                    computed(connection, f"daily_{name}", {"inference_result": rows}, day)
                )
        for name, tables in daily.items():
            connection.register(f"daily_{name}", pa.concat_tables(tables))
            for statement in rollups([f"daily_{name}"])[0]:
                connection.execute(statement)
        [row] = connection.table("weekly_slot_throughput").to_arrow_table().to_pylist()
        hours = connection.sql("FROM slot_load_by('hour')").to_arrow_table().to_pylist()
    true_s, wall_s = length_s(islands(everything)), length_s(islands(walls))
    assert row["wall_s"] == pytest.approx(wall_s)
    assert row["output_tokens_per_s"] == over(7 * len(everything), wall_s)
    assert row["busy_s"] - row["busy_error_s"] - 1e-6 <= true_s <= row["busy_s"] + 1e-6
    assert all(len(each[0]["busy_sketch"]) <= 32 for each in (t.to_pylist() for t in tables))
    if sum(map(len, week)) <= 32 or len(week) == 1:  # nothing was left out
        assert (row["busy_s"], row["busy_error_s"]) == (pytest.approx(true_s), 0)
    hour = 3_600_000_000
    for found in hours:
        low = round(found["starts_at"].timestamp() * 1e6)
        true_s = length_s(_clipped(islands(everything), low, low + hour))
        assert found["busy_s"] - found["busy_error_s"] - 1e-6 <= true_s <= found["busy_s"] + 1e-6
        assert found["busy_share"] <= 1
    assert sum(found["requests"] for found in hours) == len(everything)


def test_days_and_hours_are_those_of_whoever_looks_around_a_change_to_summer_time() -> None:
    """In Berlin the night to 29 March 2026, a Sunday, has no hour from two to three."""
    day = date(2026, 3, 29)
    times = {"before": "00:30", "after": "01:30", "night": "22:30"}
    rows = [
        {"event_id": name, "slot": "s", "output_tokens": 7, "role": name, "choice_no": 0,
         "occurred_at": datetime.fromisoformat(f"{day}T{time}:00+00:00")}
        for name, time in times.items()
    ]  # fmt: skip
    with duckdb.connect(":memory:") as connection:
        berlin = Outside("Europe/Berlin")
        computed(connection, "daily_chats", {"llm_chat": rows}, day)
        daily = summary_of(connection, shipped("daily_chats"), day, outside=berlin)
        connection.register("daily_chats", daily)
        for statement in rollups(["daily_chats"])[0]:
            connection.execute(statement)
        days = connection.sql("SELECT role, starts_on FROM chats_by('day')").fetchall()
        weeks = connection.sql("SELECT starts_on, sum(turns) FROM weekly_chats GROUP BY 1")
        weekly = dict(weeks.fetchall())
        connection.execute("SET VARIABLE timezone = ?", [berlin.timezone])
        for variable in ("last_week_of_llm_chat", "since", "until"):
            connection.execute(f"SET VARIABLE {variable} = ?", [day])
        hours = connection.sql(load_sql("duckdb/questions/token-hours")).fetchall()
        used = connection.sql(load_sql("duckdb/questions/token-use")).fetchall()
    assert dict(days) == {"before": day, "after": day, "night": day + timedelta(days=1)}
    assert weekly == {date(2026, 3, 23): 2, date(2026, 3, 30): 1}
    assert [row[0] for row in hours] == [0, 1, 3]
    assert sorted(row[0] for row in used) == [day, day, day + timedelta(days=1)]


def test_files_of_earlier_code_give_what_they_know() -> None:
    """Columns that they lack are NULL in the roll-ups; times that cannot be united are not told."""
    job = {"slot": "s", "status": "ok", "attempts": 1, "total_ms": 5.0, "completed_at": MIDNIGHT}
    call = {"event_id": "e", "tool_name": "t", "is_error": True}
    chat = {"event_id": "e", "slot": "s", "occurred_at": MIDNIGHT}
    rows = {
        "slot_throughput": {"inference_result": [job]},
        "slot_load": {"inference_result": [job]},
        "tool_calls": {"llm_tool_call": [call]},
        "chats": {"llm_chat": [chat]},
    }
    dropped = {
        "slot_throughput": ["busy_sketch", "reasoning_tokens", "slot_s", "cost", "energy_wh",
                            "priced_slot_s", "metered_slot_s"],
        "slot_load": ["busy_sketch"],
        "tool_calls": ["outcomes"],
        "chats": ["local_day", "failed", "error_kinds", "reasoning_tokens"],
    }  # fmt: skip
    found = {}
    for name, tables in rows.items():
        for kept in (0, 1):  # files of the code as it is now, beside it
            with duckdb.connect(":memory:", config={"threads": 1}) as connection:
                new = computed(connection, f"daily_{name}", tables)
                files = [new.drop_columns(dropped[name]), *([new] * kept)]
                every = pa.concat_tables(files, promote_options="default")
                connection.register(f"daily_{name}", every)
                for statement in rollups([f"daily_{name}"])[0]:
                    connection.execute(statement)
                rolled = connection.table(f"weekly_{name}").to_arrow_table().to_pylist()
                found[name, kept] = rolled[0]
    for kept in (0, 1):
        assert found["slot_throughput", kept]["busy_s"] is None
        assert found["slot_throughput", kept]["wall_s"] is None
        assert found["slot_throughput", kept]["requests"] == kept + 1
        assert found["slot_load", kept]["busy_s"] is None
        assert found["tool_calls", kept]["error_rate"] == 1.0
        assert found["chats", kept]["turns"] == kept + 1
    assert found["chats", 0]["failed"] is None


def test_a_sum_of_nothing_known_is_null_and_no_sum_leaves_bigint(
    sketching: duckdb.DuckDBPyConnection,
) -> None:
    most = 9 * 10**18
    for values, expected in (
        ([], None),
        ([None], None),
        ([None, 2], 2),
        ([most, most], BIGINT),
        ([-most, -most], -BIGINT),
    ):
        rows = pa.table({"n": pa.array(values, pa.int64())})
        sketching.register("counted", rows)
        assert sketching.sql("SELECT sum_of(n) FROM counted").fetchall() == [(expected,)]


_EXAMPLES: Final = {
    TEXT: "x", INT: 2, FLOAT: 250.0, TIME: MIDNIGHT, pa.bool_(): True, pa.binary(): b"raw",
}  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=st.floats(-1e300, 1e300, allow_nan=False))
def test_what_a_bucket_stands_for_is_within_the_bound(
    sketching: duckdb.DuckDBPyConnection, value: float
) -> None:
    [(stands_for,)] = sketching.execute(
        "SELECT sketch_value(sketch_bucket(?::DOUBLE))", [value]
    ).fetchall()
    assert abs(stands_for - value) <= BOUND * (1 + 1e-9) * abs(value) + 1e-6


@pytest.fixture(scope="module")
def sketching() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the macros."""
    with duckdb.connect(":memory:") as connection:
        for statement in macros():
            connection.execute(statement)
        yield connection


@pytest.mark.parametrize(("text", "language"), TEXTS.items())
def test_a_language_is_guessed_from_the_scripts(text: str | None, language: str | None) -> None:
    with duckdb.connect(":memory:") as connection:
        functions.register(connection, "language_guess(")
        for statement in macros():
            connection.execute(statement)
        found = connection.execute("SELECT language_guess(?::VARCHAR)", [text]).fetchall()
    assert found == [(language,)]
