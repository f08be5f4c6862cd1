"""One browser for the tests of a module, the pictures that `make screenshots` keeps, and what
`make run` leaves.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from model_foundry_tests.pages import ROOT

# Set by `make screenshots`: where the pictures of README.md and docs/ go.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


class Shot(Protocol):
    """Keeps a page as it is, where pictures are wanted."""

    def __call__(self, page: Page, name: str, *, height: int | None = None) -> None:
        """Under this name; only so much of it, from its top."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("LOUD: no chromium here, no page is looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def shot() -> Shot:
    """See `Shot`."""

    def keep(page: Page, name: str, *, height: int | None = None) -> None:
        if not SCREENSHOTS:
            return
        page.wait_for_load_state("networkidle")
        path = str(Path(SCREENSHOTS) / f"{name}.png")
        size = page.viewport_size or {"width": 0, "height": 0}
        page.screenshot(
            path=path,
            animations="disabled",
            clip={"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]},
        )

    return keep


class Ran(NamedTuple):
    """A copy of the project in which `make run` was called twice."""

    project: Path
    environment: dict[str, str]
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]

    @property
    def home(self) -> Path:
        """Where all data is."""
        return self.project / ".foundry"


@pytest.fixture(scope="session")
def ran(server_directory: Path) -> Ran:
    """Both with one session, which is the newcomer's way made short."""
    project = server_directory / "モデル 工房"
    left_out = shutil.ignore_patterns(
        *("__pycache__", ".*", "benchmarks", "model_foundry_tests", "node_modules")
    )
    shutil.copytree(ROOT, project, ignore=left_out)
    # The environment is this one; a folder of its own keeps what make writes into it apart.
    (project / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (project / ".venv" / path.name).symlink_to(path)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    environment = {
        **kept,
        "COLUMNS": "120",
        "PYTHONPATH": str(project),
        "DEMO": "--sessions 1 --seed 2",
    }

    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    # It would be installed into the environment that runs the tests.
    assert "install" not in make("run", "--dry-run").stdout, "first: make .venv/.installed"
    return Ran(project, environment, make("run"), make("run"))
