"""Every command ends within seconds of a signal, whatever it waits for."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import psutil
import pytest

from model_foundry.devstack.processes import free_port
from model_foundry_tests.broken import Listener, black_hole, listening, silent

PROGRAM = Path(sys.executable).with_name("model-foundry")
WITHIN_S: Final = 3.0

FLEET = """
name: silent
profiles: {{ standard: [naughty] }}
slots:
  - name: naughty
    roles: [orchestrator, worker, translator]
    runtime: llama.cpp
    endpoint: http://127.0.0.1:{port}
    model: m
    licence: Apache-2.0
    parallel: 1
    context_tokens: 4096
"""
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "publish": ("publish", "-"),
    "migrate": ("migrate",),
    "quarantine list": ("quarantine", "list"),
    "intake replay": ("intake", "replay"),
    "familiar": ("familiar",),
    "translate": ("translate", "{file}", "--from", "en", "--to", "ja"),
    "batch": ("batch", "{file}", "--out", "{file}.out"),
    "fleet check": ("fleet", "check"),
    "demo": ("demo",),
    "dev": ("dev", "--port", "{free}"),
}
LINE = (
    '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", '
    '"body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)


@contextlib.contextmanager
def running(
    command: tuple[str, ...], tmp_path: Path, port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    fleet, file = tmp_path / "fleet.yaml", tmp_path / "file.jsonl"
    fleet.write_text(FLEET.format(port=port))
    file.write_text(LINE)
    environment = {
        **os.environ,
        "MODEL_FOUNDRY_HOME": str(tmp_path / "home"),
        "MODEL_FOUNDRY_FLEET": str(fleet),
        "MODEL_FOUNDRY_CONNECT_TIMEOUT_S": "60",
        "MODEL_FOUNDRY_INFERENCE_LOOK_S": "60",
        "MODEL_FOUNDRY_EXPORTER_PORT": str(free_port()),
        "MODEL_FOUNDRY_NATS_URL": f"nats://127.0.0.1:{port}",
        "MODEL_FOUNDRY_POSTGRES_URL": f"postgresql://me@127.0.0.1:{port}/d",
    }
    words = [part.format(file=file, free=free_port()) for part in command]
    process = subprocess.Popen(
        [PROGRAM, *words],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[bytes]", number: signal.Signals) -> tuple[int, str]:
    """The exit code, and what was said, after a signal that ends it in time."""
    children = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < WITHIN_S, output
    assert not [child for child in children if child.is_running()]
    return process.returncode, output.decode()


@pytest.fixture(scope="module")
def silent_server() -> Iterator[Listener]:
    with listening(silent) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, signal.SIGTERM if place % 2 else signal.SIGINT)
        for place, name in enumerate([*COMMANDS, "publish"])
    ],
)
def test_a_signal_ends_what_waits_for_a_silent_server(
    silent_server: Listener, name: str, number: signal.Signals, tmp_path: Path
) -> None:
    silent_server.forget()
    with running(COMMANDS[name], tmp_path, silent_server.port) as process:
        silent_server.wait_for_a_connection()
        code, said = ended(process, number)
    assert code == (0 if name == "dev" else 128 + number), said
    assert "Traceback" not in said


BLOCKS = """
import ctypes
from model_foundry.cli.failing import errors_shown

library = ctypes.CDLL(None)
mutex = ctypes.create_string_buffer(64)
with errors_shown():
    library.pthread_mutex_lock(mutex)
    print("waits", flush=True)
    library.pthread_mutex_lock(mutex)
"""


def test_a_signal_ends_what_python_cannot_interrupt() -> None:
    number = signal.SIGHUP
    with subprocess.Popen([sys.executable, "-c", BLOCKS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waits\n"
        assert ended(process, number)[0] == 128 + number


def test_a_signal_ends_what_waits_in_a_black_hole(tmp_path: Path) -> None:
    with black_hole() as port, running(COMMANDS["publish"], tmp_path, port) as process:

        def connects() -> bool:
            made = psutil.Process(process.pid).net_connections("tcp")
            return any(each.raddr and each.raddr.port == port for each in made)

        deadline = time.monotonic() + 30
        while not connects():
            assert time.monotonic() < deadline
        assert ended(process, signal.SIGTERM)[0] == 128 + signal.SIGTERM
