"""Dialects and what models do: what is published is whole, what is not says line and reason."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from model_foundry.translation.document import FRONT_MATTER_KEYS, Document
from model_foundry.translation.marks import MisfitError
from model_foundry.translation.quality import judge_document
from model_foundry.translation.referee import disagreements
from model_foundry.translation.structure import differences
from model_foundry_tests.unit.dialects import FAULTS, Made, made, translator, well
from model_foundry_tests.unit.markdown_documents import Outcome, put_through

_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)


class _Balance(HTMLParser):
    """Elements that are left open, and ends that close nothing, in GitHub's HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.loose: list[str] = []
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        self.feed(cmarkgfm.github_flavored_markdown_to_html(text, options=options))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in _VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.opened and self.opened[-1] == tag:
            self.opened.pop()
        else:
            self.loose.append(tag)

    def left(self) -> tuple[list[str], list[str]]:
        return self.opened, self.loose


def assert_whole(source: Made, outcome: Outcome) -> None:
    """Built as its source by both parsers, balanced, with all that is no language."""
    rendered = outcome.rendered
    assert rendered is not None
    assert differences(source.text, rendered, FRONT_MATTER_KEYS) == []
    assert _Balance(rendered).left() == _Balance(source.text).left()
    for kept in source.kept:
        assert rendered.count(kept) == source.text.count(kept), kept
    lines = [line.lstrip("> ").strip() for line in rendered.splitlines()]
    for line in source.lines:
        assert line in lines


@pytest.fixture(scope="module")
def documents(request: pytest.FixtureRequest) -> range:
    count: int = request.config.getoption("--dialect-documents")
    return range(count)


def test_a_good_translation_of_any_mix_of_dialects_is_published(documents: range) -> None:
    for number in documents:
        source = made(number)
        document = Document(source.text)
        assert document.unplaced == [], number
        same = document.render({each: each.text for each in document.segments})
        assert same == source.text, number
        outcome = put_through(source.text, well)
        assert outcome.rendered is not None, (number, outcome.reasons)
        assert_whole(source, outcome)


def test_whatever_models_do_no_damage_is_published(documents: range) -> None:
    faults = sorted(FAULTS)
    came_to = dict.fromkeys(faults, 0)
    for number in documents:
        source = made(number)
        fault = faults[number % len(faults)]
        often = (0.1, 0.4, 1.0)[number // len(faults) % 3]
        outcome = put_through(source.text, translator(fault, often, number))
        if outcome.rendered is None:
            assert outcome.reasons, (number, fault)
            assert all(re.search(r"\blines? \d", each) for each in outcome.reasons), outcome.reasons
        else:
            came_to[fault] += 1
            assert_whole(source, outcome)
    # A fault of marks costs word order, never the document.
    for fault in ("drops a mark", "doubles a mark", "moves marks", "reverses marks", "reorders",
                  "answers in lines"):  # fmt: skip
        assert came_to[fault] > 0, came_to


# --- by hand --------------------------------------------------------------------------------------


def put(source: str, *translations: str) -> str:
    document = Document(source)
    return document.render(dict(zip(document.segments, translations, strict=True)))


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Ein <b>fett</b> Wort.\n", "A `2`bold`1` word."),
        ("Ein <b>fett</b> Wort.\n", "A bold `1``2` word."),
        ("<b>eins</b> und <i>zwei</i>.\n", "`1`one`3` and `2`two`4`."),
        ("<b>eins</b> <b>zwei</b> drei\n", "`1`one `3`two`2` three`4`"),
        ("a </b> b <b> c\n", "a `2` b `1` c"),
        ("{% if a %}eins{% endif %} zwei\n", "`2`one`1` two"),
        ("{% if a %}x{% else %}y{% endif %} z\n", "`2`x`1`y`3` z"),
        ("{{< note >}}eins{{< /note >}} zwei\n", "`2`one`1` two"),
        ("{{#if a}}eins{{/if}} zwei\n", "`2`one`1` two"),
        ("<Tip>eins</Tip> *zwei*\n", "`1`one *`2`two*"),
        ("{% if a %}`c` x{% else %}y{% endif %} z\n", "`1`x`3`y `2``4` z"),
    ],
)
def test_partners_keep_their_order(source: str, translation: str) -> None:
    document = Document(source)
    [segment] = document.segments
    assert document.misfit(segment, translation) is not None
    with pytest.raises(MisfitError):
        document.render({segment: translation})


def test_partners_change_places_with_others() -> None:
    assert put("<b>eins</b> und `zwei` *drei*\n", "*three* `3` and `1`one`2`") == (
        "*three* `zwei` and <b>one</b>\n"
    )


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("## Titel {#id}\n", ["Titel"]),
        ("## Titel {/*id*/}\n", ["Titel"]),
        ("Titel {#id}\n===\n", ["Titel"]),
        ("Ein Satz.\n{: .note}\n", ["Ein Satz."]),
        ("{: .note}\nEin Satz.\n", ["Ein Satz."]),
        ("Ein Satz. ^id\n", ["Ein Satz."]),
        ("- eins\n\n^liste\n", ["eins"]),
        ("(label)=\n# Titel\n", ["Titel"]),
        ('Ein Wort{.x alt="`c`"} mehr\n', ["Ein Wort`1` mehr"]),
        ('{{< figure\n  src="x"\n  title="y" >}}\n\nEin Satz\n', ["Ein Satz"]),
        ('Ein Bild {{< figure\nsrc="x" >}} hier\n', ["Ein Bild `1` hier"]),
        ("{{< tabs\n\nname=\"x\" >}}\n\nEin Satz\n", ["Ein Satz"]),
        ("Ein {a: {b: {c: 1}}} Wort\n", ["Ein `1` Wort"]),
        ("<A b={{c: {d: {e: 1}}}} /> Wort\n", ["`1` Wort"]),
        ("[Wort]({{ site.url }}/a_b_c) hier\n", ["[Wort](1) hier"]),
        ("![Wort]({% link a.png %}) hier\n", ["[Wort](1) hier"]),
        ("[Wort](a){target=_blank} hier\n", ["[Wort](1) hier"]),
        ("Es kostet $a `b` c$ hier\n", ["Es kostet $a `1` c$ hier"]),
        ("Es ist $`a`$ und $b$ hier\n", ["Es ist `1` und `2` hier"]),
        ("Es ist \\(x_1\\) und \\[y = 1\\] hier\n", ["Es ist `1` und `2` hier"]),
        ("Ein \\[optionales\\] Wort\n", ["Ein [optionales] Wort"]),
        ("Das Zeichen [INST] und <|im_end|> hier\n", ["Das Zeichen `1` und `2` hier"]),
        ("Siehe /wiki/日本語 hier\n", ["Siehe `1` hier"]),
        ("Siehe https://ja.wikipedia.org/wiki/日本語 hier\n", ["Siehe `1` hier"]),
        ("2. Letzter\n</Steps>\n", ["Letzter"]),
        ("Eins\n<Tag/>\nzwei\n", ["Eins", "zwei"]),
        ("{% raw %}\n\nstays\n\n{% endraw %}\n\nEin Satz\n", ["Ein Satz"]),
        (":::{code} py\nstays\n:::\n\nEin Satz\n", ["Ein Satz"]),
        (":::{note} X\n:class: stays\nEin Satz\n:::\n", ["Ein Satz"]),
        ('=== "stays"\n\n--8<-- "stays"\n\n[TOC]\n\n<<< @/stays.js\n\nEin Satz\n', ["Ein Satz"]),
        ("[stays]: {{ site.url }}/x\n\nEin Satz\n", ["Ein Satz"]),
        ("\\[\nstays\n\\]\n\n%%\nstays\n%%\n\nEin Satz\n", ["Ein Satz"]),
        ("export const a = {\n\n  b: 'stays',\n\n}\n\nEin Satz\n", ["Ein Satz"]),
        ("<Tag\n  a={{\n\n  b: 1}}\n>\n\nEin Satz\n\n</Tag>\n", ["Ein Satz"]),
        ("{ref}`stays` {doc}`stays` ++ctrl+alt+d++ %%stays%% Wort\n", ["`1` `2` `3` `4` Wort"]),
        ("* TOC\n{:toc}\n", ["TOC"]),
        ("* Wort\n{:toc}\n", ["Wort"]),
        ('---\ntitle: Ein `x` und {{ y }} <br>\n---\n', ["Ein `1` und `2` `3`"]),
        ("---\n\nEin Satz\n\n---\n\nNoch einer\n", ["Ein Satz", "Noch einer"]),
        ("---\nEin Satz\n---\n", ["Ein Satz"]),
        ('+++\ntitle = "Ein Titel"\n+++\n\nEin Satz\n', ["Ein Titel", "Ein Satz"]),
    ],
)  # fmt: skip
def test_what_is_no_language_is_kept(source: str, texts: list[str]) -> None:
    document = Document(source)
    assert [each.text for each in document.segments] == texts
    assert document.unplaced == []
    rendered = put_through(source, well, source="de", target="en").rendered
    assert rendered is not None
    assert rendered.count("stays") == source.count("stays")
    signs = re.compile(r"[{}<>$^%:+=|/()!-]")
    assert "".join(signs.findall(rendered)) == "".join(signs.findall(source))


@pytest.mark.parametrize(
    "source",
    ["日本語の文です。\u3000\n", "# 題\u00a0\n", "文です。\x0c\n", "> 文です。\u3000\n\n次\n",
     "文\u2028\n", "題\u00a0\n==\n",
     "|題\u3000|\n|-|\n|文\u00a0 |\n", "- 文\u3000\n",
     "題\n: 文\u3000\n", "\u3000文です。\n", "文\x1f\n次の文\x0c\n"],
)  # fmt: skip
def test_no_block_is_lost_for_what_it_ends_with(source: str) -> None:
    document = Document(source)
    assert document.segments
    assert document.unplaced == []
    rendered = document.render(dict.fromkeys(document.segments, "Words"))
    assert not re.search(r"[\u3041-\u9fff]", rendered)
    assert re.findall(r"[\u3000\u00a0\x0c\u2028\x1f]", source)[-1] in rendered


def test_a_block_that_cannot_be_placed_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model_foundry.translation.markdown._Reader._place", lambda *_: None)
    document = Document("# One\n\nTwo\n")
    assert document.unplaced == [(1, "One"), (3, "Two")]
    quality = judge_document(document, document.source, source="en", target="de")
    said = [each.words for each in quality.findings if each.blocks]
    assert any(each.startswith("line 3: its text was not found") for each in said)


@pytest.mark.parametrize("source", ["*a " * 400 + "b* " * 400, "**" * 800 + "a" + "**" * 800])
def test_marks_that_nest_without_end_are_told_and_take_no_time(source: str) -> None:
    document = Document(f"# One\n\n{source}\n")
    assert [line for line, _ in document.unplaced] == [3]
    assert [each.text for each in document.segments] == ["One"]


@pytest.mark.parametrize(
    ("source", "translation", "line"),
    [
        ("# a\n\nb\n", "# a\n\nb\n\nc\n", 3),
        ("a <b>b</b>\n", "a </b>b<b>\n", 1),
        ("a [b](c)\n", "a [b](d)\n", 1),
        ("x\n\n```\na\n```\n", "x\n\n```\nb\n```\n", 3),
        ("---\nt: a\n---\n\nx `c`\n", "---\nt: a\n---\n\nx\n", 5),
        ("|a|\n|-|\n|b|\n", "|a|\n|-|\n|b|\n|c|\n", 3),
    ],
)
def test_a_second_parser_tells_its_lines(source: str, translation: str, line: int) -> None:
    assert disagreements(source, source) == []
    found = disagreements(source, translation)
    assert line in [each for each, _ in found]
    assert all(words for _, words in found)


LONG: list[tuple[str, Callable[[int], str]]] = [
    ("words", lambda n: f"The word number {n} is read and more of it follows. "),
    ("links", lambda n: f"[a word {n}](b{n}) follows that. "),
    ("code", lambda n: f"The `code{n}` is read after {n}. "),
    ("tags", lambda n: f"<b>word {n}</b> is bold. "),
    ("lines", lambda n: f"word {n} and more\n"),
    ("lines of tags", lambda n: f"word {n}\n<b>\n"),
    ("Japanese", lambda n: f"これは{n}番目の文です。"),
]


@pytest.mark.parametrize("unit", [each for _, each in LONG], ids=[name for name, _ in LONG])
def test_a_long_paragraph_is_put_back_in_stretches(unit: Callable[[int], str]) -> None:
    source = "".join(map(unit, range(150))).strip() + "\n"
    document = Document(source)
    assert len({id(each.block) for each in document.segments}) > 1
    assert document.render({each: each.text for each in document.segments}) == source
    outcome = put_through(source, well)
    assert outcome.rendered is not None, outcome.reasons
    assert differences(source, outcome.rendered) == []
    assert all(str(number) in outcome.rendered for number in range(150))
