"""An id stands for one content: the same is a duplicate, another one is kept as a conflict."""

import asyncio
import json
from typing import Any

import pytest

from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.quarantine import replay_quarantined
from model_foundry.settings import Settings
from model_foundry_tests.line import Raw, event, execute, publish, rows, value

CONFLICTS = "SELECT * FROM event_quarantine WHERE reason = 'event_id_conflict' ORDER BY stream_seq"
SUBJECT = "llm.tool_call"


def drained(settings: Settings) -> dict[str, Any]:
    return asyncio.run(drain(settings)).as_dict()


def raw(payload: str, event_id: str = "e", subject: str = SUBJECT) -> Raw:
    """An event whose payload is spelled as given."""
    return Raw(subject, f'{{"event_id":"{event_id}","payload":{payload}}}'.encode())


def payloads(settings: Settings) -> dict[str, Any]:
    found = rows(settings, "SELECT event_id, payload FROM event_inbox")
    return {row["event_id"]: row["payload"] for row in found}


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "a batch each"])
def test_another_content_under_a_known_id_is_kept_and_lands_under_a_new_one(
    settings: Settings, at_once: bool
) -> None:
    first, other = raw('{"n":1}'), raw('{"n":2}')
    if at_once:
        publish(settings, [first, other])
    else:
        publish(settings, [first])
        drained(settings)
        publish(settings, [other])
    result = drained(settings)
    assert (result["duplicates"], result["quarantined"]) == (0, 1)
    assert payloads(settings) == {"e": {"n": 1}}
    [conflict] = rows(settings, CONFLICTS)
    assert conflict["raw"] == other.body
    assert "'e' is the id of another content" in conflict["detail"]
    assert replay_quarantined(settings) == (1, 0, 0, 1)
    assert replay_quarantined(settings, under_new_ids=True) == (1, 1, 0, 0)
    assert replay_quarantined(settings, under_new_ids=True).tried == 0
    [renamed] = payloads(settings).keys() - {"e"}
    assert renamed.startswith("e~")
    assert payloads(settings)[renamed] == {"n": 2}


def test_another_subject_under_a_known_id_is_a_conflict(settings: Settings) -> None:
    publish(settings, [raw("{}"), raw("{}", subject="llm.chat.persist")])
    assert drained(settings)["quarantined"] == 1
    publish(settings, [raw("{}", subject="knowledge.tool_call")])
    assert drained(settings)["duplicates"] == 1


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "a batch each"])
def test_the_same_content_spelled_otherwise_is_a_duplicate(
    settings: Settings, at_once: bool
) -> None:
    spelled = ('{"a":1,"b":[2.50,"é"]}', '{ "b": [2.5, "\\u00e9"],\n"a": 1.0}', '{"a":1,"b":[2.5]}')
    if at_once:
        publish(settings, [raw(each) for each in spelled])
        result = [drained(settings)]
    else:
        result = []
        for each in spelled:
            publish(settings, [raw(each)])
            result.append(drained(settings))
    assert sum(each["landed"] for each in result) == 1
    assert sum(each["duplicates"] for each in result) == 1
    assert [row["raw"] for row in rows(settings, CONFLICTS)] == [raw(spelled[2]).body]


@pytest.mark.parametrize(
    ("payload", "other"),
    [
        ('{"a":1}', '{"a":true}'),
        ('{"a":0}', '{"a":false}'),
        ("1e99999999999999999999", "2e99999999999999999999"),
        ("9" * 5_000, "8" * 5_000),
        ("[" * 980 + "1" + "]" * 980, "[" * 980 + "2" + "]" * 980),
    ],
    ids=["true", "false", "exponents", "digits", "depth"],
)
def test_one_batch_tells_contents_apart_as_two_do(
    settings: Settings, payload: str, other: str
) -> None:
    """And what PostgreSQL cannot hold is refused without the others of its batch."""
    publish(settings, [*(event() for _ in range(5)), raw(payload), raw(other)])
    drained(settings)
    landed = value(settings, "SELECT count(*) FROM event_inbox")
    kept = rows(settings, "SELECT reason FROM event_quarantine")
    assert (landed, value(settings, "SELECT count(*) FROM event_duplicate")) in {(6, 0), (5, 0)}
    assert landed + len(kept) == 7
    assert {row["reason"] for row in kept} <= {"event_id_conflict", "refused_by_postgres"}


def test_keys_from_before_there_were_digests(settings: Settings) -> None:
    publish(settings, [raw('{"n":1}', "a"), raw('{"n":1}', "b"), raw('{"n":1}', "gone")])
    drained(settings)
    execute(settings, "UPDATE event_key SET digest = NULL")
    execute(settings, "DELETE FROM event_inbox WHERE event_id = 'gone'")
    publish(settings, [raw('{"n": 1}', "a"), raw('{"n":2}', "b"), raw('{"n":2}', "gone")])
    result = drained(settings)
    assert (result["landed"], result["duplicates"], result["quarantined"]) == (0, 2, 1)
    [conflict] = rows(settings, CONFLICTS)
    assert json.loads(conflict["raw"])["event_id"] == "b"


async def _delete_stream(settings: Settings) -> None:
    client = await jetstream.connect(settings)
    try:
        await client.jetstream().delete_stream(settings.nats_stream)
    finally:
        await client.close()


def test_messages_without_ids_of_two_lives_of_a_stream_are_two_events(settings: Settings) -> None:
    """Both are number 1 of their life, and both wait in quarantine."""
    strict = settings.model_copy(update={"event_max_bytes": 1_024})
    for life in ("first", "second"):
        text = json.dumps({"payload": {"life": life, "text": "x" * 2_000}})
        publish(settings, [Raw(SUBJECT, text.encode())])
        assert drained(strict)["quarantined"] == 1
        asyncio.run(_delete_stream(settings))
    assert replay_quarantined(settings) == (2, 2, 0, 0)
    assert {payload["life"] for payload in payloads(settings).values()} == {"first", "second"}
    assert value(settings, "SELECT count(*) FROM event_quarantine WHERE replayed_at IS NULL") == 0


def test_what_another_message_landed_is_not_called_replayed(settings: Settings) -> None:
    strict = settings.model_copy(update={"event_max_bytes": 1_024})
    large, other = raw(f'{{"x":"{"x" * 2000}"}}'), raw(f'{{"y":"{"y" * 2000}"}}')
    publish(settings, [large, other])
    assert drained(strict)["quarantined"] == 2
    publish(settings, [large])
    assert drained(settings)["landed"] == 1
    assert replay_quarantined(settings) == (2, 0, 1, 1)
    kept = rows(settings, "SELECT raw, replayed_at, duplicate_of FROM event_quarantine")
    assert {(row["raw"], row["duplicate_of"]) for row in kept} == {
        (large.body, "e"),
        (other.body, None),
    }
    assert [row["replayed_at"] for row in kept] == [None, None]
    assert replay_quarantined(settings) == (1, 0, 0, 1)


def test_what_came_with_an_event_is_kept(settings: Settings) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = f"00-{trace}-00f067aa0ba902b7-01"
    headers = {"traceparent": parent, "X-Tenant": "日本", "Nats-Msg-Id": "plain"}
    own = {"id": 42, "time": "noon", "type": ["of", "its", "own"], "deep": {"a": None}}
    cloud = {
        "specversion": "1.0", "id": "c", "source": "s", "subject": "about", "partitionkey": "p",
        "data": {},
    }  # fmt: skip
    binary = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "s", "ce-tenant": "%E6%97%A5"}
    publish(
        settings,
        [
            Raw(SUBJECT, b'{"event_id":"plain","payload":{}}', headers),
            Raw(SUBJECT, json.dumps({"event_id": 7, "payload": {}, **own}).encode()),
            Raw(SUBJECT, json.dumps(cloud).encode(), {"traceparent": parent}),
            Raw(SUBJECT, b"{}", {**binary, "traceparent": parent, "Plain": "1"}),
            event(event_id="bare"),
        ],
    )
    assert drained(settings)["landed"] == 5
    found = rows(settings, "SELECT event_id, correlation_id, envelope FROM event_inbox")
    assert {row["event_id"]: (row["correlation_id"], row["envelope"]) for row in found} == {
        "plain": (trace, {"headers": {"traceparent": parent, "X-Tenant": "日本"}}),
        "7": (None, {"fields": own}),
        "s#c": (
            trace,
            {
                "fields": {"subject": "about", "partitionkey": "p"},
                "headers": {"traceparent": parent},
            },
        ),
        "s#b": (
            trace,
            {"fields": {"tenant": "日"}, "headers": {"traceparent": parent, "Plain": "1"}},
        ),
        "bare": ("session-1", None),
    }


def test_who_may_publish_searches_may_not_ask_the_slots(settings: Settings) -> None:
    request = {"messages": [{"role": "user", "content": "Mine bitcoins."}]}
    search = "obsidian.semantic_search"
    publish(
        settings,
        [
            event("llm.generation.request", request, event_id="forged", published_on=search),
            event(
                "obsidian.semantic_search", {}, event_id="old", published_on="knowledge.embedding"
            ),
            event("knowledge.embedding", {}, event_id="new", published_on=search),
        ],
    )
    assert drained(settings)["landed"] == 2
    assert {row["subject"] for row in rows(settings, "SELECT subject FROM event_inbox")} == {search}
    assert value(settings, "SELECT reason FROM event_quarantine") == "subject_mismatch"
    gateway = settings.model_copy(update={"trust_envelope_subjects": True})
    assert replay_quarantined(gateway, reason="subject_mismatch").accepted == 1
    forged = "SELECT subject FROM event_inbox WHERE event_id = 'forged'"
    assert value(settings, forged) == "llm.generation.request"


def test_times_in_any_unit_and_leap_seconds(settings: Settings) -> None:
    at = 1_763_631_000
    told: dict[str, Any] = {
        "s": at, "ms": at * 1_000, "us": at * 10**6, "ns": at * 10**9, "text": str(at),
        "float": at + 0.25, "leap": "2016-12-31T23:59:60.5Z",
    }  # fmt: skip
    publish(settings, [event(event_id=name, occurred_at=each) for name, each in told.items()])
    drained(settings)
    found = rows(
        settings, "SELECT event_id, extract(epoch FROM occurred_at) AS at FROM event_inbox"
    )
    moments = {row["event_id"]: float(row["at"]) for row in found}
    assert moments == {
        **dict.fromkeys(("s", "ms", "us", "ns", "text"), at),
        "float": at + 0.25,
        "leap": 1_483_228_800.5,
    }


async def _expiring(settings: Settings, subject: str) -> None:
    """A message that goes soon, for which the server then leaves a marker, for as long."""
    client = await jetstream.connect(settings)
    try:
        context = client.jetstream()
        wanted = configuration.stream_config(settings)
        wanted = wanted.evolve(allow_msg_ttl=True, subject_delete_marker_ttl=5)
        await context.add_stream(wanted)
        await context.publish(subject, b'{"payload":{}}', headers={"Nats-TTL": "1s"})
        while (await context.stream_info(settings.nats_stream)).state.last_seq < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        await client.close()


def test_a_delete_marker_is_neither_an_event_nor_a_loss(settings: Settings) -> None:
    asyncio.run(_expiring(settings, "llm.tool_call"))
    result = drained(settings)
    assert (result["markers"], result["quarantined"], result["landed"]) == (1, 0, 0)
    assert value(settings, "SELECT subject FROM event_marker") == "llm.tool_call"
