"""README.md and docs/ as a person follows them: their files, and their commands one by one."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
# In the order of README's list of pages.
PAGES = ("README", *(f"docs/{name}" for name in (
    "events", "sessions", "summaries", "lake", "recipes", "batch", "translation", "fleets",
    "servers", "telemetry", "operations", "architecture", "duckdb-qualify",
)))  # fmt: skip
_BLOCK = re.compile(
    r"(?:`(?P<file>model_foundry/[^`\n]+)`(?:(?!```|\n\n).)*:\n\n)?"
    r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """What stands between fences. `file`: where it is to be written, if the page says so."""

    page: str
    kind: str
    text: str
    file: str | None

    @property
    def commands(self) -> list[str]:
        """Those of a shell, in order, as they are printed."""
        return self.text.replace("\\\n", "").splitlines() if self.kind == "sh" else []


def text_of(page: str) -> str:
    """A page's text."""
    return (ROOT / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """A page's blocks, in order."""
    for found in _BLOCK.finditer(text_of(page)):
        yield Block(page, found["kind"], found["text"], found["file"])


def copy_of_the_project(to: Path) -> Path:
    """What runs of it, with this venv and a Dagster home, in a folder of its own."""
    project = to / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("model_foundry", "sql", "fleets"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    for name in ("pyproject.toml", "dagster.yaml"):
        shutil.copy(ROOT / name, project)
    (project / ".venv").symlink_to(sys.prefix)
    dagster_home = project / ".foundry" / "dagster"  # `make dev` makes it
    dagster_home.mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    return project
