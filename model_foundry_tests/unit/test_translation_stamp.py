"""The stamp in front matter of every kind: valid, once, in its own syntax; and gone again."""

import tomllib

import pytest
import yaml

from model_foundry.translation.front_matter import find, values
from model_foundry.translation.stamp import (
    Stamp,
    is_stamped_in_place,
    stamp_of,
    stamped,
    unstamped,
)

STAMP = Stamp("a: 'b'.md", "1" * 64, "ja", "en", 'm "x"', "MIT", "2026-12-01", "2" * 64)
READABLE = {
    "none": "x\n",
    "block": "---\na: b\n---\nx\n",
    "dots": "---\na: b\n...\nx\n",
    "flow": "---\n{title: a}\n---\nx\n",
    "flow with a comma": "---\n{a: b,}\n---\nx\n",
    "empty flow": "---\n{}\n---\nx\n",
    "JSON": '---\n{"a": 1} # c\n---\nx\n',
    "comment": "---\n# c\n---\nx\n",
    "indented": "---\n  a: b\n---\nx\n",
    "scalar at the end": "---\nt: |\n  x\n---\nx",
    "its own key": "---\ntranslation: mine\n---\nx\n",
    "its own block": "---\ntranslation:\n  source: v\n---\nx",
    "its own flow": "---\n{translation: mine}\n---\nx",
    "TOML": "+++\na = 'b'\n+++\nx\n",
    "TOML tables": "+++\na = 'b'\n[t]\nq = 1\n+++\nx\n",
    "TOML, its own key": "+++\ntranslation = 'b'\n+++\nx\n",
    "CRLF": "\ufeff---\r\na: b\r\n---\r\nx\r\n",
    "TOML in CRLF": "+++\r\na = 'b'\r\n+++\r\nx\r\n",
    "CR": "---\ra: b\r---\rx\r",
    "no front matter": "---\nA sentence.\n\n---\nx\n",
}
UNREADABLE = {
    "two colons": "---\na: b: c\n---\nx\n",
    "open bracket": "---\na: [b\n---\nx\n",
    "a bad date": "---\nd: 2024-13-45\n---\nx\n",
    "TOML": "+++\na = \n+++\nx\n",
    "deep": f"---\na: {'[' * 3000}\n---\nx\n",
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_a_stamp_is_valid_and_there_once(text: str) -> None:
    written = stamped(text, STAMP)
    assert is_stamped_in_place(written, STAMP, text)
    assert stamp_of(written) == STAMP
    assert unstamped(written) == text
    before, after = values(text, find(text)), values(written, find(written))
    assert before is not None
    assert after is not None
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    front = find(written)
    assert front is not None
    body = written[slice(*front.body)]
    loaded = tomllib.loads(body) if front.kind == "toml" else yaml.safe_load(body)
    assert loaded == after
    assert text.endswith(written[front.end :])


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_stamp_in_what_cannot_be_read_is_found_again(text: str) -> None:
    written = stamped(text, STAMP._replace(source="a.md", model="m"))
    assert stamp_of(written) == STAMP._replace(source="a.md", model="m")
    assert unstamped(written) == text
    assert written.endswith("x\n")
    assert written.count("source_sha256") == 1


@pytest.mark.parametrize("text", [*READABLE.values(), *UNREADABLE.values()])
def test_a_translation_translated_again_has_one_stamp(text: str) -> None:
    again = stamped(stamped(text, STAMP), STAMP._replace(language="de", source_language="en"))
    assert again.count("source_sha256") == 1
    found = stamp_of(again)
    assert found is not None
    assert (found.source_language, found.language) == ("en", "de")
    assert unstamped(again) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nlang: ja # ours\n---\nx\n", "---\nlang: en # ours\n"),
        ("---\nlanguage: 'ja'\n---\nx\n", "---\nlanguage: en\n"),
        ("+++\nlang = 'ja'\n+++\nx\n", "+++\nlang = 'en'\n"),
        ("---\nlanguage: python\n---\nx\n", "---\nlanguage: python\n"),
    ],
)
def test_the_translation_s_language_stands_where_the_source_s_did(text: str, expected: str) -> None:
    assert stamped(text, STAMP).startswith(expected)


def test_what_was_changed_below_or_lost_above_is_seen() -> None:
    text = "---\na: b\n---\nx\n"
    written = stamped(text, STAMP)
    assert not is_stamped_in_place(written + "y\n", STAMP, text)
    assert not is_stamped_in_place(written, STAMP._replace(language="de"), text)
    assert not is_stamped_in_place(text, STAMP, text)
