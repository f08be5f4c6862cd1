"""Documents cut into segments and put back: nothing but text ever changes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.translation.document import FRONT_MATTER_KEYS, Document, Segment
from model_foundry.translation.marks import MisfitError
from model_foundry.translation.sentences import estimated_tokens
from model_foundry.translation.structure import differences
from model_foundry_tests.unit.markdown_documents import (
    DOCUMENTS,
    SPEC,
    read,
    spec_examples,
    stock_skeleton,
    translated,
)

EXAMPLES = spec_examples()
# What other parsers take for code or text in these is neither.
DIALECT = {"admonitions", "footnotes", "front-matter-broken"}
both_ways = pytest.mark.parametrize("marks", [True, False], ids=["marks", "no-marks"])


def texts(source: str, *, marks: bool = True) -> list[str]:
    return [segment.text for segment in Document(source, marks=marks).segments]


def put(source: str, *translations: str, marks: bool = True) -> str:
    """The source with its segments translated, in their order."""
    document = Document(source, marks=marks)
    return document.render(dict(zip(document.segments, translations, strict=True)))


# --- every document -----------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("path", [*DOCUMENTS, SPEC], ids=lambda path: path.stem)
def test_identity_is_byte_identical(path: Path, marks: bool) -> None:
    source = read(path)
    for max_tokens in (600, 40):
        document = Document(source, marks=marks, max_tokens=max_tokens)
        same = document.render({segment: segment.text for segment in document.segments})
        assert same.encode() == path.read_bytes()


@both_ways
@pytest.mark.parametrize("path", [*DOCUMENTS, SPEC], ids=lambda path: path.stem)
def test_upper_case_changes_only_text(path: Path, marks: bool) -> None:
    source = read(path)
    document = Document(source, marks=marks)
    done, failed = translated(document, str.upper)
    assert not failed
    result = document.render(done)
    assert differences(source, result, FRONT_MATTER_KEYS) == []
    if path.stem in DIALECT:
        return
    body = re.compile(r"\A\ufeff?(---.*?\n---|\+\+\+.*?\n\+\+\+)", re.DOTALL)
    assert stock_skeleton(body.sub("", result)) == stock_skeleton(body.sub("", source))


def test_there_are_enough_documents_and_examples() -> None:
    assert len(DOCUMENTS) >= 30
    assert len(EXAMPLES) == 652


@both_ways
def test_examples_of_the_commonmark_specification(marks: bool) -> None:
    for number, source in enumerate(EXAMPLES, start=1):
        document = Document(source, marks=marks)
        same = document.render({segment: segment.text for segment in document.segments})
        assert same == source, number
        done, failed = translated(document, str.upper)
        assert not failed, number
        result = document.render(done)
        assert differences(source, result) == [], number


# --- random documents, random translations ------------------------------------------------------

INLINE = [
    "words", "日本語の文。", "**bold**", "*em*", "_em_", "`code`", "[text](url 'title')", "![alt](i)",
    "[ref]", "[ref][]", "[text][ref]", "<https://a.b>", "https://a.b/c", "<b>", "</b>", "&amp;", "\\*",
    "$x$", "[[wiki]]", "[^1]", "^[note]", "~~gone~~", "  \n", "\\\n", "\n", "|", "*", "_", "`", "[",
    "]", "!", "<", "{x}", ":smile:", "a@b.c", "「引用」", "\t", " ", "#", "1.", "\\",
]  # fmt: skip
LINES = [
    "# head", "title\n===", "title\n---", "- ", "1. ", "> ", ">", "```", "~~~", "    ", "| a | b |",
    "|---|---|", "| c \\| d | `e` |", "***", "<div>", "</div>", "", "", "$$", ":::", "[ref]: /url",
    "[^1]: note", "!!! note", "term\n: definition", "- [ ] task", "> [!NOTE]", "\ttab", "  - sub",
    "import x from 'y'", "<Tag a={b}>", "---",
]  # fmt: skip
inline = st.lists(st.sampled_from(INLINE), max_size=8).map("".join)
line = st.tuples(st.lists(st.sampled_from(LINES), max_size=3).map("".join), inline).map("".join)
ends = st.sampled_from(["\n", "\r\n", "\n\n"])
markdown = st.lists(st.tuples(line, ends).map("".join), max_size=8).map("".join)
NASTY = [
    "# ", "- ", "1. ", "1) ", "> ", "| ", "|---|", "---", "===", "```", "~~~", "    ", "\n", "\n\n",
    "`1`", "`2`", "[", "](1)", "](2)", "![", "**", "*", "_", "~~", "$$", "$x$", "[[w]]", "[^1]", "[ref]",
    "<b>", "<div>", "</div>", "<!--", "&amp;", "\\", ":::", ": ", "words", "日本語", "。", "https://a.b",
    "{x}", "import a from 'b'", "export const a", "+++", "a@b.c", ":smile:", "[x]: y", "[ ] ", "!", "<",
    "[!NOTE]", "^[", "]", "(", ")", "#", '"', "'", "\t", "\u3000", "$", "=", "+", "\\begin{align}",
]  # fmt: skip
nasty = st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join)


@given(markdown)
def test_identity_of_random_markdown(source: str) -> None:
    for marks in (True, False):
        document = Document(source, marks=marks, max_tokens=12)
        assert document.render({each: each.text for each in document.segments}) == source


@given(markdown, st.booleans())
def test_upper_case_of_random_markdown(source: str, marks: bool) -> None:
    document = Document(source, marks=marks)
    done, _ = translated(document, str.upper)
    assert differences(source, document.render(done)) == []


@given(markdown, st.booleans(), st.data())
def test_no_translation_changes_the_skeleton(source: str, marks: bool, data: st.DataObject) -> None:
    document = Document(source, marks=marks)
    done: dict[Segment, str] = {}
    for segment in document.segments:
        translation = data.draw(nasty | st.just(segment.text[::-1]) | st.text(max_size=20))
        try:
            document.render({**done, segment: translation})
        except MisfitError:
            continue
        done[segment] = translation
    assert differences(source, document.render(done)) == []
