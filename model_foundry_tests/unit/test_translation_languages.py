"""Languages by their codes: regions and scripts count where what is written differs."""

from pathlib import Path

import pytest

from model_foundry.translation.article import (
    declared_language,
    front_matter,
    is_left_alone,
    output_path,
    unfit_front_matter,
)
from model_foundry.translation.languages import (
    canonical,
    language_name,
    same_language,
    script_of,
    wider,
)
from model_foundry.translation.quality import judge


@pytest.mark.parametrize(
    "code", ["en-/../x", "en/../x", "en-", "..", "", "python", "js", "en-GB/x"]
)
def test_a_code_is_no_path(code: str) -> None:
    with pytest.raises(ValueError, match="is not known; known: "):
        language_name(code)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("zh-CN", "zh-TW", False),
        ("zh", "zh-TW", False),
        ("zh", "zh-CN", True),
        ("zh-Hant", "zh-HK", True),
        ("pt", "pt-BR", False),
        ("pt-PT", "pt-BR", False),
        ("sr", "sr-Latn", False),
        ("sr", "sr-Cyrl", True),
        ("no", "nb", False),
        ("en", "en-GB", True),
        ("ja-JP", "ja", True),
        ("ja", "en", False),
    ],
)
def test_what_is_there_to_translate_between_regions(one: str, other: str, same: bool) -> None:
    assert same_language(one, other) == same_language(other, one) == same


def test_codes_are_written_as_bcp_47_writes_them() -> None:
    assert [canonical(code) for code in ("ZH_hant_hk", "pt-br", "SR-latn-rs", "es-419")] == [
        "zh-Hant-HK", "pt-BR", "sr-Latn-RS", "es-419",
    ]  # fmt: skip
    assert [language_name(code) for code in ("nb", "fil", "ca", "sr-Latn", "zh-TW")] == [
        "Norwegian Bokmål",
        "Filipino",
        "Catalan",
        "Serbian in Latin script",
        "Traditional Chinese",
    ]
    assert [script_of(code) for code in ("sr", "sr-Latn", "sr-Latn-RS", "zh-Hant")] == [
        "cyrillic", "latin", "latin", "han",
    ]  # fmt: skip


def test_what_is_wider_is_written_alike() -> None:
    assert wider("ja-JP") == ["ja-JP", "ja"]
    assert wider("zh-TW") == ["zh-TW", "zh-Hant"]
    assert wider("zh-CN") == ["zh-CN", "zh-Hans", "zh"]
    assert wider("sr-Latn-RS") == ["sr-Latn-RS", "sr-Latn"]


@pytest.mark.parametrize(
    ("pair", "text", "translation"),
    [
        (("pt", "pt-BR"), "O servidor responde a todos os pedidos.", None),
        (("zh-CN", "zh-TW"), "打开这里的文件再保存。", None),
        (("en", "sr-Latn"), "The server answers all requests.", "Server odgovara na sve zahteve."),
    ],
)
def test_neighbouring_languages_may_say_the_same(
    pair: tuple[str, str], text: str, translation: str | None
) -> None:
    found = judge(text, translation or text, source=pair[0], target=pair[1])
    assert not found.blocks, found.findings


def test_which_language_a_front_matter_names() -> None:
    assert declared_language("---\nlanguage: python\n---\nx\n") is None
    assert declared_language("---\nlanguage: pt-BR\n---\nx\n") == "pt-BR"
    assert declared_language("---\nlang: xx\n---\nx\n") == "xx"  # it is meant, and told


@pytest.mark.parametrize(
    ("name", "own", "output"),
    [
        ("guide.md", "en", "guide.de.md"),
        ("guide.en.md", "en", "guide.de.md"),
        ("guide.en-GB.mdx", "en", "guide.de.mdx"),
        ("foo.js.md", "en", "foo.js.de.md"),
        ("foo.cs.md", "en", "foo.cs.de.md"),
        ("foo.cs.md", "cs", "foo.de.md"),
    ],
)
def test_only_a_document_s_own_language_is_taken_from_its_name(
    name: str, own: str, output: str
) -> None:
    assert output_path(Path("docs") / name, "de", own=own) == Path("docs") / output


def test_a_date_that_there_is_not_is_a_text() -> None:
    text = "---\ndate: 2026-13-45\ntitle: a\n---\nx\n"
    assert front_matter(text) == {"date": "2026-13-45", "title": "a"}
    assert unfit_front_matter(text) is None


def test_front_matter_that_is_nested_too_deeply_is_told() -> None:
    text = f"---\na: {'[' * 3000}{']' * 3000}\n---\nx\n"
    assert unfit_front_matter(text) == "line 1: its front matter is nested too deeply"
    assert declared_language(text) is None


def test_a_document_may_ask_to_be_left_alone() -> None:
    assert is_left_alone("---\ntranslate: false\n---\nx\n")
    assert not is_left_alone("---\ntranslate: true\n---\nx\n")
    assert not is_left_alone("x\n")
