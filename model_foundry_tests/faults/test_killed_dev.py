"""`make dev`, when it or one of its processes is killed: nothing is in the next start's way."""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import psutil
import pytest

from model_foundry.devstack.left_over import marked
from model_foundry.devstack.processes import free_port
from model_foundry_tests.faults.test_stack_recovery import ONE_SLOT, mentions
from model_foundry_tests.supervisor import runs, wait_until

ROOT = Path(__file__).parents[2]
VENV = os.path.relpath(sys.prefix, ROOT)
PATIENCE_S = 240
PLAN = """{ executionPlanOrError(mode: "default", pipeline: {
  pipelineName: "drain_inbox", repositoryName: "__repository__",
  repositoryLocationName: "model_foundry.definitions"
}) { __typename } }"""


class MakeDev:
    """`make dev PORT=…` in a home of its own, started again and again on the same ports."""

    def __init__(self, home: Path) -> None:
        self.home = home / "モデル 工房"
        self.home.mkdir()
        self.port = free_port()
        (home / "fleet.yaml").write_text(ONE_SLOT)
        self._log = home / "make.log"
        self._environment = {
            **os.environ,
            "MODEL_FOUNDRY_HOME": str(self.home),
            "MODEL_FOUNDRY_FLEET": str(home / "fleet.yaml"),
            "MODEL_FOUNDRY_EXPORTER_PORT": str(free_port()),
        }

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Of what was installed already."""
        command = ["make", "--no-print-directory", f"--old-file={VENV}/.runs", "dev"]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*command, f"VENV={VENV}", f"PORT={self.port}"],
                cwd=ROOT,
                env={**self._environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        """What the one that was started last printed, on one line."""
        return " ".join(self._log.read_text().split())

    def daemons(self) -> list[psutil.Process]:
        """The Dagster daemons of this home."""
        return [
            process
            for process in marked(self.home)
            if runs(process) and "dagster-daemon" in map(base_name, command_line(process))
        ]

    def daemon_besides(self, make: subprocess.Popen[bytes], *others: psutil.Process) -> None:
        """Wait until a daemon runs that is none of these."""

        def started() -> bool:
            assert make.poll() is None, self.said()
            return bool(set(self.daemons()) - set(others))

        wait_until(started, timeout_s=PATIENCE_S, why=self.said)

    def code_servers(self) -> list[psutil.Process]:
        """What the webserver's definitions live in."""
        return [
            child
            for process in marked(self.home)
            if runs(process) and "dagster-webserver" in map(base_name, command_line(process))
            for child in process.children()
            if runs(child)
        ]

    def launches(self, make: subprocess.Popen[bytes]) -> None:
        """Wait until the UI can launch a job, which it has to ask its code server for."""

        def launchable() -> bool:
            assert make.poll() is None, self.said()
            with contextlib.suppress(httpx.HTTPError):
                url = f"http://127.0.0.1:{self.port}/graphql"
                return '"ExecutionPlan"' in httpx.post(url, json={"query": PLAN}, timeout=5).text
            return False

        wait_until(launchable, timeout_s=PATIENCE_S, why=self.said)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs in or for this home, but make itself."""
        found = {
            process
            for process in psutil.process_iter()
            if mentions(process, self.home) or works_in(process, self.home)
        }
        return [process for process in found | set(marked(self.home)) if runs(process)]


def command_line(process: psutil.Process) -> list[str]:
    """None of one that has just ended."""
    try:
        return process.cmdline()
    except (psutil.Error, OSError):
        return []


def base_name(argument: str) -> str:
    return Path(argument).name


def works_in(process: psutil.Process, home: Path) -> bool:
    """PostgreSQL is given its folder open, so no command line names it."""
    try:
        return Path(process.cwd()).is_relative_to(home)
    except (psutil.Error, OSError):
        return False


@pytest.fixture
def dev(home: Path) -> Iterator[MakeDev]:
    dev = MakeDev(home)
    yield dev
    for process in dev.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.timeout(900)
def test_the_next_start_ends_or_takes_over_what_a_killed_one_left(
    dev: MakeDev, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dev.start()
    dev.daemon_besides(first)
    [command] = psutil.Process(first.pid).children()
    command.kill()
    assert first.wait(PATIENCE_S) != 0
    left = dev.processes()
    assert {"nats-server", "postgres"} < {process.name() for process in left}
    assert len(dev.daemons()) == 1
    lost = dg.DagsterRun("drain_inbox", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
    monkeypatch.setenv("DAGSTER_HOME", str(dev.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        instance.add_run(lost)

    second = dev.start()
    dev.daemon_besides(second, *left)
    assert not [process for process in left if runs(process)]
    assert "ends what the last one left" in dev.said()
    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_by_id(lost.run_id)
        assert found is not None
        assert found.status == dg.DagsterRunStatus.FAILURE

    wait_until(lambda: "Ctrl-C stops everything" in dev.said(), timeout_s=PATIENCE_S, why=dev.said)
    dev.launches(second)
    killed = dev.code_servers()
    assert killed
    for process in killed:
        process.kill()
    dev.launches(second)
    assert "The code server of dagster-webserver is gone" in dev.said()

    orphaned = dev.processes()
    second.kill()
    second.wait()
    third = dev.start(MODEL_FOUNDRY_UI_START_S="0.01")
    assert third.wait(PATIENCE_S) != 0
    assert f"the Dagster UI did not answer on http://127.0.0.1:{dev.port}" in dev.said()
    assert "within 0.01 s (MODEL_FOUNDRY_UI_START_S)" in dev.said()
    assert not [process for process in orphaned if runs(process)]
    assert dev.processes() == []
