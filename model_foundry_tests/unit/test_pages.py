"""README.md and docs/: links lead somewhere, commands exist, and stand where they are run."""

import re
from typing import Any
from urllib.parse import unquote

import pytest
from typer.main import get_command

from model_foundry.cli import app
from model_foundry_tests.pages import PAGES, ROOT, blocks, text_of

LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`model-foundry ([^`]+)`")
COMMAND = r"^ *(\$ |\.venv|model-foundry |make |dg |dagster )"
ALL = (*PAGES, "CHANGELOG", "CONTRIBUTING", "SECURITY")


def prose(page: str) -> str:
    """The page without its fenced and inline code."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_every_page_is_listed_in_the_readme() -> None:
    found = {f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.md")}
    assert found == set(PAGES) - {"README"}
    for page in found:
        assert f"({page}.md)" in text_of("README")


@pytest.mark.parametrize("page", ALL)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in LINK.findall(prose(page)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (folder / path).resolve() if path else ROOT / f"{page}.md"
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(str(file.relative_to(ROOT).with_suffix(""))), target


@pytest.mark.parametrize("page", ALL)
def test_commands_stand_in_blocks_that_are_run(page: str) -> None:
    for block in blocks(page):
        assert block.kind, block.text
        if block.kind != "sh":
            assert not re.search(COMMAND, block.text, re.MULTILINE), block.text
    indented = re.findall(r"(?<=\n\n)((?: {4}.*\n)+)", text_of(page))
    for text in indented:
        assert not re.search(COMMAND, text, re.MULTILINE), text
    # A fixed day in a command is one on which nothing happened.
    for block in blocks(page):
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b", "\n".join(block.commands))


@pytest.mark.parametrize("page", ALL)
def test_commands_in_sentences_exist(page: str) -> None:
    for said in INLINE.findall(text_of(page)):
        command: Any = get_command(app)
        words = said.split()
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, said
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        for word in words:
            assert not word.startswith("--") or word in options, said
