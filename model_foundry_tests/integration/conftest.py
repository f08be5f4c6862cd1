"""What tests of recipes share: a folder for them, and a slot that answers as it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_foundry_tests.fake_slot import FakeSlot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a test's recipes are written."""
    return tmp_path / "recipes"


@pytest.fixture
def fake() -> Iterator[FakeSlot]:
    """A slot of eight places."""
    with FakeSlot() as slot:
        yield slot
