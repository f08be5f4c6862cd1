"""From NATS to `event_inbox`: what lands, what is counted, what is quarantined."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.measured import Call
from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.archive import import_file
from model_foundry.intake.drain import drain
from model_foundry.intake.quarantine import list_quarantined, replay_quarantined, show_quarantined
from model_foundry.intake.reconcile import reconcile
from model_foundry.intake.replay import Stretch, replay
from model_foundry.settings import Settings
from model_foundry_tests.line import Raw, connection_to, event, execute, publish, rows, value


def drained(settings: Settings) -> dict[str, Any]:
    return asyncio.run(drain(settings, run_id="run-1")).as_dict()


def assert_reconciles(settings: Settings) -> None:
    with connection_to(settings) as connection:
        found = reconcile(settings, connection, whole=True)
    assert not found.missing, found.explained()


def test_an_empty_queue_gives_zeros(settings: Settings) -> None:
    result = drained(settings)
    assert result["status"] == "empty"
    counts = ("messages", "landed", "duplicates", "redelivered", "quarantined", "repaired", "bytes")
    assert [result[name] for name in counts] == [0] * 7
    assert (result["touched_days"], result["preview"]) == ({}, [])


def test_events_land_whole(settings: Settings) -> None:
    payload = {"tool_name": "search", "arguments": {"q": "日本語"}, "unknown": [1, 2.5, None]}
    publish(settings, [event(payload=payload, event_id="e1", causation_id="e0")])
    result = drained(settings)
    assert (result["status"], result["landed"]) == ("drained", 1)
    assert result["touched_days"] == {"2026-11-20": 1}
    [row] = rows(settings, "SELECT * FROM event_inbox")
    assert row["event_id"] == "e1"
    assert row["payload"] == payload
    assert (row["correlation_id"], row["causation_id"], row["source"]) == (
        "session-1",
        "e0",
        "test",
    )
    assert (row["stream"], row["stream_seq"]) == (settings.nats_stream, 1)
    assert row["occurred_on"].isoformat() == "2026-11-20"
    assert datetime.now(UTC) - row["received_at"] < timedelta(minutes=1)
    [batch] = rows(settings, "SELECT * FROM intake_batch")
    assert (batch["run_id"], batch["messages"], batch["landed"]) == ("run-1", 1, 1)
    assert_reconciles(settings)


def test_a_mixed_queue_lands_maps_repairs_counts_and_quarantines(settings: Settings) -> None:
    publish(
        settings,
        [
            event(event_id="good"),
            Raw("llm.tool_call", b"this is not JSON"),
            Raw("llm.tool_call", rb'{"event_id":"nul","payload":{"text":"a\u0000b"}}'),
            event(event_id="good"),
            event("knowledge.embedding", {"query": "q"}, event_id="old"),
            event("llm.new.thing", {"x": 1}, event_id="unknown"),
        ],
    )
    result = drained(settings)
    assert {name: result[name] for name in ("messages", "landed", "duplicates", "quarantined")} == {
        "messages": 6, "landed": 4, "duplicates": 1, "quarantined": 1,
    }  # fmt: skip
    assert result["repaired"] == 1
    inbox = {row["event_id"]: row for row in rows(settings, "SELECT * FROM event_inbox")}
    assert inbox.keys() == {"good", "nul", "old", "unknown"}
    assert inbox["good"]["payload"] == {"tool_name": "search"}
    assert inbox["nul"]["payload"] == {"text": "a\ufffdb"}
    assert inbox["nul"]["payload_repaired"]
    assert inbox["old"]["subject"] == "obsidian.semantic_search"
    assert inbox["old"]["published_subject"] == "knowledge.embedding"
    [bad] = rows(settings, "SELECT * FROM event_quarantine")
    assert (bad["reason"], bad["raw"], bad["stream_seq"]) == ("not_json", b"this is not JSON", 2)
    assert drained(settings)["status"] == "empty"
    assert_reconciles(settings)


def test_a_row_that_postgres_refuses_stands_alone(settings: Settings) -> None:
    huge = Raw("llm.tool_call", b'{"event_id":"huge","payload":{"n":1e999999}}')
    publish(settings, [event(event_id=f"e{i}") for i in range(20)] + [huge])
    result = drained(settings)
    assert (result["landed"], result["quarantined"]) == (20, 1)
    [bad] = rows(settings, "SELECT reason, detail, raw FROM event_quarantine")
    assert bad["reason"] == "refused_by_postgres"
    assert "overflow" in bad["detail"]
    assert bad["raw"] == huge.body
    assert_reconciles(settings)


def test_a_stream_made_anew_loses_no_event_without_id(settings: Settings) -> None:
    nameless = Raw("llm.tool_call", b'{"payload":{"life":1}}')
    publish(settings, [nameless])
    drained(settings)

    async def delete() -> None:
        client = await jetstream.connect(settings)
        await client.jetstream().delete_stream(settings.nats_stream)
        await client.close()

    asyncio.run(delete())
    publish(settings, [nameless._replace(body=b'{"payload":{"life":2}}')])
    assert drained(settings)["landed"] == 1
    lives = rows(settings, "SELECT event_id, payload -> 'life' AS life FROM event_inbox")
    assert {row["life"] for row in lives} == {1, 2}
    assert_reconciles(settings)


def test_bounds_end_a_drain_and_the_next_goes_on(settings: Settings) -> None:
    publish(settings, [event() for _ in range(25)])
    bounded = settings.model_copy(update={"intake_batch_messages": 5, "intake_max_messages": 12})
    first = drained(bounded)
    assert (first["status"], first["landed"], first["batches"]) == ("limit", 12, 3)
    assert drained(settings)["landed"] == 13
    assert value(settings, "SELECT count(*) FROM event_inbox") == 25


def test_drains_at_once_share_the_work(settings: Settings) -> None:
    publish(settings, [event() for _ in range(3_000)])
    small = settings.model_copy(update={"intake_batch_messages": 100})

    async def together() -> list[dict[str, Any]]:
        results = await asyncio.gather(*(drain(small) for _ in range(3)))
        return [result.as_dict() for result in results]

    results = asyncio.run(together())
    assert sum(result["landed"] for result in results) == 3_000
    assert value(settings, "SELECT count(DISTINCT event_id) FROM event_inbox") == 3_000
    assert_reconciles(settings)


def test_what_was_committed_and_not_acknowledged_is_not_landed_twice(settings: Settings) -> None:
    publish(settings, [event(event_id=f"e{i}") for i in range(10)])
    asyncio.run(replay(settings, Stretch()))
    result = drained(settings)
    assert (result["landed"], result["redelivered"], result["duplicates"]) == (0, 10, 0)
    assert value(settings, "SELECT count(*) FROM event_inbox") == 10
    assert_reconciles(settings)


def test_replay_of_a_stretch_lands_what_is_missing(settings: Settings) -> None:
    publish(settings, [event(event_id=f"e{i}") for i in range(1, 11)])
    drained(settings)
    execute(settings, "DELETE FROM event_inbox WHERE stream_seq BETWEEN 4 AND 6")
    execute(settings, "DELETE FROM event_key WHERE stream_seq BETWEEN 4 AND 6")
    with connection_to(settings) as connection:
        found = reconcile(settings, connection, whole=True)
    assert found.missing == [(4, 6)]
    assert "4–6" in found.explained()
    result = asyncio.run(replay(settings, Stretch(from_seq=3, until_seq=7))).as_dict()
    assert (result["messages"], result["landed"], result["redelivered"]) == (5, 3, 2)
    assert_reconciles(settings)


def test_quarantine_is_listed_shown_and_replayed_once_it_is_fixed(settings: Settings) -> None:
    strict = settings.model_copy(update={"event_max_bytes": 1_024})
    large = event(payload={"text": "x" * 2_000}, event_id="large")
    publish(settings, [large, Raw("llm.tool_call", b"never JSON")])
    drained(strict)
    with connection_to(settings) as connection:
        listed = list_quarantined(connection, reason=None, limit=10)
        assert [item.reason for item in listed] == ["not_json", "too_large"]
        shown = show_quarantined(connection, listed[1].quarantine_id)
    assert shown.raw == large.body
    assert replay_quarantined(strict) == (2, 0, 0, 2)
    assert replay_quarantined(settings, reason="too_large") == (1, 1, 0, 0)
    assert replay_quarantined(settings) == (1, 0, 0, 1)
    assert value(settings, "SELECT event_id FROM event_inbox") == "large"
    with pytest.raises(FoundryError, match="known: empty_body"):
        replay_quarantined(settings, reason="nonsense")


def test_import_of_a_file_goes_through_the_same_door_once(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "old.ndjson"
    lines = [event(event_id="a").body, b"{broken", rb'{"payload":{"without":"id"}}', b""]
    file.write_bytes(b"\n".join(lines))
    first = asyncio.run(import_file(settings, file)).as_dict()
    assert (first["landed"], first["quarantined"]) == (2, 1)
    again = asyncio.run(import_file(settings, file)).as_dict()
    assert (again["landed"], again["redelivered"]) == (0, 2)
    assert value(settings, "SELECT count(*) FROM event_quarantine") == 1


def test_a_stream_configured_otherwise_is_told_and_left_alone(settings: Settings) -> None:
    async def make(**changes: Any) -> None:
        client = await jetstream.connect(settings)
        config = configuration.stream_config(settings).evolve(**changes)
        await client.jetstream().add_stream(config)
        await client.close()

    async def subjects() -> list[str]:
        client = await jetstream.connect(settings)
        info = await client.jetstream().stream_info(settings.nats_stream)
        await client.close()
        return list(info.config.subjects or [])

    asyncio.run(make(subjects=["llm.>", "mine.>"]))
    with pytest.raises(
        FoundryError, match=r"subjects lack knowledge\.>, obsidian\.>.*left as it is"
    ):
        drained(settings)
    assert drained(settings.model_copy(update={"nats_config": "accept"}))["status"] == "empty"
    assert asyncio.run(subjects()) == ["llm.>", "mine.>"]
    assert drained(settings.model_copy(update={"nats_config": "apply"}))["status"] == "empty"
    assert set(asyncio.run(subjects())) == {"llm.>", "mine.>", "knowledge.>", "obsidian.>"}


def test_a_consumer_configured_otherwise_is_told_and_left_alone(settings: Settings) -> None:
    async def make() -> None:
        client = await jetstream.connect(settings)
        await configuration.ensure_stream(client, settings)
        config = configuration.consumer_config(settings).evolve(max_deliver=3, ack_wait=5)
        await client.jetstream().add_consumer(settings.nats_stream, config)
        await client.close()

    asyncio.run(make())
    with pytest.raises(FoundryError, match=r"ack_wait is 5.*, not 120.*max_deliver is 3, not -1"):
        drained(settings)
    assert drained(settings.model_copy(update={"nats_config": "apply"}))["status"] == "empty"
    assert drained(settings)["status"] == "empty"


def test_servers_out_of_reach_are_named_without_secrets(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"nats_url": "nats://me:secret@127.0.0.1:1"})
    with pytest.raises(FoundryError, match=r"NATS at 127\.0\.0\.1:1 cannot be reached") as nats:
        drained(nowhere)
    assert "secret" not in str(nats.value)
    lost = Settings.model_validate(
        {
            **settings.model_dump(),
            "postgres_url": "postgresql://me:secret@127.0.0.1:1/x",
            "intake_retry_s": 0.5,
        }
    )
    publish(settings, [event()])
    with pytest.raises(FoundryError, match="Nothing is lost") as refused:
        drained(lost)
    assert "secret" not in str(refused.value)


def drain_of(settings: Settings) -> Callable[[], object]:
    return lambda: asyncio.run(drain(settings))


def test_memory_does_not_grow_with_the_backlog_or_its_messages(
    settings: Settings, tmp_path: Path
) -> None:
    large = {"text": "What was asked and answered. " * 30_000}
    publish(settings, [event("llm.tool_call", large) for _ in range(150)])
    [outcome] = harness.measure(Call(drain_of, settings), log=tmp_path / "log")
    assert value(settings, "SELECT count(*) FROM event_inbox") == 150
    assert outcome.peak_rss_mb < 300
