"""A durable consumer that somebody limited: found, corrected, or worked with as it is."""

import asyncio
import json
from typing import Any

import pytest

from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.line import event, publish

MOMENT = "2100-01-01T00:00:00Z"
LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "max_batch": ({"max_batch": 7}, r"max_batch is 7, less than 8000"),
    "max_bytes": ({"max_bytes": 5_000}, r"max_bytes is 5000, less than"),
    "max_expires": ({"max_expires": 20_000_000}, r"max_expires is 0\.02, less than 0\.5"),
    "inactive": ({"inactive_threshold": 9_000_000_000}, r"inactive_threshold is 9 s, not unset"),
    "waiting": ({"max_waiting": 2}, r"max_waiting is 2, less than 16"),
    "several": (
        {"max_batch": 7, "max_expires": 20_000_000, "max_deliver": 5},
        r"max_deliver is 5, not -1; max_batch is 7, less than 8000; max_expires is 0\.02",
    ),
    "priority": (
        {"priority_groups": ["a"], "priority_policy": "overflow"},
        r"priority_policy is overflow, not unset; priority_groups is a, not unset",
    ),
    "replay_policy": ({"replay_policy": "original"}, r"replay_policy is original, not instant"),
    "paused": ({"pause_until": MOMENT}, f"it is paused until {MOMENT}"),
}
FIXED = ("waiting", "replay_policy")
WORKS = ("max_batch", "max_bytes", "max_expires", "inactive", "waiting", "several", "replay_policy")


def make(settings: Settings, limits: dict[str, Any]) -> None:
    async def create() -> None:
        client = await jetstream.connect(settings)
        await configuration.ensure_stream(client, settings)
        stream, durable = settings.nats_stream, settings.nats_durable
        config = {**configuration.consumer_config(settings).as_dict(), **limits}
        request = {"stream_name": stream, "config": config}
        subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{durable}"
        answer = await client.request(subject, json.dumps(request).encode())
        assert "error" not in json.loads(answer.data)
        await client.close()

    asyncio.run(create())


def config_of(settings: Settings) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        client = await jetstream.connect(settings)
        subject = f"CONSUMER.INFO.{settings.nats_stream}.{settings.nats_durable}"
        answer = await configuration.api(client, settings, subject)
        await client.close()
        return answer

    return asyncio.run(read())


def landed(settings: Settings, nats_config: str) -> int:
    mode = settings.model_copy(update={"nats_config": nats_config, "intake_retry_s": 5.0})
    return asyncio.run(drain(mode)).landed.counts["landed"]


@pytest.mark.parametrize("name", list(LIMITS))
def test_a_limit_that_stalls_is_found_and_corrected(settings: Settings, name: str) -> None:
    limits, told = LIMITS[name]
    make(settings, limits)
    publish(settings, [event() for _ in range(30)])
    with pytest.raises(FoundryError, match=f"{told}.*left as it is"):
        landed(settings, "check")
    if name in FIXED:
        with pytest.raises(FoundryError, match=f"changes no {next(iter(limits))} of a consumer"):
            landed(settings, "apply")
        return
    assert landed(settings, "apply") == 30
    there = config_of(settings)
    assert not there.get("paused")
    assert not limits.items() & there["config"].items()
    publish(settings, [event()])
    assert landed(settings, "check") == 1


@pytest.mark.parametrize("name", WORKS)
def test_a_limit_that_is_accepted_is_kept_to(settings: Settings, name: str) -> None:
    limits, _ = LIMITS[name]
    make(settings, limits)
    publish(settings, [event() for _ in range(30)])
    assert landed(settings, "accept") == 30
    assert limits.items() <= config_of(settings)["config"].items()


def test_limits_that_no_drain_reaches_are_no_difference(settings: Settings) -> None:
    roomy = {"max_batch": 50_000, "max_bytes": 2**30, "max_expires": 60_000_000_000}
    make(settings, {**roomy, "max_waiting": 64, "description": "ours"})
    publish(settings, [event() for _ in range(30)])
    assert landed(settings, "check") == 30


def test_apply_leaves_what_does_not_matter(settings: Settings) -> None:
    make(settings, {"max_batch": 7, "description": "ours", "metadata": {"team": "a"}})
    landed(settings, "apply")
    config = config_of(settings)["config"]
    assert (config["description"], config["metadata"]["team"]) == ("ours", "a")


def test_small_requests_still_make_large_batches(settings: Settings) -> None:
    make(settings, {"max_batch": 7})
    publish(settings, [event() for _ in range(500)])
    accepting = settings.model_copy(update={"nats_config": "accept"})
    done = asyncio.run(drain(accepting))
    assert (done.batches, done.landed.counts["landed"]) == (1, 500)
