"""Queues that change under the drain, servers that refuse or are silent: result or error."""

import asyncio
import base64
import concurrent.futures
import contextlib
import json
import os
import socket
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import nkeys  # type: ignore[import-untyped]
import pytest

from model_foundry.devstack.nats import NatsServer
from model_foundry.devstack.processes import HOST
from model_foundry.errors import FoundryError
from model_foundry.events.envelope import Message
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import Drained, drain
from model_foundry.intake.landing import Lander
from model_foundry.intake.reconcile import reconcile
from model_foundry.settings import Settings
from model_foundry_tests.faults.intake_line import wait_until
from model_foundry_tests.faults.proxy import Proxy
from model_foundry_tests.line import connection_to, event, publish, rows, value

BATCH: Final = 50
EVENTS: Final = 300


@pytest.fixture
def full(settings: Settings) -> Settings:
    """A queue of six batches."""
    publish(settings, [event(event_id=f"{number:03}") for number in range(EVENTS)])
    return settings.model_copy(update={"intake_batch_messages": BATCH})


def drained(settings: Settings) -> dict[str, Any]:
    return asyncio.run(drain(settings)).as_dict()


async def with_jetstream(settings: Settings, method: str, *arguments: Any) -> Any:
    client = await jetstream.connect(settings)
    try:
        return await getattr(client.jetstream(), method)(*arguments)
    finally:
        await client.close()


def under_the_drain(settings: Settings, method: str, *arguments: Any) -> Drained:
    """Do something to JetStream while a drain holds three batches, of which it lands two."""
    with (
        concurrent.futures.ThreadPoolExecutor(1) as thread,
        connection_to(settings) as holding,
    ):
        holding.execute("LOCK TABLE event_key IN EXCLUSIVE MODE")
        draining = thread.submit(asyncio.run, drain(settings))
        await_three_batches(settings)
        asyncio.run(with_jetstream(settings, method, *arguments))
        holding.rollback()
        return draining.result()


def await_three_batches(settings: Settings) -> None:
    def held() -> bool:
        info = asyncio.run(
            with_jetstream(settings, "consumer_info", settings.nats_stream, settings.nats_durable)
        )
        return bool(info.num_ack_pending == 3 * BATCH)

    with contextlib.suppress(FoundryError):
        asyncio.run(configuration.pending_count(settings))
    wait_until(held, "three batches are on their way")


def test_a_queue_that_empties_midway(full: Settings) -> None:
    result = under_the_drain(full, "purge_stream", full.nats_stream).as_dict()
    assert (result["status"], result["landed"]) == ("drained", 3 * BATCH)
    assert drained(full)["status"] == "empty"
    with connection_to(full) as connection:
        proof = reconcile(full, connection, whole=True)
    assert proof.missing == [(3 * BATCH + 1, EVENTS)]
    assert "purge" in proof.explained()


def test_a_consumer_deleted_under_the_drain(full: Settings) -> None:
    with pytest.raises(FoundryError, match=r"consumer .* was deleted while it was drained"):
        under_the_drain(full, "delete_consumer", full.nats_stream, full.nats_durable)
    assert value(full, "SELECT count(*) FROM event_inbox") == 3 * BATCH
    again = drained(full)
    assert (again["landed"], again["redelivered"]) == (EVENTS - 3 * BATCH, 3 * BATCH)
    with connection_to(full) as connection:
        proof = reconcile(full, connection, whole=True)
    assert (proof.missing, proof.inbox) == ([], EVENTS)


def test_a_stream_deleted_under_the_drain(full: Settings) -> None:
    with pytest.raises(FoundryError, match=r"stream .* was deleted while it was drained"):
        under_the_drain(full, "delete_stream", full.nats_stream)
    assert value(full, "SELECT count(*) FROM event_inbox") == 3 * BATCH
    publish(full, [event(event_id="of another life")])
    assert drained(full)["landed"] == 1


def test_a_drain_that_is_cancelled_acknowledges_what_it_lands(full: Settings) -> None:
    async def cancel() -> None:
        draining = asyncio.create_task(drain(full))
        await asyncio.to_thread(await_three_batches, full)
        draining.cancel()
        await asyncio.sleep(0)
        holding.rollback()
        with pytest.raises(asyncio.CancelledError):
            await draining

    with connection_to(full) as holding:
        holding.execute("LOCK TABLE event_key IN EXCLUSIVE MODE")
        asyncio.run(cancel())
    assert value(full, "SELECT count(*) FROM event_inbox") == 2 * BATCH
    rest = drained(full)
    assert (rest["landed"], rest["redelivered"]) == (EVENTS - 2 * BATCH, 0)


def test_a_drain_out_of_patience_gives_back_what_it_held(full: Settings) -> None:
    """The next one has all of it at once, long before ack_wait is over."""
    url = full.require_postgres_url()
    port = int(url.rpartition(":")[2].partition("/")[0])
    with Proxy(port) as proxy:
        struck = Settings.model_validate(
            {
                **full.model_dump(exclude_unset=True),
                "postgres_url": url.replace(f":{port}/", f":{proxy.port}/"),
                "intake_batch_messages": BATCH,
                "intake_retry_s": 0.5,
            }
        )
        proxy.cut()
        with pytest.raises(FoundryError, match=r"Nothing is lost.*run the drain again"):
            drained(struck)
        proxy.mend()
        assert drained(struck)["landed"] == EVENTS
    assert asyncio.run(configuration.pending_count(full)) == 0


def test_a_message_that_comes_twice_in_one_batch_lands_once(settings: Settings) -> None:
    """It came again while it waited to land: its ack_wait was over."""
    now = datetime.now(UTC)
    messages = [
        Message("llm.tool_call", body, None, settings.nats_stream, seq, now)
        for seq, body in enumerate(
            (
                b'{"event_id":"a","payload":1}',
                b'{"event_id":"b","payload":1e999999}',
                b"{",
                b'{"payload":2}',
            ),
            start=1,
        )
    ]
    with contextlib.closing(Lander(settings)) as lander:
        counts = lander.land([*messages, *messages]).counts
    assert (counts["messages"], counts["landed"], counts["quarantined"]) == (8, 2, 2)
    assert (counts["redelivered"], counts["duplicates"]) == (4, 0)
    assert value(settings, "SELECT count(*) FROM event_inbox") == 2
    assert value(settings, "SELECT count(*) FROM event_duplicate") == 0


class GuardedNats(NatsServer):
    """A nats-server with more in its configuration: who may come in."""

    guard: ClassVar[dict[str, Any]] = {}

    def _prepare(self) -> None:
        super()._prepare()
        configuration = json.loads(self._configuration.read_text())
        self._configuration.write_text(json.dumps({**configuration, **self.guard}))


def test_wrong_passwords(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"authorization": {"user": "intake", "password": "right"}}
    monkeypatch.setattr(GuardedNats, "guard", user)
    with GuardedNats(home / "nats", log=home / "nats.log") as server:
        where = server.address
        wrong = f"nats://intake:wrong-secret@{where}"
        for url in (f"nats://{where}", wrong, f"{wrong},nats://{where}"):
            refused = settings.model_copy(update={"nats_url": url})
            expected = f"{where} cannot be reached: .*([Aa]uthorization|reset)"
            with pytest.raises(FoundryError, match=expected) as error:
                drained(refused)
            assert "secret" not in str(error.value)
        right = settings.model_copy(update={"nats_url": f"nats://intake:right@{where}"})
        assert drained(right)["status"] == "empty"


def test_credentials_files(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes only users that its operator's account signed."""
    operator, system, account, user, stranger = (
        key_pair(kind)
        for kind in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    accounts = {
        name(owner): token(operator, owner, {"type": "account", "limits": limits})
        for owner, limits in ((system, CONNECTIONS), (account, CONNECTIONS | JETSTREAM))
    }
    operators = {
        "operator": token(operator, operator, {"type": "operator"}),
        "system_account": name(system),
        "resolver": "MEMORY",
        "resolver_preload": accounts,
    }
    monkeypatch.setattr(GuardedNats, "guard", operators)
    jwt = token(account, user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    files = {
        "right": credentials(jwt, user.seed.decode()),
        "another's seed": credentials(jwt, stranger.seed.decode()),
        "a broken seed": credentials(jwt, "SUsecret"),
        "no credentials": "secret",
        "not text": "sécret",
    }
    with GuardedNats(home / "nats", log=home / "nats.log") as server:
        for kind, text in files.items():
            file = home / f"{kind}.creds"
            file.write_text(text)
            signed = settings.model_copy(update={"nats_url": server.url, "nats_creds": file})
            if kind == "right":
                assert drained(signed)["status"] == "empty"
                continue
            with pytest.raises(FoundryError, match=r"MODEL_FOUNDRY_NATS_CREDS") as error:
                drained(signed)
            assert "secret" not in str(error.value)
    missing = settings.model_copy(update={"nats_creds": home / "nowhere.creds"})
    with pytest.raises(FoundryError, match=r"NATS_CREDS names no file that can be read"):
        drained(missing)


CONNECTIONS: Final = {
    **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
    "wildcards": True,
}
JETSTREAM: Final = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)


def key_pair(kind: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), kind)))


def name(owner: Any) -> str:
    public: bytes = owner.public_key
    return public.decode()


def token(issuer: Any, subject: Any, claims: dict[str, Any]) -> str:
    """A JWT as NATS wants it."""
    whole = {
        "jti": uuid.uuid4().hex,
        "iat": int(time.time()),
        "iss": name(issuer),
        "sub": name(subject),
        "nats": {**claims, "version": 2},
    }
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    signed = ".".join(base64_url(json.dumps(part).encode()) for part in (head, whole))
    return f"{signed}.{base64_url(issuer.sign(signed.encode()))}"


def base64_url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def credentials(jwt: str, seed: str) -> str:
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def test_a_server_that_never_answers(settings: Settings) -> None:
    with socket.create_server((HOST, 0)) as silent:
        update = {
            "nats_url": f"nats://{HOST}:{silent.getsockname()[1]}",
            "connect_timeout_s": 1.0,
        }
        with pytest.raises(FoundryError, match="cannot be reached"):
            drained(settings.model_copy(update=update))


def test_a_sensor_tick_on_an_empty_queue(settings: Settings, record_property: Any) -> None:
    """Counts nothing, and changes nothing; how long it takes is told, not judged."""
    for _ in range(2):
        started = time.perf_counter()
        assert asyncio.run(configuration.pending_count(settings)) == 0
        record_property("tick_ms", round(1000 * (time.perf_counter() - started), 1))
    assert rows(settings, "SELECT * FROM intake_batch") == []
