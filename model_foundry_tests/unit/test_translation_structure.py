"""Skeletons: equal where only texts differ; else the difference is told in words."""

import pytest

from model_foundry.translation.structure import differences


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("# A\n\nText *b* and `c`.\n", "# X\n\n`c` und *y* Text.\n"),
        ("one\ntwo\n", "eins zwei\n"),
        ("> one\n> two\n", "> eins\n"),
        ("**b**, `c`, [d](e)\n", "[w](e) x `c` y **z**\n"),
        ("---\ntitle: a\nk: v\n---\nx\n", '---\ntitle: "b: c"\nk: v\n---\ny\n'),
        ("[a]\n\n[a]: /u\n", "[x][a]\n\n[a]: /u\n"),
    ],
)
def test_texts_may_differ(source: str, translation: str) -> None:
    assert differences(source, translation, ["title"]) == []


@pytest.mark.parametrize(
    ("source", "translation", "said"),
    [
        ("# A\n", "## A\n", "line 1: heading h1 became heading h2 (line 1 of the translation)"),
        ("a\n\nb\n\n***\n", "a\n\n***\n", "paragraph is missing"),
        ("a\n", "a\n\nb\n", "line 3 of the translation: paragraph is not in the source"),
        ("```\nx\n```\n", "```\ny\n```\n", "line 1: code fence x became code fence y"),
        ("```js\nx\n```\n", "```\nx\n```\n", "line 1: code fence js x became code fence x"),
        ("a `b`\n", "a `c`\n", "line 1: text words, `b` became text words, `c`"),
        ("a `b` `b`\n", "a `b`\n", "line 1: text words, 2× `b` became text words, `b`"),
        ("[a](b)\n", "[a](c)\n", "line 1: text words, link b(words) became"),
        ("[a](b 't')\n", "[a](b)\n", 'line 1: text words, link b "t"(words) became'),
        ("**a** b\n", "**a**b* c\n", None),
        ("**a** b\n", "a b\n", "line 1: text words, strong(words) became text words"),
        ("a  \nb\n", "a b\n", "line 2: text words is missing"),
        ("- a\n- b\n", "- a\n\n- b\n", "paragraph tight became paragraph"),
        ("- a\n", "1. a\n", "line 1: list - became numbered list"),
        ("2. a\n", "3. a\n", "numbered list start=2 became numbered list start=3"),
        (
            "<b>x</b>\n",
            "<i>x</i>\n",
            "line 1: text words, <b>…</b>(words) became text words, <i>…</i>(words)",
        ),
        ("[a]: /u\n", "[a]: /v\n", 'reference definition [A]: /u "" became'),
        ("a[^1]\n\n[^1]: b\n", "a[^1]\n\n[^2]: b\n", "line 3: footnote 1 became footnote 2"),
        ("x\n\n:::note\n", "x\n\n:::tip\n", "line 3: directive :::note became directive :::tip"),
        ("---\na: b\n---\nx\n", "---\na: c\n---\nx\n", "line 1: front matter --- a: b --- became"),
        ("\ufeffx\n", "x\n", "line 1: byte order mark is missing"),
        ("a *b*\n", "a **\n", "line 1: text words, em(words) became text words"),
        ("word\n", "\\#\n", "line 1: text words became text"),
        ("---\na: b\n---\n\n# A\n", "---\na: b\n---\n\nA\n", "line 5: heading h1 became paragraph"),
    ],
)
def test_differences_are_told_with_their_lines(
    source: str, translation: str, said: str | None
) -> None:
    found = differences(source, translation)
    assert (found == []) if said is None else any(said in each for each in found), found
