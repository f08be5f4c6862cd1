"""What JetStream gave up reaches the inbox or the quarantine: a real consumer with max_deliver."""

import asyncio
from typing import Any

import pytest
from nats.js.api import StreamConfig

from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.pull import Delivery, Puller
from model_foundry.intake.reconcile import reconcile
from model_foundry.intake.replay import Stretch, replay
from model_foundry.settings import Settings
from model_foundry_tests.faults.intake_line import wait_until
from model_foundry_tests.line import Raw, connection_to, event, publish, rows


@pytest.fixture
def accepting(settings: Settings) -> Settings:
    """Somebody else configured the consumer: one delivery of a second, and no more."""
    accepting = settings.model_copy(update={"nats_config": "accept"})
    asyncio.run(_make_consumer(accepting))
    assert pending(accepting) == 0
    return accepting


async def _make_consumer(settings: Settings) -> None:
    client = await jetstream.connect(settings)
    await configuration.ensure_stream(client, settings)
    config = configuration.consumer_config(settings).evolve(max_deliver=1, ack_wait=1)
    await client.jetstream().add_consumer(settings.nats_stream, config)
    await client.close()


def pending(settings: Settings) -> int:
    return asyncio.run(configuration.pending_count(settings))


def drained(settings: Settings) -> dict[str, Any]:
    return asyncio.run(drain(settings)).as_dict()


def await_advisories(settings: Settings, count: int) -> None:
    """Until so many wait, and the consumer has let go of what they are about."""

    async def waiting() -> int:
        client = await jetstream.connect(settings)
        try:
            return await configuration.advisories_waiting(client, settings)
        finally:
            await client.close()

    wait_until(lambda: asyncio.run(waiting()) == count, f"{count} advisories wait")


async def take(
    settings: Settings, count: int, answers: dict[int, bytes] | None = None
) -> list[Delivery]:
    """Take messages from the durable, and give each the answer under its sequence, if any."""
    client = await jetstream.connect(settings)
    async with Puller(client, settings.nats_stream, settings.nats_durable) as puller:
        pulled = await puller.fetch(count, max_bytes=1024**2, wait_s=5)
        for delivery in pulled.deliveries:
            if (answer := (answers or {}).get(delivery.message.seq)) is not None:
                await client.answer([delivery.reply], answer)
    await client.close()
    assert len(pulled.deliveries) == count
    return pulled.deliveries


async def delete(settings: Settings, seq: int) -> None:
    client = await jetstream.connect(settings)
    await client.jetstream().delete_msg(settings.nats_stream, seq)
    await client.close()


def test_what_the_server_gave_up_goes_through_the_door(accepting: Settings) -> None:
    nameless = Raw("llm.tool_call", '{"payload":{"n":"日本"}}'.encode(), {"Nats-Msg-Id": "id-ü"})
    bad = Raw("llm.tool_call", b"not JSON", {"X": "1"})
    publish(
        accepting,
        [event(event_id="lapsed"), nameless, bad, event(event_id="gone"), event(event_id="landed")],
    )
    asyncio.run(replay(accepting, Stretch(from_seq=5)))  # landed, and never acknowledged
    asyncio.run(take(accepting, 5, {2: b"+TERM of no use"}))
    asyncio.run(delete(accepting, 4))
    publish(accepting, [event(event_id="later")])
    await_advisories(accepting, 5)
    assert pending(accepting) == 5 + 1
    result = drained(accepting)
    assert result["status"] == "drained"
    counts = ("messages", "landed", "redelivered", "quarantined")
    assert [result[name] for name in counts] == [6, 3, 1, 2]
    landed = {row["event_id"]: row for row in rows(accepting, "SELECT * FROM event_inbox")}
    assert landed.keys() == {"lapsed", "id-ü", "landed", "later"}
    assert landed["id-ü"]["payload"] == {"n": "日本"}
    assert landed["id-ü"]["stream_seq"] == 2
    quarantined = rows(accepting, "SELECT * FROM event_quarantine ORDER BY stream_seq")
    assert [(row["stream_seq"], row["reason"], row["raw"]) for row in quarantined] == [
        (3, "not_json", b"not JSON"),
        (4, "delivery_given_up", b""),
    ]
    assert quarantined[0]["headers"] == {"X": "1"}
    assert "Unacknowledged message was deleted" in quarantined[1]["detail"]
    with connection_to(accepting) as connection:
        proof = reconcile(accepting, connection, whole=True)
    assert not proof.missing, proof.explained()
    assert proof.floor == 6
    assert pending(accepting) == 0
    assert drained(accepting)["status"] == "empty"


def test_without_the_advisories_the_proof_names_what_was_given_up(accepting: Settings) -> None:
    publish(accepting, [event(event_id="lapsed"), event(event_id="good")])
    asyncio.run(take(accepting, 1))
    await_advisories(accepting, 1)

    async def forget() -> None:
        client = await jetstream.connect(accepting)
        await client.jetstream().delete_stream(configuration.advisory_stream(accepting))
        await client.close()

    asyncio.run(forget())
    assert drained(accepting)["landed"] == 1
    with connection_to(accepting) as connection:
        assert reconcile(accepting, connection).missing == [(1, 1)]


def test_a_message_that_landed_before_it_was_removed_is_not_quarantined(
    accepting: Settings,
) -> None:
    publish(accepting, [event(event_id="landed")])
    asyncio.run(replay(accepting, Stretch()))
    asyncio.run(take(accepting, 1))
    asyncio.run(delete(accepting, 1))
    await_advisories(accepting, 1)
    assert drained(accepting)["quarantined"] == 0
    assert rows(accepting, "SELECT * FROM event_quarantine") == []
    assert pending(accepting) == 0


def test_advisories_that_another_stream_takes_are_told(settings: Settings) -> None:
    async def take_them() -> None:
        client = await jetstream.connect(settings)
        config = StreamConfig(name="AUDIT", subjects=["$JS.EVENT.ADVISORY.>"], max_bytes=1024**2)
        await client.jetstream().add_stream(config)
        await client.close()

    asyncio.run(take_them())
    with pytest.raises(FoundryError, match=r"subjects overlap.*MODEL_FOUNDRY_NATS_CONFIG=accept"):
        drained(settings)
    publish(settings, [event(event_id="good")])
    assert drained(settings.model_copy(update={"nats_config": "accept"}))["landed"] == 1
