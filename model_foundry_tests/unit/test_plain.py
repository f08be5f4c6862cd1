"""Texts from outside on a terminal."""

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from model_foundry.cli.plain import json_line, plain, plain_lines

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://elsewhere\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x9b2J\x9d0;title\x9c",
    "over\rwritten",
    "back\b\b\b\bspace\x7f",
    "\u202egnihtemos\u202c\u2066isolate\u2069\u200f",
    "zero\u200bwidth\ufeff",
    "lone \ud800 surrogate",
    "\u2028\u2029\x85next",
    "\U000e0041tag",
)


def is_obeyed(character: str) -> bool:
    return (
        character not in "\n\t" and unicodedata.category(character)[0] in "CZ" and character != " "
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_text_is_obeyed(text: str) -> None:
    for shown in (plain(text).plain, plain_lines(text), json_line({text: text})):
        assert not any(map(is_obeyed, shown)), ascii(shown)
    assert json.loads(json_line({text: text})) == {text: text}


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_no_text_is_obeyed(text: str) -> None:
    for shown in (plain(text).plain, plain_lines(text), json_line(text)):
        assert not any(map(is_obeyed, shown))
    assert json.loads(json_line(text)) == text


def test_markup_is_text_and_languages_stay() -> None:
    out = Console(file=io.StringIO(), width=200, force_terminal=True)
    table = Table("a")
    for text in (
        "[red]not red[/]",
        "[link=http://elsewhere]x[/link]",
        "trailing \\",
        "日本語 é ñ 👍",
    ):
        table.add_row(plain(text))
        out.print(plain(text))
    out.print(table)
    written = out.file.getvalue()  # type: ignore[attr-defined]
    assert written.count("[red]not red[/]") == 2
    assert written.count("[link=http://elsewhere]x[/link]") == 2
    assert written.count("日本語 é ñ 👍") == 2
    assert "\x1b]8" not in written


def test_lines_are_kept_where_they_belong() -> None:
    assert plain_lines("one\r\n\ttwo\rthree") == "one\n\ttwo␍three"
    assert plain("one\r\n\ttwo\rthree").plain == "one two three"
    assert sys.maxunicode > len(plain("x" * 100, most=10).plain) == 10
