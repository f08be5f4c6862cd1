"""Where a text is cut, how many tokens it may have, and what is known of languages."""

from itertools import pairwise

import pytest

from model_foundry.translation.languages import (
    NAMES,
    base,
    joined,
    language_name,
    script_of,
    written_in,
)
from model_foundry.translation.sentences import clause_ends, estimated_tokens, sentence_ends


def cut(text: str) -> list[str]:
    bounds = [0, *sentence_ends(text), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["One. ", "Two! ", "Three? ", "Four."],
        ["速いです。", "本当ですか？", "はい！", "終わり"],
        ["「行こう。」", "と言った。", "（終わり。）", "次"],
        ["See e.g. this, i.e. Dr. Smith vs. J. Doe et al. for more. ", "Next."],
        ["It is 3.5 GHz, v1.2.3 at example.org. ", "Next."],
        ['He said "no." ', "Then (so it goes.) ", "More."],
        ["Wait... what? ", "Nothing."],
        ["这是一句。", "还有一句！", "完"],
        ["यह है। ", "और यह।"],
        ["No end at all"],
        ["Ends here."],
        ["One.\nlower case goes on. ", "Next."],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    assert cut("".join(sentences)) == sentences


def test_clauses() -> None:
    text = "一つ、二つ，three, four: five — six"
    found = [0, *clause_ends(text), len(text)]
    assert [text[a:b] for a, b in pairwise(found)] == [
        "一つ、", "二つ，", "three, ", "four: ", "five — ", "six",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "most"),
    [("", 0), ("the quick brown fox", 8), ("日本語の文章", 12), ("Привет мир", 9), ("🚀🚀", 8)],
)
def test_estimated_tokens_are_an_upper_bound_and_no_more_than_that(text: str, most: int) -> None:
    assert len(text.split()) <= estimated_tokens(text) <= most


def test_usual_languages_are_known_with_their_regions() -> None:
    assert len({base(code) for code in NAMES}) >= 40
    assert [language_name(code) for code in ("en", "en-GB", "EN_us", "de-CH-1996", "ja-JP")] == [
        "English", "English", "English", "German", "Japanese",
    ]  # fmt: skip
    assert language_name("pt-BR") == "Brazilian Portuguese"
    assert language_name("zh-Hant-HK") == "Traditional Chinese"
    assert (script_of("uk"), script_of("sr"), script_of("fr")) == ("cyrillic", "cyrillic", "latin")
    with pytest.raises(ValueError, match="'xx' is not known; known: af, ar"):
        language_name("xx")


def test_a_text_is_written_in_a_language_by_its_script() -> None:
    assert written_in("GPUを使う", "ja")
    assert not written_in("Only English", "ja")
    assert written_in("Only English", "de")
    assert not written_in("123 …", "en")
    assert written_in("한국어", "ko-KR")


def test_lines_are_joined_as_their_script_wants() -> None:
    assert joined("one\n two \r\nthree") == "one two three"
    assert joined("日本\n語の\n文 and\nmore") == "日本語の文 and more"
    assert joined("終わり。\n次。") == "終わり。次。"
