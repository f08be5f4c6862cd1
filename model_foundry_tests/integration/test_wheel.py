"""The wheel, installed away from the checkout: the code location loads, and its files are there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_foundry.postgres import known_migrations
from model_foundry.postgres.flat import FLAT_TABLES
from model_foundry.summaries.compute import SUMMARIES
from model_foundry_tests.wheelhouse import UV, built

PROBE = """
import pathlib, sys
import model_foundry
from model_foundry.definitions import defs
from model_foundry.fleet.file import settings_fleet
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry.postgres import known_migrations
assert pathlib.Path(model_foundry.__file__).is_relative_to(sys.argv[1]), model_foundry.__file__
assert data_path("dagster.yaml").is_relative_to(sys.argv[1])
assert settings_fleet(Settings()).name == "embedded"
assets = [spec.key.to_user_string() for spec in defs().resolve_all_asset_specs()]
print(len(known_migrations()), *assets)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"))


def test_an_installed_wheel_is_whole(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--no-deps", "--target", target, wheel],
        check=True,
        timeout=120,
    )
    done = subprocess.run(
        [sys.executable, "-c", PROBE, target],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    migrations, *assets = done.stdout.split()
    assert int(migrations) == len(known_migrations())
    assert {*FLAT_TABLES, *SUMMARIES, "generation_follow_up", "translation_ja_en"} < set(assets)


def test_plain_pip_finds_all_that_embedded_needs_among_what_make_run_installs(wheel: Path) -> None:
    """None of it is to be had from elsewhere, so whatever else was wanted would be an error."""
    wanted = f"model-foundry[embedded] @ {wheel.as_uri()}"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--quiet", wanted],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "llama" not in done.stdout + done.stderr
