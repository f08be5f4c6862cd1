"""Links of a translation: from where it lies, to siblings' translations, with anchors that hold."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_foundry.translation.anchors import (
    GITHUB,
    Slugger,
    Style,
    anchored,
    anchors,
    headings,
    style_of,
    unanchored,
    wanted_anchors,
)
from model_foundry.translation.article import Tree
from model_foundry.translation.links import broken, links, relinked
from model_foundry.translation.markdown import parse
from model_foundry.translation.siblings import Siblings
from model_foundry.translation.structure import skeleton

ATTRIBUTE = Style("attribute", "github")


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = dict.fromkeys(
        (
            "docs/a.md", "docs/b.md", "docs/b.de.md", "docs/deep/c.mdx", "docs/deep/c.de.mdx",
            "docs/my file.md", "docs/my file.de.md", "img/x.png", "README.md", "docs/(d).md",
            "docs/(d).de.md",
        ),
        "# A\n",
    )  # fmt: skip
    return write(tmp_path, files)


@pytest.mark.parametrize(
    ("link", "beside", "elsewhere"),
    [
        ("b.md", "b.de.md", "../../docs/b.de.md"),
        ("./b.md#one", "./b.de.md#one", "../../docs/b.de.md#one"),
        ("deep/c.mdx?x=1#y", "deep/c.de.mdx?x=1#y", "../../docs/deep/c.de.mdx?x=1#y"),
        ("b", "b.de", "../../docs/b.de"),
        ("b.html", "b.de.html", "../../docs/b.de.html"),
        ("my%20file.md", "my%20file.de.md", "../../docs/my%20file.de.md"),
        ("<my file.md>", "my%20file.de.md", "../../docs/my%20file.de.md"),
        ("%28d%29.md", "%28d%29.de.md", "../../docs/%28d%29.de.md"),
        ("../img/x.png", "../img/x.png", "../../img/x.png"),
        ("../README.md", "../README.md", "../../README.md"),
        ("deep/", "deep/", "../../docs/deep/"),
        ("../guide/intro/", "../guide/intro/", "../guide/intro/"),
        ("/docs/b.md", "/docs/b.md", "/docs/b.md"),
        ("https://example.org/b.md", "https://example.org/b.md", "https://example.org/b.md"),
        ("mailto:b.md", "mailto:b.md", "mailto:b.md"),
        ("#one", "#one", "#one"),
        ("", "", ""),
        ("gone.md", "gone.md", "gone.md"),
    ],
)
def test_a_link_leads_where_its_source_s_led(
    root: Path, link: str, beside: str, elsewhere: str
) -> None:
    source = root / "docs/a.md"
    forms = (
        "x [t]({}) y\n",
        "![t]({} 'q')\n",
        "> - [t][r]\n>\n> [r]: {}\n",
        "|a|\n|-|\n|[t]({})|\n",
    )
    for form in forms if link else forms[:1]:
        for output, expected in (("docs/a.de.md", beside), ("out/docs/a.de.md", elsewhere)):
            place = Siblings().place(source, root / output, "de")
            assert relinked(form.format(link), place) == form.format(
                link if expected == link else expected
            )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('x <a href="b.md">b</a>\n', 'x <a href="../docs/b.de.md">b</a>\n'),
        ("<p><img alt='' src='../img/x.png'></p>\n", "<p><img alt='' src='../img/x.png'></p>\n"),
        ('<Card to="./b.md" />\n', '<Card to="../docs/b.de.md" />\n'),
        ("<!-- [b](b.md) <a href='b.md'> -->\n", "<!-- [b](b.md) <a href='b.md'> -->\n"),
        ("`[b](b.md)`\n\n    [b](b.md)\n", "`[b](b.md)`\n\n    [b](b.md)\n"),
        ("```\n[b](b.md)\n```\n", "```\n[b](b.md)\n```\n"),
        ("\\[b](b.md)\n", "\\[b](b.md)\n"),
        (
            "import X from './deep/c.mdx'\n\n# A\n",
            "import X from '../docs/deep/c.de.mdx'\n\n# A\n",
        ),
    ],
)
def test_links_in_html_and_mdx_and_what_is_none(root: Path, text: str, expected: str) -> None:
    place = Siblings().place(root / "docs/a.md", root / "out/a.de.md", "de")
    assert relinked(text, place) == expected


def test_a_tree_elsewhere_has_its_own_translations(root: Path) -> None:
    tree = Tree(root, root / "out")
    write(root, {"out/docs/b.de.md": "# B\n"})
    place = Siblings().place(root / "docs/a.md", root / "out/docs/a.de.md", "de", tree)
    assert relinked("[b](b.md) [c](deep/c.mdx)\n", place) == (
        "[b](b.de.md) [c](../../docs/deep/c.mdx)\n"
    )
    coming = {(root / "docs/deep/c.mdx", "de"): root / "out/docs/deep/c.de.mdx"}
    place = Siblings(coming).place(root / "docs/a.md", root / "out/docs/a.de.md", "de", tree)
    assert relinked("[c](deep/c.mdx)\n", place) == "[c](deep/c.de.mdx)\n"


_INLINE = st.sampled_from(
    ["b.md", "./b.md#x", "my%20file.md", "../img/x.png", "#a", "https://e.org", "<my file.md>"]
)
_BLOCKS = st.sampled_from(
    [
        'p [t]({0}) and ![i]({0} "q")',
        "- l [t]({0})\n  more",
        "> q [*t*]({0})",
        "| [t]({0}) | `a` |\n| - | - |\n| b | [c]({0}) |",
        "[t][r{1}]\n\n[r{1}]: {0}",
        '<div><a href="{0}">x</a></div>',
        "## h [t]({0})",
        "```\n[t]({0})\n```",
        'text <img src="{0}"> `[t]({0})`',
        "1. [![i]({0})]({0})",
    ]
)


@given(st.lists(st.tuples(_BLOCKS, _INLINE), min_size=1, max_size=8))
def test_nothing_but_links_changes(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "links"
    write(folder, dict.fromkeys(("b.md", "b.de.md", "my file.md", "my file.de.md"), "x"))
    text = "\n\n".join(block.format(url, n) for n, (block, url) in enumerate(made)) + "\n"
    new = relinked(text, Siblings().place(folder / "a.md", folder / "a.de.md", "de"))
    was, now = links(text), links(new)
    assert len(was) == len(now)
    outside = [
        [text[a.end : b.start] for a, b in pairwise(each)]
        for each, text in ((was, text), (now, new))
    ]
    assert outside[0] == outside[1]
    assert [bone.name for bone in skeleton(parse(text))] == [
        bone.name for bone in skeleton(parse(new))
    ]
    back = {"b.de.md": "b.md", "my%20file.de.md": "my%20file.md"}
    for before, after in zip(was, now, strict=True):
        path, sharp, rest = after.url.removeprefix("./").partition("#")
        assert (
            before.url.replace("my file", "my%20file").removeprefix("./")
            == back.get(path, path) + sharp + rest
        )


# Anchors.


@pytest.mark.parametrize(
    ("slugger", "expected"),
    [
        (
            "github",
            ["what-a-slot-is", "c--go", "日本語-の見出し", "what-a-slot-is-1", "own", "_x_-café"],
        ),
        (
            "python-markdown",
            ["what-a-slot-is", "c-go", "_1", "what-a-slot-is_1", "own", "_x_-cafe"],
        ),
        (
            "vitepress",
            ["what-a-slot-is", "c-go", "日本語-の見出し", "what-a-slot-is-1", "own", "x-cafe"],
        ),
    ],
)
def test_anchors_are_those_that_a_site_makes(slugger: Slugger, expected: list[str]) -> None:
    text = (
        "# What *a* `slot` is\n\n## C & Go\n\n日本語 の見出し\n---\n\n### What a slot is ###\n\n"
        "## Mine {#own}\n\n## \\_x\\_ [café](y.md)\n"
    )
    assert anchors(headings(text), slugger) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (GITHUB, '# Titel <a id="title"></a>\n\nUnter <a id="sub"></a>\n---\n\n## API\n'),
        (ATTRIBUTE, "# Titel {#title}\n\nUnter {#sub}\n---\n\n## API\n"),
        (Style("none", "github"), "# Titel\n\nUnter\n---\n\n## API\n"),
    ],
)
def test_a_translated_heading_keeps_its_anchor(style: Style, expected: str) -> None:
    source, translation = "# Title\n\nSub\n---\n\n## API\n", "# Titel\n\nUnter\n---\n\n## API\n"
    wanted = wanted_anchors(source, translation, style)
    assert anchored(translation, wanted, style) == expected
    assert unanchored(expected, source, style) == translation


@pytest.mark.parametrize(
    "heading",
    [
        "## Titel {#title}",
        "## Titel {: #title .x }",
        "## Titel {/*title*/}",
        '## <a id="title"></a>Titel',
        '## Titel <a id="title"></a>',
    ],
)
def test_a_heading_with_an_id_gets_no_other(heading: str) -> None:
    source = heading.replace("Titel", "Title")
    assert not any(wanted_anchors(source, heading, GITHUB))
    assert unanchored(heading, source, GITHUB) == heading


def test_closed_headings_get_html(tmp_path: Path) -> None:
    assert anchored("## Titel ##\n", ["title"], ATTRIBUTE) == '## Titel <a id="title"></a> ##\n'


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("docusaurus.config.js", "", ATTRIBUTE),
        (".vitepress/config.ts", "", Style("attribute", "vitepress")),
        ("hugo.toml", "", ATTRIBUTE),
        ("_config.yml", "", ATTRIBUTE),
        ("mkdocs.yml", "markdown_extensions:\n  - toc\n", Style("html", "python-markdown")),
        ("mkdocs.yml", "x:\n  - attr_list\n", Style("attribute", "python-markdown")),
        ("mkdocs.yml", "  - attr_list\n  - toc:\n      slugify: x\n", ATTRIBUTE),
        (".git/HEAD", "", GITHUB),
    ],
)
def test_the_dialect_is_the_site_s(
    tmp_path: Path, file: str, content: str, expected: Style
) -> None:
    write(tmp_path, {file: content, ".git/config": "", "docs/deep/a.md": "# A\n"})
    assert style_of(tmp_path / "docs/deep/a.md") == expected


def test_what_leads_nowhere_is_told_with_its_line(root: Path) -> None:
    text = "# Über\n\n[a](b.de.md#a) [b](gone.md)\n\n[c](b.de.md#nine) [d](#über) [e](#x)\n"
    assert broken(text, root / "docs/a.de.md") == [
        (3, "gone.md", "there is no such file"),
        (5, "b.de.md#nine", "b.de.md has no such anchor"),
        (5, "#x", "a.de.md has no such anchor"),
    ]
