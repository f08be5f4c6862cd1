"""`make release`, for real: in copies of this tree that are repositories of their own."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from model_foundry_tests.wheelhouse import ROOT, installed

# An environment is installed twice, and built: slow on a busy machine.
pytestmark = pytest.mark.timeout(900)

VENV = Path(sys.executable).parents[1]
COMMITTED = 1_800_000_000  # seconds since 1970


def git(tree: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", *arguments]
    moment = f"{COMMITTED} +0000"
    environment = {**os.environ, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=True
    ).stdout


def repository(tree: Path) -> Path:
    """What is in this tree, and not ignored, committed."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "all of it")
    return tree


def release(tree: Path, umask: int = 0o022, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make release` with the tools of this environment, none of which are looked after."""
    command = [
        "make",
        "--no-print-directory",
        f"VENV={VENV}",
        "-o",
        f"{VENV}/.installed",
        "release",
    ]
    return subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("release") / "モデル 工房")


@pytest.fixture(scope="module")
def dist(tree: Path) -> Path:
    done = release(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree / "dist"


def test_it_is_a_wheel_an_sdist_a_bill_of_materials_and_checksums(dist: Path) -> None:
    wheel, sdist, sbom = (
        next(dist.glob(f"model_foundry-*{kind}")) for kind in (".whl", ".tar.gz", ".cdx.json")
    )
    assert {path.name for path in dist.iterdir()} == {
        "SHA256SUMS", wheel.name, sdist.name, sbom.name,
    }  # fmt: skip
    lines = [line.split() for line in (dist / "SHA256SUMS").read_text().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, sdist, sbom)
    }
    with tarfile.open(sdist) as archive:
        assert {member.mtime for member in archive} == {COMMITTED}
    bill = json.loads(sbom.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["version"] in wheel.name
    locked = re.findall(r"^(\S+)==(\S+?)[ ;\\]", (ROOT / "requirements-run.lock").read_text(), re.M)
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(locked)
    assert len(locked) > 50


def test_built_twice_it_is_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    """In another folder, at another time, with another umask, zone and language."""
    again = repository(tmp_path / "elsewhere")
    done = release(again, umask=0o077, TZ="Asia/Tokyo", LC_ALL="C")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name: path.read_bytes() for path in (again / "dist").iterdir()} == {
        path.name: path.read_bytes() for path in dist.iterdir()
    }


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_what_was_built_installs_and_says_its_version(
    dist: Path, tmp_path: Path, kind: str
) -> None:
    [package] = dist.glob(f"*{kind}")
    bin_ = installed(package, tmp_path / "environment")
    done = subprocess.run(
        [bin_ / "model-foundry", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert package.name.startswith(f"model_foundry-{done.stdout.split()[1]}")
    found = [
        each.relative_to(bin_.parent) for each in bin_.parent.rglob("model_foundry/sql/**/*.sql")
    ]
    assert len(found) == len(list((ROOT / "sql").rglob("*.sql")))


@pytest.mark.parametrize("change", ["changed", "staged", "untracked"])
def test_a_tree_with_changes_is_refused(tree: Path, change: str) -> None:
    name = "README.md" if change != "untracked" else "model_foundry/new.py"
    try:
        with (tree / name).open("a") as file:
            file.write("more\n")
        if change == "staged":
            git(tree, "add", "--all")
        done = release(tree)
    finally:
        git(tree, "reset", "--quiet", "--hard")
        git(tree, "clean", "--quiet", "--force")
    assert done.returncode != 0
    assert "this tree has changes that are in none" in done.stdout


@pytest.mark.parametrize("heading", ["## Unreleased", "## 0.2.0", "## 10.2.0 - 2026-11-30"])
def test_a_version_that_the_changelog_does_not_know_is_refused(tree: Path, heading: str) -> None:
    changelog = tree / "CHANGELOG.md"
    text, found = re.subn(r"^## [\d.]+ - .*", heading, changelog.read_text(), flags=re.M)
    assert found
    try:
        changelog.write_text(text)
        git(tree, "commit", "--all", "--quiet", "--message", heading)
        done = release(tree)
    finally:
        git(tree, "reset", "--quiet", "--hard", "HEAD~1")
    assert done.returncode != 0
    assert "CHANGELOG.md has no section" in done.stdout
