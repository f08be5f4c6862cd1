"""`model-foundry dev` as a child process, with a home and ports of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import httpx

from model_foundry.devstack.processes import family_of, free_port, is_alive
from model_foundry.settings import Settings
from model_foundry_tests.line import Raw

COMMAND = Path(sys.executable).with_name("model-foundry")


class Dev(NamedTuple):
    """A running `model-foundry dev`."""

    home: Path
    url: str
    live: str
    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        """What any other program in the same home sees."""
        return Settings(home=self.home)

    def publish(self, *events: Raw) -> None:
        """Publish events by the command line."""
        subprocess.run(
            [COMMAND, "publish", "-"],
            input=b"\n".join(one.body for one in events),
            env=self.environment,
            check=True,
            timeout=60,
        )

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What foundry.duckdb answers; nothing as long as it is not there."""
        try:
            with duckdb.connect(str(self.home / "foundry.duckdb"), read_only=True) as connection:
                return connection.execute(statement, parameters).fetchall()
        except (duckdb.CatalogException, duckdb.IOException):
            return []


def wait_for(what: Callable[[], bool], *, seconds: float, name: str) -> None:
    """Until `what` is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(0.5)
    raise AssertionError(f"{name}: not within {seconds} s")


@contextlib.contextmanager
def running_dev(home: Path, *, killed: str | None = None, **variables: str) -> Iterator[Dev]:
    """Started with these in its environment.

    It ends as by Ctrl-C, or when this process of it is killed; nothing is left.
    """
    home.parent.chmod(0o755)
    home = home / "モデル 工房"
    home.mkdir()
    port, exporter_port = free_port(), free_port()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    environment = {
        **kept,
        "MODEL_FOUNDRY_HOME": str(home),
        "MODEL_FOUNDRY_EXPORTER_PORT": str(exporter_port),
        **variables,
    }
    log = (home / "dev.log").open("w+")
    process = subprocess.Popen(
        [COMMAND, "dev", "--port", str(port)], env=environment, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        assert process.poll() is None, (home / "dev.log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/server_info", timeout=2).is_success
        return False

    try:
        wait_for(up, seconds=120, name="the Dagster UI")
        yield Dev(home, url, f"http://127.0.0.1:{exporter_port}", environment)
    finally:
        children = family_of(process.pid)[1:]
        if killed is None:
            process.send_signal(signal.SIGINT)
        for child in children:
            if killed is not None and any(killed in part for part in child.cmdline()[:2]):
                child.kill()
        code = process.wait(60)
        log.close()
    if killed is None:
        assert code == 0
    else:
        assert code == 1
        assert f"{killed} ended (signal SIGKILL)" in (home / "dev.log").read_text()
    assert [child.pid for child in children if is_alive(child)] == []
    assert not (home / "services.env").exists()
