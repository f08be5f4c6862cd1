"""A nats-server with a configuration of a test's own: users, rights, certificates."""

import json
import subprocess
from pathlib import Path
from typing import BinaryIO

from model_foundry.devstack.nats import NatsServer, nats_server_binary
from model_foundry.devstack.processes import HOST, spawn


class NatsWith(NatsServer):
    """`more` stands in its configuration, as nats-server.conf has it."""

    def __init__(self, directory: Path, more: str) -> None:
        super().__init__(directory, log=directory / "nats.log")
        self._more = more

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        configuration = self.directory / "with.conf"
        store = json.dumps(str(self.directory / "jetstream"))
        lines = [
            f"listen: {HOST}:{self.port}",
            f"http: {HOST}:{self._monitor_port}",
            f"jetstream {{ store_dir: {store} }}",
            self._more,
        ]
        configuration.write_text("\n".join(lines), encoding="utf-8")
        return spawn([str(nats_server_binary()), "-c", str(configuration)], log=log)
