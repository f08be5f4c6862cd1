"""`make advisories`, against an advisory service that says what it is told to."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from model_foundry.devstack.processes import free_port
from model_foundry_tests.wheelhouse import ROOT

VENV = Path(sys.executable).parents[1]
FAULT = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "summary": "It leaks.",
            "affected": [
                {
                    "package": {"name": "leaky", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.1"}]}],
                }
            ],
        }
    ]
}


class Service(ThreadingHTTPServer):
    """Speaks OSV's API, on loopback."""

    status = 200
    leaks = False

    @property
    def url(self) -> str:
        """Where it takes a query."""
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        leaks = self.server.leaks and query["package"]["name"] == "leaky"
        body = json.dumps(FAULT if leaks else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def advisories(folder: Path, url: str) -> tuple[int, str]:
    """Run the target on a lock of two packages; its exit code, and what it says."""
    hashed = f" --hash=sha256:{'0' * 64}\n"
    (folder / "requirements.lock").write_text(f"leaky==2.0{hashed}tight==1.0{hashed}")
    command = ["make", "--no-print-directory", f"--makefile={ROOT / 'Makefile'}"]
    command += [f"VENV={VENV}", "-o", f"{VENV}/.installed", "advisories"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
            "PIP_AUDIT_OSV_URL": url,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=240,
    )
    return done.returncode, done.stdout


def test_nothing_is_known_of_any(service: Service, tmp_path: Path) -> None:
    code, said = advisories(tmp_path, service.url)
    assert (code, said.split(" of ")[0]) == (0, "No vulnerability is known")


def test_what_is_known_is_told(service: Service, tmp_path: Path) -> None:
    service.leaks = True
    code, said = advisories(tmp_path, service.url)
    assert code != 0
    assert [line.split() for line in said.splitlines()[2:]] == [
        ["leaky", "2.0", "PYSEC-2026-1", "2.1"]
    ]


@pytest.mark.parametrize("trouble", ["refuses", "fails", "is away"])
def test_what_could_not_be_asked_is_not_taken_for_sound(
    service: Service, tmp_path: Path, trouble: str
) -> None:
    service.status = {"refuses": 404, "fails": 503}.get(trouble, 200)
    url = f"http://127.0.0.1:{free_port()}" if trouble == "is away" else service.url
    code, said = advisories(tmp_path, url)
    assert code != 0
    [sentence] = said.splitlines()
    assert sentence.startswith("Nothing is known: no advisory service answered")
    assert (tmp_path / "build/advisories.log").read_text()
