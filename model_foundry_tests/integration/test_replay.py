"""Replay: which stretch of the stream is meant, and what is said where there is none."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.replay import Stretch, moment, replay
from model_foundry.settings import Settings
from model_foundry_tests.foundry import materialize, metadata_of
from model_foundry_tests.line import event, execute, publish, value

ASSET = "pipeline_event_inbox_record"
PROGRAM = Path(sys.executable).with_name("model-foundry")


def replayed(settings: Settings, **bounds: Any) -> tuple[int, list[str]]:
    said: list[str] = []
    done = asyncio.run(replay(settings, Stretch(**bounds), report=said.append))
    return done.landed.counts["messages"], said


@pytest.mark.parametrize(
    "bounds",
    [
        {"from_seq": 4},
        {"from_seq": 2**63 - 1},
        {"from_seq": 2**70},
        {"from_time": datetime.now(UTC) + timedelta(days=1)},
        {"from_time": datetime.max.replace(tzinfo=UTC)},
        {"until_time": datetime(2026, 1, 1, tzinfo=UTC)},
        {"until_time": datetime.min.replace(tzinfo=UTC)},
    ],
)
def test_beyond_the_stream_no_message_lies(settings: Settings, bounds: dict[str, Any]) -> None:
    publish(settings, [event() for _ in range(3)])
    messages, said = replayed(settings, **bounds)
    assert messages == 0
    assert len(said) == 1
    assert "0 messages lie there: the stream holds 1 to 3, of 20" in said[0]


def test_an_empty_stream_and_a_purged_one_say_so(settings: Settings) -> None:
    async def purge() -> None:
        client = await jetstream.connect(settings)
        await client.jetstream().purge_stream(settings.nats_stream)
        await client.close()

    publish(settings, [])
    for bounds in ({}, {"from_seq": 1}, {"from_time": datetime(2026, 1, 1, tzinfo=UTC)}):
        messages, said = replayed(settings, **bounds)
        assert (messages, len(said)) == (0, 1)
        assert "0 messages lie there: the stream holds none" in said[0]
    publish(settings, [event() for _ in range(3)])
    asyncio.run(purge())
    assert replayed(settings, until_seq=2) == (0, [said[0]])


def test_a_stream_of_one_message_is_no_stretch(settings: Settings) -> None:
    publish(settings, [event()])
    _, [said] = replayed(settings, from_seq=2)
    assert "0 messages lie there: the stream holds 1 alone, of 20" in said


def test_a_stretch_before_what_the_stream_still_holds(settings: Settings) -> None:
    async def purge() -> None:
        client = await jetstream.connect(settings)
        await client.jetstream().purge_stream(settings.nats_stream, seq=6)
        await client.close()

    publish(settings, [event() for _ in range(10)])
    asyncio.run(purge())
    messages, said = replayed(settings, from_seq=2, until_seq=4)
    assert messages == 0
    assert "0 messages lie there: the stream holds 6 to 10" in said[0]
    assert replayed(settings, from_seq=2, until_seq=7) == (2, [])


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({"from_seq": 5, "until_seq": 4}, "from 5 until 4"),
        (
            {
                "from_time": datetime(2026, 11, 21, tzinfo=UTC),
                "until_time": datetime(2026, 11, 20, tzinfo=UTC),
            },
            "from 2026-11-21T00:00:00Z until 2026-11-20T00:00:00Z",
        ),
        ({"from_seq": 1, "from_time": datetime(2026, 11, 21, tzinfo=UTC)}, "not at both"),
    ],
)
def test_a_stretch_that_ends_before_it_begins_is_said(
    settings: Settings, bounds: dict[str, Any], told: str
) -> None:
    with pytest.raises(FoundryError, match=told):
        replayed(settings, **bounds)


def test_a_replay_that_reaches_a_bound_says_where_to_go_on(settings: Settings) -> None:
    publish(settings, [event() for _ in range(10)])
    bounded = settings.model_copy(update={"intake_max_messages": 6, "intake_batch_messages": 3})
    messages, said = replayed(bounded, from_seq=2)
    assert messages == 6
    assert "more may lie behind; go on from sequence 8" in said[-1]


def test_times_without_an_offset_are_utc_everywhere(settings: Settings) -> None:
    publish(settings, [event(event_id="before")])
    between = datetime.now(UTC)
    publish(settings, [event(event_id="after")])
    asyncio.run(drain(settings))
    naive = between.replace(tzinfo=None).isoformat()
    execute(settings, "TRUNCATE event_inbox, event_key")
    options = {"from_time": naive, "until_time": "2100-01-01"}
    config = {"ops": {ASSET: {"config": {"replay": options}}}}
    result = materialize(settings, ASSET, config=config)
    assert metadata_of(result, ASSET)["landed"] == 1
    assert value(settings, "SELECT event_id FROM event_inbox") == "after"
    done = command(settings, "--from-time", naive, "--until-time", "2100-01-01")
    assert (done.returncode, done.stdout.split()[0]) == (0, "1")


def test_times_are_read_in_every_usual_form() -> None:
    expected = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    for text in (
        "2026-11-20T09:30",
        "2026-11-20 09:30:00",
        " 2026-11-20T09:30:00.000z",
        "2026-11-20t18:30:00+09:00",
    ):
        assert moment(text) == expected, text
    for text in ("", "yesterday", "2026-13-01", "2026-11-20T25:00Z", "0001-01-01T00:00+09:00"):
        with pytest.raises(FoundryError, match="is no time: write it as"):
            moment(text)


def test_an_unreadable_time_is_one_sentence(settings: Settings) -> None:
    done = command(settings, "--from-time", "yesterday")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Error: 'yesterday' is no time: write it as 2026-11-20T09:30:00Z "
        "(without an offset it is UTC)"
    )


def command(settings: Settings, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
    }
    return subprocess.run(
        [PROGRAM, "intake", "replay", *options],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )


def test_a_stream_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(FoundryError, match=f"there is no stream {settings.nats_stream}"):
        replayed(settings)
    asyncio.run(configuration.pending_count(settings))
    assert replayed(settings)[0] == 0
