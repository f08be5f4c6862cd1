"""deploy/nats/nats-server.conf on a real nats-server: old subject names are mapped to today's."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import nats
import pytest

from model_foundry.devstack.nats import NatsServer, nats_server_binary
from model_foundry.devstack.processes import spawn
from model_foundry.events.subjects import OLD_NAMES, STREAM_SUBJECTS

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nats" / "nats-server.conf"
USERS = 'FOUNDRY_PASSWORD: "secret"\nSYSTEM_PASSWORD: "other"\n'


class DeployedNats(NatsServer):
    """The deployment's configuration; only ports and folder are the test's."""

    def _prepare(self) -> None:
        super()._prepare()
        text = CONFIGURATION.read_text(encoding="utf-8")
        folder = self.directory / "data"
        self._configuration.write_text(text.replace("/data", str(folder)), encoding="utf-8")
        (self.directory / "users.conf").write_text(USERS, encoding="utf-8")

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        ports = ["--addr", "127.0.0.1", "--port", str(self.port), "-m", str(self._monitor_port)]
        command = [str(nats_server_binary()), "-c", str(self._configuration), *ports]
        return spawn(command, log=log)


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    with DeployedNats(home / "nats", log=home / "nats.log") as server:
        yield server.url.replace("nats://", "nats://foundry:secret@")


async def test_every_old_name_arrives_under_todays(url: str) -> None:
    client = await nats.connect(url)
    try:
        heard = await client.subscribe("llm.>")
        jetstream = client.jetstream()
        await jetstream.add_stream(name="FOUNDRY", subjects=list(STREAM_SUBJECTS))
        for number, (old, new) in enumerate(OLD_NAMES.items(), 1):
            headers = {"Nats-Msg-Id": f"id-{number}"}
            acknowledged = await jetstream.publish(old, b"{}", headers=headers)
            assert (acknowledged.seq, acknowledged.duplicate) == (number, None)
            kept = await jetstream.get_msg("FOUNDRY", number)
            assert kept.subject == new
            assert kept.headers == headers
            again = await jetstream.publish(new, b"{}", headers=headers)
            assert (again.seq, again.duplicate) == (number, True)
            if new.startswith("llm."):
                assert (await heard.next_msg(5)).subject == new
                assert (await heard.next_msg(5)).subject == new
    finally:
        await client.close()


def test_who_has_no_password_is_turned_away(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), address.port or 0), 5) as connection:
        connection.sendall(b'CONNECT {"user":"foundry","pass":"guessed"}\r\nPING\r\n')
        with connection.makefile("rb") as answers:
            assert b"Authorization Violation" in answers.read()
