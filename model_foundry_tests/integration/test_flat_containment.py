"""Events of which a flat table cannot make rows: refused one by one, listed, tried again."""

import asyncio
import contextlib
import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors
from typer.testing import CliRunner

from model_foundry import lake
from model_foundry.cli.main import app
from model_foundry.defs.flat_tables import CHECK, REFUSED_CHECK
from model_foundry.intake.drain import drain
from model_foundry.lake.retention import drop_day
from model_foundry.postgres import flat
from model_foundry.postgres.flat_refused import list_refused, replay_refused
from model_foundry.postgres.row_errors import is_of_a_row
from model_foundry.settings import Settings
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import Raw, connection_to, event, execute, publish, rows, value

TABLE = "llm_tool_call"
DAY = date(2026, 11, 20)
REFUSED = "SELECT event_id FROM flat_refused ORDER BY event_id"
PRESENT = "SELECT event_id FROM llm_tool_call ORDER BY event_id"


def come(settings: Settings, *events: Raw, batch: int | None = None) -> None:
    publish(settings, events)
    size = {} if batch is None else {"intake_batch_messages": batch}
    asyncio.run(drain(settings.model_copy(update=size)))


def call(event_id: str, **fields: Any) -> Raw:
    return event(event_id=event_id, **fields)


def ids(settings: Settings, query: str) -> list[str]:
    return [row["event_id"] for row in rows(settings, query)]


def flatten(settings: Settings, *, rebuild: bool = False, table: str = TABLE) -> flat.FlatDay:
    with connection_to(settings) as connection:
        done = flat.flatten_day(connection, table, DAY, rebuild=rebuild)
        assert flat.account(connection, table, DAY).agrees
    return done


@pytest.fixture
def poisoned(settings: Settings) -> Settings:
    """A database in which the table takes no event whose id begins with `bad`."""
    forbid(settings, "event_id NOT LIKE 'bad%%'")
    return settings


def forbid(settings: Settings, condition: str, name: str = "poison") -> None:
    execute(settings, f"ALTER TABLE {TABLE} ADD CONSTRAINT {name} CHECK ({condition})")


def mend(settings: Settings) -> None:
    execute(settings, f"ALTER TABLE {TABLE} DROP CONSTRAINT poison")


def test_an_event_that_takes_for_ever_is_refused_and_the_rest_is_there(settings: Settings) -> None:
    execute(
        settings,
        "CREATE FUNCTION never_ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "WHILE NEW.event_id = 'endless' LOOP END LOOP; RETURN NEW; END $$",
    )
    execute(
        settings,
        f"CREATE TRIGGER slow BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION never_ends()",
    )
    come(settings, call("first"), call("endless"), call("last"))
    with connection_to(settings) as connection:
        done = flat.flatten_day(connection, TABLE, DAY, rebuild=False, event_s=1.0)
        assert (done.rows, done.refused) == (2, 1)
        assert flat.account(connection, TABLE, DAY).agrees
        # Who waits for somebody's lock is not slow: the run fails, and the next one tries again.
        come(settings, call("later"))
        with connection_to(settings) as other:
            other.execute(f"LOCK TABLE {TABLE}")
            with pytest.raises(errors.LockNotAvailable):
                flat.flatten_day(connection, TABLE, DAY, rebuild=False, event_s=1.0)
        with connection.transaction():
            assert connection.execute("SHOW statement_timeout").fetchall() == [("0",)]
        assert flat.flatten_day(connection, TABLE, DAY, rebuild=False).rows == 3
    assert ids(settings, PRESENT) == ["first", "last", "later"]
    [found] = rows(settings, "SELECT event_id, reason, detail FROM flat_refused")
    assert (found["event_id"], found["reason"]) == ("endless", "query_canceled")
    assert found["detail"] == "took longer than 1 s"


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_what_cannot_be_flattened_is_refused_and_the_rest_is_there(
    poisoned: Settings, batch: int
) -> None:
    good = [f"good-{number:02}" for number in range(40)]
    bad = ["bad-first", "bad-last", "bad-middle"]
    order = [bad[0], *good[:20], bad[2], *good[20:], bad[1]]
    come(poisoned, *(call(each) for each in order), batch=batch)
    done = flatten(poisoned)
    assert (done.rows_written, done.rows, done.refused) == (40, 40, 3)
    assert ids(poisoned, PRESENT) == good
    found = rows(poisoned, "SELECT * FROM flat_refused ORDER BY event_id")
    assert [row["event_id"] for row in found] == bad
    for row in found:
        assert (row["table_name"], row["occurred_on"], row["reason"]) == (
            TABLE,
            DAY,
            "check_violation",
        )
        assert 'violates check constraint "poison"' in row["detail"]
        assert "bad" not in row["detail"]  # nothing of the row
    assert flatten(poisoned).batches == 0  # they are not tried again by every append
    come(poisoned, call("good-later"), call("bad-later"))
    assert (flatten(poisoned).rows, ids(poisoned, REFUSED)) == (41, sorted([*bad, "bad-later"]))


def test_one_connection_goes_on_after_poison(poisoned: Settings) -> None:
    """What it made for the batch that failed is gone, and its next statement reads the inbox."""
    with connection_to(poisoned) as connection:
        for round_ in range(8):
            come(
                poisoned, *(call(f"{kind}-{round_}-{n}") for kind in ("good", "bad") for n in "ab")
            )
            done = flat.flatten_day(connection, TABLE, DAY, rebuild=False)
            assert (done.rows_written, done.refused) == (2, 2)
            assert flat.account(connection, TABLE, DAY).agrees
        again = flat.flatten_day(connection, TABLE, DAY, rebuild=True)
    assert (again.rows, again.refused) == (16, 16)


def test_a_batch_of_nothing_but_poison(poisoned: Settings) -> None:
    come(poisoned, *(call(f"bad-{number}") for number in range(9)))
    assert (flatten(poisoned).rows, len(ids(poisoned, REFUSED))) == (0, 9)


@pytest.mark.parametrize("place", [0, 1_999, 3_999])
def test_one_among_many_costs_a_few_statements(poisoned: Settings, place: int) -> None:
    """Each good event is given to one statement that passes, and on average to two that fail."""
    count = 4_000
    events = [call(f"{number:04}") for number in range(count)]
    forbid(poisoned, f"event_id <> '{place:04}'", name="position")
    come(poisoned, *events)
    with connection_to(poisoned) as connection:
        executed = Counting(connection)
        flat.flatten_day(executed.connection, TABLE, DAY, rebuild=False)
    assert ids(poisoned, REFUSED) == [f"{place:04}"]
    assert executed.events <= 3 * count
    assert executed.statements <= 2 * math.ceil(math.log2(count)) + 2


class Counting:
    """A connection whose flatten statements are counted, and the events that they were given."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.statements = 0
        self.events = 0
        self.connection = connection
        self._execute = connection.execute
        connection.execute = self._counted  # type: ignore[method-assign,assignment]

    def _counted(self, query: Any, parameters: Any = None, **options: Any) -> Any:
        if isinstance(query, str) and "INSERT INTO llm_tool_call" in query:
            self.statements += 1
            given = parameters["events"]
            self.events += self._all(parameters) if given is None else len(given)
        return self._execute(query, parameters, **options)

    def _all(self, parameters: Any) -> int:
        counted = "SELECT count(*) FROM event_inbox WHERE batch_id = ANY(%s)"
        [(count,)] = self._execute(counted, (parameters["batches"],)).fetchall()
        return int(count)


def test_summaries_go_on_and_the_checks_say_so(poisoned: Settings) -> None:
    come(poisoned, call("good"), call("bad-1"), call("bad-2"))
    result = materialize(poisoned, TABLE, "daily_tool_calls", "daily_events", day=str(DAY))
    assert result.success
    assert metadata_of(result, TABLE, str(DAY))["refused"] == 2
    checks = {
        check.check_name: check for check in checks_of(result) if check.asset_key.path == [TABLE]
    }
    assert checks[CHECK].passed
    assert checks[CHECK].metadata["refused_events"].value == 2
    assert not checks[REFUSED_CHECK].passed
    assert checks[REFUSED_CHECK].severity.value == "WARN"
    told = str(checks[REFUSED_CHECK].description)
    assert told.startswith("2 events have no rows: bad-")
    assert f"quarantine list --table {TABLE}" in told
    assert metadata_of(result, "daily_tool_calls", str(DAY))["input_rows"] == 1


def test_an_event_that_is_both_refused_and_there_is_a_fault(poisoned: Settings) -> None:
    come(poisoned, call("good"), call("bad"))
    flatten(poisoned)
    mend(poisoned)
    copied = "occurred_at, occurred_on, batch_id"
    execute(
        poisoned, f"INSERT INTO {TABLE} (event_id, {copied}) SELECT 'bad', {copied} FROM {TABLE}"
    )
    with connection_to(poisoned) as connection:
        found = flat.account(connection, TABLE, DAY)
    assert (found.agrees, found.surplus_events, found.examples) == (False, 1, ["bad"])


def test_a_rebuild_tries_again(poisoned: Settings) -> None:
    come(poisoned, call("good"), call("bad-1"), call("bad-2"))
    flatten(poisoned)
    numbers = "SELECT event_id, refused_id FROM flat_refused ORDER BY event_id"
    before = rows(poisoned, numbers)
    assert flatten(poisoned, rebuild=True).refused == 2
    assert rows(poisoned, numbers) == before
    mend(poisoned)
    forbid(poisoned, "event_id <> 'bad-2'")
    assert (flatten(poisoned, rebuild=True).rows, ids(poisoned, REFUSED)) == (2, ["bad-2"])


def test_replay_tries_again_and_lands_once(poisoned: Settings) -> None:
    come(poisoned, call("good"), call("bad-1"), batch=1)
    come(poisoned, call("bad-2"), call("bad-3"))
    for table in flat.FLAT_TABLES:
        flatten(poisoned, table=table)
    assert materialize(poisoned, "daily_tool_calls", day=str(DAY)).success
    assert replay_refused(poisoned) == (3, 0, 0)
    assert ids(poisoned, REFUSED) == ["bad-1", "bad-2", "bad-3"]
    mend(poisoned)
    forbid(poisoned, "event_id <> 'bad-3'")
    assert replay_refused(poisoned, table=TABLE) == (3, 2, 0)
    assert (ids(poisoned, PRESENT), ids(poisoned, REFUSED)) == (
        ["bad-1", "bad-2", "good"],
        ["bad-3"],
    )
    assert replay_refused(poisoned, reason="check_violation") == (1, 0, 0)
    with connection_to(poisoned) as connection:
        assert set(flat.stale_days(connection)) == {DAY}  # so the summaries are renewed
        assert flat.account(connection, TABLE, DAY).agrees
    append = {"ops": {name: {"config": {"mode": "append"}} for name in (TABLE, "daily_tool_calls")}}
    result = materialize(poisoned, TABLE, "daily_tool_calls", day=str(DAY), config=append)
    assert metadata_of(result, TABLE, str(DAY))["dagster/partition_row_count"] == 3
    assert metadata_of(result, "daily_tool_calls", str(DAY))["input_rows"] == 3
    with connection_to(poisoned) as connection:
        assert flat.stale_days(connection) == {}


def test_a_dropped_day_keeps_what_it_refused(poisoned: Settings) -> None:
    come(poisoned, call("good"), call("bad"))
    with connection_to(poisoned) as connection:
        dropped = drop_day(poisoned, connection, DAY)
    assert (dropped.kept_because, dropped.rows[TABLE], dropped.rows["event_inbox"]) == (None, 1, 2)
    mend(poisoned)
    assert replay_refused(poisoned) == (0, 0, 1)
    flatten(poisoned, rebuild=True)
    assert ids(poisoned, REFUSED) == ["bad"]


def test_what_is_nobody_s_content_fails_the_run(settings: Settings) -> None:
    """A lock, a statement that is wrong: nothing is refused for it."""
    come(settings, call("good"))
    with connection_to(settings) as holder, connection_to(settings) as connection:
        connection.execute("SET lock_timeout = '100ms'")
        connection.commit()
        holder.execute(f"LOCK TABLE {TABLE}")
        with pytest.raises(errors.LockNotAvailable):
            flat.flatten_day(connection, TABLE, DAY, rebuild=False)
    with connection_to(settings) as connection:
        connection.execute(f"ALTER TABLE {TABLE} RENAME COLUMN slot TO other")
        connection.commit()
        with pytest.raises(errors.UndefinedColumn):
            flat.flatten_day(connection, TABLE, DAY, rebuild=False)
    assert ids(settings, REFUSED) == []


def test_a_detached_day_is_flattened_into_another_partition(settings: Settings) -> None:
    come(settings, call("good"))
    flatten(settings, rebuild=False)
    execute(settings, f"ALTER TABLE {TABLE} DETACH PARTITION {TABLE}_p{DAY:%Y%m%d}")
    come(settings, call("late"))
    with connection_to(settings) as connection:
        flat.flatten_day(connection, TABLE, DAY, rebuild=False)
        account = flat.account(connection, TABLE, DAY)
    assert ids(settings, f"SELECT event_id FROM {TABLE}") == ["late"]
    assert (account.missing_events, account.examples) == (1, ["good"])


@pytest.mark.parametrize(
    ("statement", "is_row"),
    [
        ("SELECT jsonb '[]' - jsonb '1' ->> 'a'", False),
        ("SELECT '5'::jsonb - 'a'", True),
        ("SELECT 1e308::float8 * 1e308", True),
        ("SELECT 1 / 0", True),
        ("SELECT repeat('x', 1073741823) || 'x'", True),
        ("SELECT (repeat('[', 100000))::jsonb", True),
        ("DO $$ BEGIN RAISE 'no' USING ERRCODE = 'check_violation'; END $$", True),
        ("DO $$ BEGIN RAISE 'no'; END $$", True),
        ("DO $$ BEGIN RAISE 'cache lookup failed' USING ERRCODE = 'XX000'; END $$", False),
        ("SELECT nothing", False),
        ("SELECT pg_terminate_backend(pg_backend_pid())", False),
        ("DO $$ BEGIN RAISE 'full' USING ERRCODE = 'disk_full'; END $$", False),
    ],
)
def test_which_errors_are_a_row_s(settings: Settings, statement: str, is_row: bool) -> None:
    with contextlib.closing(connection_to(settings)) as connection:
        with pytest.raises(psycopg.Error) as failed:
            connection.execute(statement)
        assert is_of_a_row(failed.value) == is_row


# What used to stop a day, and gives rows.


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1e200, -1e200], (1e200, 0.0)),
        ([0.9, 0.5], (0.9, 0.7)),
        ([None, "0.5", 0.25], (0.5, 0.375)),
        (["high"], (None, None)),
        ([], (None, None)),
    ],
)
def test_scores_of_a_search(
    settings: Settings, scores: list[Any], expected: tuple[float | None, float | None]
) -> None:
    payload = {"query": "q", "results": [{"score": score} for score in scores]}
    come(
        settings,
        event("obsidian.semantic_search", payload),
        event("obsidian.semantic_search", json.dumps(payload)),
    )
    assert flatten(settings, table="obsidian_semantic_search").refused == 0
    for row in rows(settings, "SELECT * FROM obsidian_semantic_search"):
        assert (row["top_score"], row["mean_score"]) == expected
        assert (row["query"], row["result_count"]) == ("q", len(scores))


def test_arguments_of_nothing_but_brackets(settings: Settings) -> None:
    come(settings, event(payload={"tool_name": "t", "arguments": "[" * 16_384}, event_id="deep"))
    assert flatten(settings).refused == 0
    assert ids(settings, PRESENT) == ["deep"]


def test_a_preview_is_never_fatal(settings: Settings) -> None:
    """Nested deeper than Python reads, times that Python does not have, texts without end."""
    nested = {"tool_name": "t", "arguments": "[" * 1_500 + "]" * 1_500}  # JSON in text
    long = {"tool_name": "l" * 5_000, "result": "r" * 5_000}
    come(
        settings,
        event(payload=long, event_id="long"),
        event(payload=nested, event_id="deep"),
        event("llm.flow.lineage", {"kind": "node", "node_id": "n"}, event_id="node"),
    )
    assert materialize(settings, TABLE, "llm_flow_node", day=str(DAY)).success
    execute(
        settings,
        "UPDATE llm_tool_call SET occurred_at = '20000-01-01', duration_ms = 'Infinity'"
        " WHERE event_id = 'deep'",
    )
    execute(
        settings,
        "UPDATE llm_flow_node SET started_at = '0044-03-15 BC', ended_at = '20000-01-01'",
    )
    append = {"ops": {name: {"config": {"mode": "append"}} for name in (TABLE, "llm_flow_node")}}
    result = materialize(settings, TABLE, "llm_flow_node", day=str(DAY), config=append)
    [node] = metadata_of(result, "llm_flow_node", str(DAY))["rows"].records
    assert str(node.data["started_at"]).startswith("0044-03-15 00:00:00+00 BC")
    assert str(node.data["ended_at"]).startswith("20000-01-01")
    calls = {
        record.data["event_id"]: record.data
        for record in metadata_of(result, TABLE, str(DAY))["rows"].records
    }
    assert str(calls["deep"]["arguments"]).startswith("[" * 100)
    assert calls["deep"]["duration_ms"] == "inf"
    assert len(str(calls["long"]["tool_name"])) == len(str(calls["long"]["result"])) == 120


# The queue of what waits.


def test_the_ledger_s_history_costs_a_tick_nothing(settings: Settings) -> None:
    """What has been taken in is not looked at: the queue is empty, however long the ledger is."""
    come(settings, call("one"))
    for table in flat.FLAT_TABLES:
        flatten(settings, table=table)
    assert value(settings, "SELECT count(*) FROM flat_pending") == 0
    with connection_to(settings) as connection:
        assert flat.stale_days(connection) == {}
    come(settings, call("two"), call("three", occurred_at=datetime(2026, 11, 19, tzinfo=UTC)))
    with connection_to(settings) as connection:
        assert flat.stale_days(connection) == {DAY: 1, DAY - timedelta(days=1): 1}
    pending = rows(settings, "SELECT table_name FROM flat_pending WHERE occurred_on = %s", DAY)
    assert sorted(row["table_name"] for row in pending) == sorted(flat.FLAT_TABLES)


def test_every_flat_table_is_queued_for(settings: Settings) -> None:
    known = [row["table_name"] for row in rows(settings, "SELECT table_name FROM flat_table")]
    assert sorted(known) == sorted(flat.FLAT_TABLES)


def test_a_batch_that_lands_while_a_day_is_rebuilt_is_taken_in_once(settings: Settings) -> None:
    """It is in the queue still, though the rebuild had it from the ledger."""
    come(settings, call("one"))
    flatten(settings, rebuild=True)
    execute(
        settings,
        "INSERT INTO flat_pending SELECT table_name, occurred_on, batch_id FROM flat_batch",
    )
    done = flatten(settings)
    assert (done.rows_written, done.rows, done.batches) == (0, 1, 0)
    with connection_to(settings) as connection:
        connection.execute("DELETE FROM flat_pending WHERE table_name <> %s", (TABLE,))
        assert flat.stale_days(connection) == {}


# The command line.


@pytest.fixture
def cli(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_URL", settings.require_nats_url())
    monkeypatch.setenv("MODEL_FOUNDRY_NATS_STREAM", settings.nats_stream)
    return CliRunner()


def said(cli: CliRunner, *arguments: str, code: int = 0) -> str:
    result = cli.invoke(app, ["quarantine", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def listed(cli: CliRunner, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said(cli, "list", "--json", *arguments).splitlines()]


def test_both_kinds_are_listed_shown_and_replayed(poisoned: Settings, cli: CliRunner) -> None:
    come(poisoned, call("good"), call("bad\x1b[31m"), Raw("llm.tool_call", b"not JSON"))
    flatten(poisoned)
    found = listed(cli)
    assert [(item["refused_by"], item["reason"]) for item in found] == [
        ("door", "not_json"),
        ("table", "check_violation"),
    ]
    numbers = [str(found[0]["quarantine_id"]), str(found[1]["refused_id"])]
    assert len(set(numbers)) == 2
    assert [item["refused_by"] for item in listed(cli, "--table", TABLE)] == ["table"]
    assert [item["refused_by"] for item in listed(cli, "--reason", "not_json")] == ["door"]
    assert [item["refused_by"] for item in listed(cli, "--reason", "check_violation")] == ["table"]
    assert "there is no reason" in said(cli, "list", "--reason", "no such", code=1)
    assert "there is no flat table" in said(cli, "list", "--table", "nothing", code=1)
    shown = said(cli, "list")
    assert "\x1b[31m" not in shown
    assert all(word in shown for word in ("door", "not_json"))
    assert said(cli, "show", numbers[0], "--raw") == "not JSON"
    assert json.loads(said(cli, "show", numbers[1], "--raw")) == {"tool_name": "search"}
    assert "check_violation" in said(cli, "show", numbers[1])
    mend(poisoned)
    told = said(cli, "replay", numbers[1])
    assert "1 have their rows now, 0 stay refused" in told
    assert len(ids(poisoned, PRESENT)) == 2
    again = json.loads(said(cli, "replay", "--all", "--json"))
    assert again["flat"] == {"tried": 0, "accepted": 0, "gone": 0}
    assert (again["tried"], again["refused"]) == (1, 1)
    assert "say which" in said(cli, "replay", code=1)


def test_replay_says_what_is_gone(poisoned: Settings, cli: CliRunner) -> None:
    come(poisoned, call("bad"))
    with connection_to(poisoned) as connection:
        drop_day(poisoned, connection, DAY)
        assert [each.event_id for each in list_refused(connection, day=DAY)] == ["bad"]
    told = " ".join(said(cli, "replay", "--table", TABLE).split())
    assert "1 are of days that PostgreSQL has dropped: the lake's event_inbox has" in told
    [only] = listed(cli)
    assert "lake's event_inbox" in " ".join(said(cli, "show", str(only["refused_id"])).split())
    assert lake.lake_of(poisoned).live("event_inbox", DAY)
