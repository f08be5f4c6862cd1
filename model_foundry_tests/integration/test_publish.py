"""`publish`: whatever ends it, what came before is in the stream, counted, and where to go on."""

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_foundry.devstack.nats import NatsServer
from model_foundry.errors import FoundryError
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.drain import drain
from model_foundry.intake.lines import chunks, lines, opened
from model_foundry.intake.publish import Published, publish_lines
from model_foundry.settings import Settings
from model_foundry_tests.line import event, rows, value

PROGRAM = Path(sys.executable).with_name("model-foundry")


def line(number: int, **fields: Any) -> bytes:
    return event(event_id=f"e{number}", **fields).body


def in_stream(settings: Settings) -> int:
    async def count() -> int:
        client = await jetstream.connect(settings)
        info = await client.jetstream().stream_info(settings.nats_stream)
        await client.close()
        return int(info.state.messages)

    return asyncio.run(count())


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
    }


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (b"{broken", "line 11 is not a JSON event"),
        (b"[1, 2]", "line 11 is not a JSON event"),
        (b"{}", "line 11: `subject` must name"),
        (b'{"subject": 7}', "line 11: `subject` must name"),
        (b'{"subject": "llm.with blank"}', "line 11: `subject` must name"),
        (b'{"subject": "llm..empty"}', "line 11: `subject` must name"),
        (b'{"subject": "llm.>"}', "line 11: `subject` must name"),
        (b'{"subject": "llm.\\u0007bell"}', "line 11: `subject` must name"),
        (b'{"specversion": "1.0", "subject": "llm.x"}', "line 11: `type` must name"),
        (b'{"subject": "other.subject"}', "does not take 'other.subject'; it takes llm.>"),
        (b'{"subject": "llm"}', "does not take 'llm'"),
        (b'{"subject": "$JS.API.STREAM.DELETE.any"}', r"does not take '$JS.API.STREAM.DELETE"),
        (b'{"subject": "llm.x", "payload": "%s"}' % (b"x" * 2**23), "the server takes 8,388,608"),
    ],
)
def test_what_comes_before_a_bad_line_is_published(
    settings: Settings, bad: bytes, told: str
) -> None:
    content = [*(line(n) for n in range(1, 11)), bad, line(12)]
    with pytest.raises(FoundryError) as error:
        publish_lines(settings, content)
    assert told in str(error.value)
    assert "Published 10 events; go on with line 11 (`tail -n +11`)" in str(error.value)
    assert in_stream(settings) == 10


def test_nobody_deletes_a_stream_by_publishing(settings: Settings) -> None:
    publish_lines(settings, [line(1)])
    api = {"subject": f"$JS.API.STREAM.PURGE.{settings.nats_stream}", "payload": {}}
    with pytest.raises(FoundryError, match="does not take"):
        publish_lines(settings, [json.dumps(api).encode()])
    assert in_stream(settings) == 1


def test_odd_lines_and_ids_are_published(settings: Settings) -> None:
    cloud = {
        "specversion": "1.0",
        "id": 7,
        "source": "s",
        "type": "llm.tool_call",
        "subject": "not this",
        "data": {},
    }
    own = {"specversion": "3", "data": {}, "type": 5, "payload": {}}
    content = [
        b"\xef\xbb\xbf" + line(1) + b"\r\n",
        b"\r\n",
        b"  \n",
        b'{"subject": "llm.tool_call", "event_id": 42, "id": 43, "type": 44, "payload": {}}\n',
        json.dumps(cloud).encode(),
        json.dumps({"subject": "llm.tool_call", **own}).encode(),
        b'{"subject": "llm.tool_call", "payload": {}}',
        b'{"subject": "llm.tool_call", "payload": {}}',
    ]
    assert publish_lines(settings, content) == Published(6, 0)
    assert in_stream(settings) == 6


def test_the_same_line_is_a_duplicate_and_another_under_its_id_is_not(settings: Settings) -> None:
    one, other = line(1), line(1, payload={"tool_name": "another"})
    assert publish_lines(settings, [one, other, one]) == Published(3, 1)
    # Blanks around a header's value are lost on the way: these are two.
    blanks = [event(event_id=name).body for name in ("a", " a", "a\r\nNats-Rollup: all")]
    assert publish_lines(settings, blanks) == Published(3, 0)
    assert in_stream(settings) == 5


def test_packed_files_are_published(settings: Settings, tmp_path: Path) -> None:
    plain = b"\n".join(line(n) for n in range(100))
    packed = tmp_path / "events.gz"
    packed.write_bytes(gzip.compress(plain))
    with opened(packed) as content:
        assert publish_lines(settings, lines(chunks(content))) == Published(100, 0)
    packed.write_bytes(gzip.compress(plain)[:-20])
    with opened(packed) as content, pytest.raises(FoundryError, match="cut off") as error:
        publish_lines(settings, lines(chunks(content)))
    assert "go on with line" in str(error.value)


def test_a_stream_that_refuses_names_the_line(settings: Settings) -> None:
    async def make() -> None:
        client = await jetstream.connect(settings)
        config = configuration.stream_config(settings).evolve(max_msg_size=1_000)
        await client.jetstream().add_stream(config)
        await client.close()

    asyncio.run(make())
    content = [*(line(n) for n in range(1, 4)), line(4, payload="x" * 2_000), line(5)]
    with pytest.raises(FoundryError, match=r"line 4 was not acknowledged: .*size") as error:
        publish_lines(settings, content)
    assert "Published 4 events, 1 of them from later lines; go on with line 4" in str(error.value)
    assert in_stream(settings) == 4


def test_a_server_that_dies_half_way_tells_where_to_go_on(settings: Settings, home: Path) -> None:
    """It may die with acknowledgements that it had not sent: their lines are told as not there."""
    total = 2_001
    content = [line(n) for n in range(1, total + 1)]
    server = NatsServer(home / "own", log=home / "own.log", sync_always=True)
    with server:
        own = settings.model_copy(update={"nats_url": server.url, "connect_timeout_s": 1.0})

        def dying() -> Iterator[bytes]:
            yield from content[:-1]
            while in_stream(own) < total - 1:
                pass
            server.kill()
            yield content[-1]

        with pytest.raises(FoundryError) as error:
            publish_lines(own, dying())
        told = re.search(
            r"line (\d+) was not acknowledged: .*Published (\d+) events"
            r"(?:, (\d+) of them from later lines)?; go on with line \1\b",
            str(error.value),
        )
        assert told, str(error.value)
        first, published, later = (int(each or 0) for each in told.groups())
        assert published - later == first - 1
        with server:
            again = own.model_copy(update={"nats_url": server.url})
            assert in_stream(again) == total - 1
            publish_lines(again, content[first - 1 :])
            assert in_stream(again) == total


def test_a_pipe_is_published_as_it_comes_and_ctrl_c_says_where_to_go_on(settings: Settings) -> None:
    publish_lines(settings, [])  # makes the stream
    process = subprocess.Popen(
        [PROGRAM, "publish", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(settings),
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"\n".join(line(n) for n in range(1, 4)) + b"\n" + line(4)[:20])
    process.stdin.flush()
    while in_stream(settings) < 3:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    told = process.stderr.read().decode()
    process.stdin.close()
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGINT
    assert "interrupted. Published 3 events; go on with line 4" in told
    assert in_stream(settings) == 3


def test_input_that_ends_within_a_line_tells_which(settings: Settings) -> None:
    content = line(1) + b"\n" + line(2) + b"\n" + line(3)[:30]
    done = subprocess.run(
        [PROGRAM, "publish", "-"],
        input=content,
        capture_output=True,
        env=environment(settings),
        check=False,
    )
    assert done.returncode == 1
    assert b"line 3 is not a JSON event" in done.stderr
    assert b"Published 2 events; go on with line 3" in done.stderr
    assert in_stream(settings) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name, why in ((tmp_path / "none", "No such file"), (tmp_path, "directory")):
        with pytest.raises(FoundryError, match=f"cannot be read: .*{why}"):
            opened(name)


def test_what_was_published_twice_under_one_id_reaches_the_door(settings: Settings) -> None:
    publish_lines(settings, [line(1), line(1, payload={"tool_name": "another"})])
    asyncio.run(drain(settings))
    assert value(settings, "SELECT count(*) FROM event_inbox") == 1
    elsewhere = rows(
        settings,
        "SELECT stream_seq FROM event_duplicate UNION ALL SELECT stream_seq FROM event_quarantine",
    )
    assert elsewhere == [{"stream_seq": 2}]
