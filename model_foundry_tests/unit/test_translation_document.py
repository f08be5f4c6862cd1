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


# --- what is a segment --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# Title #\n\nSetext\ntwo\n===\n", ["Title", "Setext two"]),
        ("> - quoted\n>   item\nlazy\n", ["quoted item lazy"]),
        ("| a \\| b | `c` |\n|---|---|\n| d |\n", ["a | b", "d"]),
        ("![An image](i.png 'title')\n", ["An image"]),
        ("[A link](u)\n\n**Bold.**\n", ["A link", "Bold."]),
        ("Code `x`, [link](u), <b>html</b>, $m$.\n", ["Code `1`, [link](2), `3`html`4`, `5`."]),
        ("Neighbours `a``b` <i>`c` [[w]][^1] end\n", ["Neighbours `1` `2` `3` end"]),
        ("See https://a.b/c_d, x@y.zz, {p.q} and :smile:\n", ["See `1`, `2`, `3` and `4`"]),
        ("A &amp; B \\*c\\* &eacute;\n", ["A & B *c* é"]),
        ("A \\*c\\* `d`\n", ["A \\*c\\* `1`"]),
        ("one  \ntwo\\\nthree\n", ["one", "two", "three"]),
        ("**one  \ntwo** three\n", ["**one`1`two** three"]),
        ("日本語の\n文 and\nmore\n", ["日本語の文 and more"]),
        ("- [ ] task\n\n> [!NOTE] Title\n> text\n", ["task", "Title", "text"]),
        ("Note^[inside *it*].\n", ["Note[inside *it*](1)."]),
        ("1. 2. 3.\n\n`code` — 42 !\n", []),
        ("[x]: /u 'title'\n[^1]: Footnote.\n", ["Footnote."]),
        ("---\ntitle: T\nauthor: A\ndescription: |\n  D\n  E\n---\n", ["T", "D E"]),
    ],
)
def test_segments(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "```\nfence\n```\n",
        "    indented\n",
        "<div>\nhtml\n</div>\n",
        "$$\nmath\n$$\n",
        "\\begin{align}\na\n\\end{align}\n",
        ":::note Title\n",
        "import a from 'b'\nexport const c = 1\n",
        "<Tag prop={value}>\n",
        "[[wiki]]\n",
        "<!-- comment -->\n",
        "<code>text</code> <kbd>Esc</kbd>\n",
    ],
)
def test_never_a_segment(source: str) -> None:
    assert texts(source) == []


def test_a_segment_knows_its_line_and_kind() -> None:
    source = "---\ntitle: T\n---\n# H\n\n> a  \n> b\n\n|c|\n|-|\n|d|\n\nterm\n: e\n"
    found = [(each.kind, each.line, each.text) for each in Document(source).segments]
    assert found == [
        ("front_matter", 2, "T"),
        ("heading", 4, "H"),
        ("paragraph", 6, "a"),
        ("paragraph", 7, "b"),
        ("cell", 9, "c"),
        ("cell", 11, "d"),
        ("term", 13, "term"),
        ("paragraph", 14, "e"),
    ]


def test_front_matter_keys_are_chosen() -> None:
    source = "---\ntitle: T\nabstract: A\n---\n"
    assert [each.text for each in Document(source, front_matter_keys=["abstract"]).segments] == [
        "A"
    ]
    assert Document(source, front_matter_keys=()).segments == ()


# --- putting back -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "translations", "expected"),
    [
        ("> two\n> lines\n", ["one line"], "> one line\n"),
        ("a\r\n", ["x\n\ny"], "x y\r\n"),
        ("a\n", ["# x"], "\\# x\n"),
        ("a\n", ["- x"], "\\- x\n"),
        ("a\n", ["12. x"], "12\\. x\n"),
        ("a\n", ["> x"], "\\> x\n"),
        ("# a\n", ["x #"], "# x \\#\n"),
        ("a\n", ["2 * 3 < 4 & more"], "2 * 3 < 4 & more\n"),
        ("a\n", ["*x* & `y`"], "\\*x\\* & \\`y\\`\n"),
        ("a\n", ["import x from 'y'"], "&#105;mport x from 'y'\n"),
        ("|a|\n|-|\n|b|\n", ["x|y", "z"], "|x\\|y|\n|-|\n|z|\n"),
        ("[a]\n\n[a]: /u\n", ["x"], "[x][a]\n\n[a]: /u\n"),
        ("![a][]\n\n[a]: /u\n", ["x"], "![x][a]\n\n[a]: /u\n"),
        ("Use `a` for [b](c).\n", ["[x](2)は`1`。"], "[x](c)は`a`。\n"),
        ("Use `a` for [b](c).\n", ["［］[x]（2）は` 1 `。"], "［］[x](c)は`a`。\n"),
        ("It is **“so”** here.\n", ["**「そう」**です。"], "**「そう」** です。\n"),
        ("It is _so_ here.\n", ["それは*そう*です。"], "それは*そう*です。\n"),
        ("---\ntitle: a\n---\n", ["x: 'y' #z"], "---\ntitle: \"x: 'y' #z\"\n---\n"),
        ("---\ntitle: 'a'\n---\n", ["it's"], "---\ntitle: 'it''s'\n---\n"),
        ("---\ntitle: >\n  a\n  b\nk: 1\n---\n", ["x"], '---\ntitle: "x"\nk: 1\n---\n'),
    ],
)
def test_put_back(source: str, translations: list[str], expected: str) -> None:
    assert put(source, *translations) == expected


def test_words_are_kept_apart_where_the_source_needed_no_space() -> None:
    source = "これは**大事**です。`foo`は関数です。\n"
    result = put(source, "This is", "important", "indeed.", "is a function.", marks=False)
    assert result == "This is **important** indeed. `foo` is a function.\n"
    document = Document("一つ目です。二つ目です。\n", max_tokens=9)
    first, second = document.segments
    assert document.render({first: "The first.", second: "The second."}) == (
        "The first. The second.\n"
    )


@pytest.mark.parametrize(
    ("source", "translation", "why"),
    [
        ("a `b` c\n", "x y", "`1` in backticks is missing"),
        ("a `b` c\n", "x `1` `1`", "`1` in backticks is not in the source or there once more"),
        ("a `b` c\n", "x `1` **y**", r"\*\*…\*\* is not in the source"),
        ("a [b](c)\n", "x [y](7)", r"`\]\(7\)` closes no link"),
        ("a [b](c)\n", "x [](1)", "nested, ordered or filled differently"),
        ("a **b**\n", "x **y", r"`\*\*` is opened and not closed"),
        ("a\n", " \n", "no words"),
        ("a\n", "…!", "no words"),
        ("\n\na\n", "", "line 3"),
    ],
)
def test_a_misfit_says_why(source: str, translation: str, why: str) -> None:
    document = Document(source)
    [segment] = document.segments
    said = document.misfit(segment, translation)
    assert said is not None
    assert re.search(why, said)
    with pytest.raises(MisfitError, match=why):
        document.render({segment: translation})


def test_a_segment_and_a_part_of_it_are_not_both_put_back() -> None:
    document = Document("One sentence. Another one.\n")
    [whole] = document.segments
    part = document.split(whole)[0]
    with pytest.raises(MisfitError, match="both translated"):
        document.render({whole: "x", part: "y"})


# --- splitting ----------------------------------------------------------------------------------


def test_long_paragraphs_are_cut_at_sentence_ends() -> None:
    one = "これは{}番目の文です！「本当ですか？」と聞いた。"
    source = "".join(map(one.format, range(40)))
    document = Document(source, max_tokens=100)
    assert len(document.segments) > 5
    for segment in document.segments:
        assert estimated_tokens(segment.text) <= 100
        assert segment.text[-1] in "。！"
    assert "".join(segment.text for segment in document.segments) == source


def test_a_segment_is_split_down_to_words() -> None:
    document = Document("See *this*, e.g. `code`, now. Then that: one, two three.\n")
    [whole] = document.segments
    first, second = document.split(whole)
    assert [first.text, second.text] == ["See *this*, e.g. `1`, now.", "Then that: one, two three."]
    assert [each.text for each in document.split(first)] == ["See", "this", ", e.g.", ", now."]
    clauses = document.split(second)
    assert [each.text for each in clauses] == ["Then that:", "one, two three."]
    words = document.split(document.split(clauses[1])[1])
    assert [each.text for each in words] == ["two", "three."]
    assert [each.part for each in words] == ["0.1.1.1.0", "0.1.1.1.1"]
    assert document.split(words[0]) == ()


@pytest.mark.parametrize("source", ["語" * 3000, "word " * 3000, "x" * 9000, "`c` *e* " * 1500])
def test_whatever_can_be_cut_is_cut(source: str) -> None:
    document = Document(source, max_tokens=80)
    sizes = [estimated_tokens(segment.text) for segment in document.segments]
    assert source.startswith("xx") or max(sizes) <= 80
    assert document.render({each: each.text for each in document.segments}) == source


# --- random documents, random translations ------------------------------------------------------

INLINE = [
    "words", "日本語の文。", "**bold**", "*em*", "_em_", "`code`", "[text](url 'title')",
    "![alt](i)", "[ref]", "[ref][]", "[text][ref]", "<https://a.b>", "https://a.b/c", "<b>", "</b>",
    "&amp;", "\\*", "$x$", "[[wiki]]", "[^1]", "^[note]", "~~gone~~", "  \n", "\\\n", "\n", "|",
    "*", "_", "`", "[", "]", "!", "<", "{x}", ":smile:", "a@b.c", "「引用」", "\t", " ", "#", "1.",
    "\\",
]  # fmt: skip
LINES = [
    "# head", "title\n===", "title\n---", "- ", "1. ", "> ", ">", "```", "~~~", "    ",
    "| a | b |", "|---|---|", "| c \\| d | `e` |", "***", "<div>", "</div>", "", "", "$$", ":::",
    "[ref]: /url", "[^1]: note", "!!! note", "term\n: definition", "- [ ] task", "> [!NOTE]",
    "\ttab", "  - sub", "import x from 'y'", "<Tag a={b}>", "---",
]  # fmt: skip
inline = st.lists(st.sampled_from(INLINE), max_size=8).map("".join)
line = st.tuples(st.lists(st.sampled_from(LINES), max_size=3).map("".join), inline).map("".join)
ends = st.sampled_from(["\n", "\r\n", "\n\n"])
markdown = st.lists(st.tuples(line, ends).map("".join), max_size=8).map("".join)
NASTY = [
    "# ", "- ", "1. ", "1) ", "> ", "| ", "|---|", "---", "===", "```", "~~~", "    ", "\n", "\n\n",
    "`1`", "`2`", "[", "](1)", "](2)", "![", "**", "*", "_", "~~", "$$", "$x$", "[[w]]", "[^1]",
    "[ref]", "<b>", "<div>", "</div>", "<!--", "&amp;", "\\", ":::", ": ", "words", "日本語", "。",
    "https://a.b", "{x}", "import a from 'b'", "export const a", "+++", "a@b.c", ":smile:",
    "[x]: y", "[ ] ", "!", "<", "[!NOTE]", "^[", "]", "(", ")", "#", '"', "'", "\t", "\u3000",
    "$", "=", "+", "\\begin{align}",
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
