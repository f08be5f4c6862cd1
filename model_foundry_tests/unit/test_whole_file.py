"""Who may read a file that appears whole."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_foundry.whole_file import new_file, whole_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_file_follows_the_umask(tmp_path: Path, umask: int) -> None:
    with whole_file(tmp_path / "file") as file:
        file.write(b"x")
    assert mode(tmp_path / "file") == 0o666 & ~umask
    assert mode(new_file(tmp_path, "part-")) == 0o666 & ~umask


@pytest.mark.parametrize("given", [0o600, 0o640, 0o755])
def test_who_may_not_read_the_source_may_not_read_the_file(
    tmp_path: Path, umask: int, given: int
) -> None:
    source = tmp_path / "source"
    source.touch()
    source.chmod(given)
    with whole_file(tmp_path / "file", like=source) as file:
        file.write(b"x")
    assert mode(tmp_path / "file") == 0o666 & ~umask & given


def test_a_file_that_was_closed_stays_closed(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o600)
    with whole_file(path) as file:
        file.write(b"x")
    assert mode(path) == 0o600
