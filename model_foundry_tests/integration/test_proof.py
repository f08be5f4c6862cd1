"""The proof, on streams as people have them: green where all is well, and exact where it is not."""

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import StreamConfig, StreamSource

from model_foundry.devstack.nats import NatsServer
from model_foundry.errors import FoundryError
from model_foundry.events.subjects import STREAM_SUBJECTS
from model_foundry.intake import jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.reconcile import Reconciled, accept, reconcile
from model_foundry.intake.replay import Stretch, replay
from model_foundry.settings import Settings
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value


def drained(settings: Settings) -> dict[str, Any]:
    return asyncio.run(drain(settings)).as_dict()


def proven(settings: Settings, *, whole: bool = False) -> Reconciled:
    with contextlib.closing(connection_to(settings)) as connection:
        return reconcile(settings, connection, whole=whole)


def accepted(settings: Settings, first: int, last: int, reason: str) -> None:
    with contextlib.closing(connection_to(settings)) as connection:
        accept(settings, connection, first, last, reason)


def in_jetstream(settings: Settings, *calls: Any) -> None:
    """Calls of JetStream, one after the other."""

    async def call() -> None:
        client = await jetstream.connect(settings)
        try:
            for each in calls:
                await each(client.jetstream(timeout=10))
        finally:
            await client.close()

    asyncio.run(call())


def deleted(settings: Settings, *seqs: int) -> None:
    name = settings.nats_stream
    in_jetstream(settings, *(lambda js, seq=seq: js.delete_msg(name, seq) for seq in seqs))


def published(settings: Settings, count: int, life: str = "e") -> None:
    publish(settings, [event(event_id=f"{life}{number}") for number in range(count)])


@pytest.mark.parametrize("before", [1_000_000, 2**53 - 1], ids=["a million", "2^53"])
def test_a_stream_that_existed_before_us(settings: Settings, before: int) -> None:
    config = StreamConfig(
        name=settings.nats_stream, subjects=list(STREAM_SUBJECTS), first_seq=before + 1
    )
    in_jetstream(settings, lambda js: js.add_stream(config))
    lax = settings.model_copy(update={"nats_config": "accept"})
    published(lax, 6)
    deleted(lax, before + 3)
    assert drained(lax)["landed"] == 5
    found = proven(lax)
    assert found.missing == [(before + 3, before + 3)]
    assert (found.first_seq, found.floor, found.inbox) == (before + 1, before + 6, 5)
    assert proven(lax, whole=True).missing == found.missing


def test_a_mirror_whose_messages_are_older_than_itself(settings: Settings) -> None:
    origin = StreamConfig(name=f"{settings.nats_stream}_origin", subjects=list(STREAM_SUBJECTS))
    in_jetstream(settings, lambda js: js.add_stream(origin))
    published(settings.model_copy(update={"nats_stream": str(origin.name)}), 10)
    mirror = StreamConfig(name=settings.nats_stream, mirror=StreamSource(name=str(origin.name)))
    in_jetstream(settings, lambda js: js.add_stream(mirror), _filled(settings, 10))
    deleted(settings, 4)
    assert drained(settings)["landed"] == 9
    found = proven(settings)
    assert (found.missing, found.floor) == ([(4, 4)], 10)


def test_a_stream_of_sources(settings: Settings) -> None:
    names = [f"{settings.nats_stream}_{number}" for number in range(2)]
    kinds = (["llm.>", "knowledge.>"], ["obsidian.>"])
    origins = [
        StreamConfig(name=name, subjects=subjects)
        for name, subjects in zip(names, kinds, strict=True)
    ]
    in_jetstream(settings, *(lambda js, o=origin: js.add_stream(o) for origin in origins))
    lax = settings.model_copy(update={"nats_config": "accept", "nats_stream": names[0]})
    publish(lax, [event("llm.tool_call"), event("obsidian.semantic_search", {})] * 3)
    hub = StreamConfig(
        name=settings.nats_stream, sources=[StreamSource(name=name) for name in names]
    )
    in_jetstream(settings, lambda js: js.add_stream(hub), _filled(settings, 6))
    lax = lax.model_copy(update={"nats_stream": settings.nats_stream})
    assert drained(lax)["messages"] == 6
    found = proven(lax)
    assert (found.missing, found.floor) == ([], 6)


def _filled(settings: Settings, count: int) -> Any:
    async def wait(context: Any) -> None:
        name = settings.nats_stream
        while (await context.stream_info(name)).state.messages < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    return wait


def test_three_lives_of_a_stream(settings: Settings) -> None:
    for life, count in (("first", 9), ("second", 4), ("third", 6)):
        published(settings, count, life)
        if life == "third":
            deleted(settings, 5)
        drained(settings)
        found = proven(settings)
        assert found.missing == ([(5, 5)] if life == "third" else []), life
        assert found.floor == count
        if life != "third":
            in_jetstream(settings, lambda js: js.delete_stream(settings.nats_stream))
    assert found.keyed == 0, "keys of other lives are none of this one's"
    assert value(settings, "SELECT count(*) FROM event_inbox") == 9 + 4 + 5
    assert value(settings, "SELECT count(*) FROM stream_life") == 3


@pytest.fixture
def restorable(home: Path) -> tuple[NatsServer, Path]:
    """A server of its own, whose store can be put back to what it was."""
    return NatsServer(home / "nats", log=home / "nats.log"), home


def test_a_stream_restored_from_a_backup_gives_numbers_a_second_time(
    settings: Settings, restorable: tuple[NatsServer, Path]
) -> None:
    server, folder = restorable
    with server:
        own = settings.model_copy(update={"nats_url": server.url})
        published(own, 5, "before")
        drained(own)
        assert not proven(own).missing
    shutil.copytree(folder / "nats", folder / "backup")
    with server:
        own = settings.model_copy(update={"nats_url": server.url})
        published(own, 7, "lost")
        drained(own)
        assert proven(own).floor == 12
    shutil.rmtree(folder / "nats")
    shutil.copytree(folder / "backup", folder / "nats")
    with server:
        own = settings.model_copy(update={"nats_url": server.url})
        published(own, 9, "after")
        deleted(own, 8, 13)
        assert drained(own)["landed"] == 7
        found = proven(own)
        assert found.missing == [(8, 8), (13, 13)]
        assert (found.first_seq, found.floor, found.inbox) == (6, 14, 7)


def test_what_a_purge_took_is_accepted_for_a_reason_that_is_kept(settings: Settings) -> None:
    published(settings, 3)
    drained(settings)
    assert not proven(settings).missing
    published(settings, 5, "purged")
    in_jetstream(settings, lambda js: js.purge_stream(settings.nats_stream))
    published(settings, 2, "after")
    drained(settings)
    found = proven(settings)
    assert found.missing == [(4, 8)]
    assert "--accept" in found.explained()
    with pytest.raises(FoundryError, match=r"missing are: 4–8"):
        accepted(settings, 1, 3, "why not")
    with pytest.raises(FoundryError, match="--reason"):
        accepted(settings, 4, 8, "  ")
    accepted(settings, 1, 6, "purged by hand")
    assert proven(settings).missing == [(7, 8)]
    accepted(settings, 7, 100, "that too")
    for whole in (False, True):
        found = proven(settings, whole=whole)
        assert not found.missing
        assert [(each.first_seq, each.last_seq, each.reason) for each in found.accepted] == [
            (4, 6, "purged by hand"),
            (7, 8, "that too"),
        ]
        assert "Accepted as lost: 5 (4–6, 7–8)." in found.explained()
    published(settings, 2, "later")
    deleted(settings, 11)
    drained(settings)
    assert proven(settings).missing == [(11, 11)], "what was accepted ends where it was found"


def test_what_was_proven_is_told_in_words_that_hold(settings: Settings) -> None:
    told = []
    for life, count in (("none", 0), ("one", 1), ("nothing new", 0), ("more", 3), ("last", 1)):
        publish(settings, [event(event_id=f"{life}{number}") for number in range(count)])
        drained(settings)
        told.append(proven(settings).explained().removeprefix(f"{settings.nats_stream}: "))
    assert told == [
        "nothing has been acknowledged yet.",
        "sequence 1 is accounted for.",
        "nothing new since sequence 1; what came before is all accounted for.",
        "sequences 2 to 4 are all accounted for.",
        "sequence 5 is accounted for.",
    ]
    publish(settings, [event(), event()])
    deleted(settings, 6)
    drained(settings)
    assert "1 acknowledged sequence lies nowhere: 6." in proven(settings).explained()
    in_jetstream(settings, lambda js: js.purge_stream(settings.nats_stream))
    told = [proven(settings).explained()]
    assert "The stream still holds" not in told[0], "it is empty"
    assert "--accept" in told[0]


def test_before_there_is_a_stream_nothing_has_been_acknowledged(settings: Settings) -> None:
    assert proven(settings).explained().endswith(": nothing has been acknowledged yet.")


def test_what_is_missing_is_looked_for_again_and_nothing_else_is(settings: Settings) -> None:
    published(settings, 10)
    drained(settings)
    execute(settings, "DELETE FROM event_inbox WHERE stream_seq = 4")
    assert proven(settings).missing == [(4, 4)]
    execute(settings, "DELETE FROM event_inbox WHERE stream_seq = 7")
    published(settings, 5, "more")
    drained(settings)
    found = proven(settings)
    assert (found.missing, found.inbox) == ([(4, 4)], 5), "proven is proven; the missing still is"
    assert proven(settings, whole=True).missing == [(4, 4), (7, 7)]
    execute(settings, "DELETE FROM event_key WHERE stream_seq IN (4, 7)")
    asyncio.run(replay(settings, Stretch(from_seq=4, until_seq=7)))
    assert not proven(settings).missing
    assert "nothing new since sequence 15" in proven(settings).explained()


def test_rows_are_proven_not_keys(settings: Settings) -> None:
    published(settings, 4)
    drained(settings)
    execute(settings, "ALTER TABLE event_inbox DETACH PARTITION event_inbox_p20261120")
    found = proven(settings)
    assert found.missing == [(1, 4)]
    assert found.keyed == 4
    assert "detached" in found.explained()


def test_a_late_event_of_a_detached_day_lands_where_readers_look(settings: Settings) -> None:
    published(settings, 2)
    drained(settings)
    assert not proven(settings).missing
    execute(settings, "ALTER TABLE event_inbox DETACH PARTITION event_inbox_p20261120")
    published(settings, 3, "late")
    drained(settings)
    assert value(settings, "SELECT count(*) FROM event_inbox") == 3
    assert value(settings, "SELECT count(*) FROM event_inbox_p20261120") == 2
    partition = "SELECT partition_name FROM day_partition WHERE table_name = 'event_inbox'"
    names = {row["partition_name"] for row in rows(settings, partition)}
    assert "event_inbox_p20261120_2" in names
    found = proven(settings)
    assert (found.missing, found.inbox) == ([], 3)
