"""The command that starts a slot's server as the fleet declares it. Pure."""

import shlex
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, Slot

_KEY_VARIABLES: Final = {"vllm": "VLLM_API_KEY", "llama.cpp": "LLAMA_API_KEY"}
# Where results take their timings and token counts from.
_VLLM_FIGURES: Final = ("--enable-per-request-metrics", "--enable-prompt-tokens-details")


class StartCommand(msgspec.Struct, frozen=True, kw_only=True):
    """How one slot is started, on its host."""

    slot: str
    host: str | None
    gpus: tuple[str, ...]
    variables: dict[str, str]
    """For the server alone; a value `$NAME` is left to the shell, so that no key is printed."""
    arguments: list[str]

    @property
    def line(self) -> str:
        """One line for a POSIX shell."""
        assignments = [f'{name}="{value}"' for name, value in self.variables.items()]
        return " ".join([*assignments, shlex.join(self.arguments)])


def start_command(fleet: Fleet, slot: Slot, environment: Mapping[str, str]) -> StartCommand | None:
    """How the slot is started; None for one that we do not start (embedded, or runtime openai).

    Raises:
        FoundryError: its address or its model file is not known.
    """
    if slot.embedded or slot.runtime == "openai":
        return None
    arguments = _vllm(slot) if slot.runtime == "vllm" else _llama_cpp(slot)
    return StartCommand(
        slot=slot.name,
        host=slot.host,
        gpus=slot.gpus,
        variables=_variables(fleet, slot),
        arguments=[*arguments, *_address(slot.url(environment)), *slot.arguments],
    )


def _vllm(slot: Slot) -> list[str]:
    weights = slot.weights
    source = (weights and (weights.repo or weights.file)) or slot.model
    return [
        *(slot.binary or "vllm", "serve", source),
        *(["--served-model-name", slot.model] if source != slot.model else []),
        *("--max-num-seqs", str(slot.parallel)),
        *("--max-model-len", str(slot.context_tokens)),
        *(["--tensor-parallel-size", str(len(slot.gpus))] if len(slot.gpus) > 1 else []),
        *_VLLM_FIGURES,
    ]


def _llama_cpp(slot: Slot) -> list[str]:
    weights = slot.weights
    if weights is None:
        raise FoundryError(
            f"slot {slot.name}: llama-server needs a model: give weights.file or weights.repo"
        )
    source = ["-m", weights.file] if weights.file else ["-hf", str(weights.repo)]
    layers = [] if slot.host is None else ["-ngl", "99" if slot.gpus else "0"]
    return [
        *(slot.binary or "llama-server", *source, "--alias", slot.model),
        *("--parallel", str(slot.parallel)),
        *("-c", str(slot.parallel * slot.context_tokens)),  # shared by the requests
        *layers,
        *("--metrics", "--jinja"),
    ]


def _address(url: str) -> list[str]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = "127.0.0.1" if parts.hostname == "localhost" else str(parts.hostname)
    return ["--host", host, "--port", str(port)]


def _variables(fleet: Fleet, slot: Slot) -> dict[str, str]:
    variables = {}
    gpus = [gpu.name for host in fleet.hosts if host.name == slot.host for gpu in host.gpus]
    if slot.gpus and len(gpus) > 1:
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(str(gpus.index(gpu)) for gpu in slot.gpus)
    if slot.api_key is not None:
        variables[_KEY_VARIABLES[slot.runtime]] = f"${slot.api_key.env}"
    return variables
