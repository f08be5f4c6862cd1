"""One browser for the tests of a module, and the pictures that `make screenshots` keeps."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

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
