"""What is found in translations: each fault, and nothing in good ones."""

import pytest

from model_foundry.translation.document import Document
from model_foundry.translation.glossary import Glossary
from model_foundry.translation.prompts import solved_pairs
from model_foundry.translation.quality import (
    judge,
    judge_document,
    judge_segment,
    length_ratio,
)
from model_foundry.translation.round_trip import round_trip

GOOD = [
    ("ja", "en", "翻訳の品質は高いです。", "The quality of the translation is high."),
    ("ja", "en", "`1`を再起動してください。", "Please restart `1`."),
    ("ja", "en", "GPU", "GPU"),
    ("ja", "en", "Dagsterのアセット", "Dagster assets"),
    ("ja", "en", "**はじめに**", "**Introduction**"),
    ("en", "ja", "Start the server before that.", "その前にサーバーを起動します。"),
    ("en", "ja", "Docker Compose", "Docker Compose"),
    ("en", "ja", "NVIDIA H100", "NVIDIA H100"),
    ("en", "ja", "Overview", "概要"),
    ("en", "de", "The server is not in the list.", "Der Server ist nicht in der Liste."),
    ("de", "en", "Das ist nicht der Server.", "That is not the server."),
    ("en", "fr", "Wait, and wait, and wait.", "Attends, et attends, et attends."),
    ("ja", "zh", "翻訳の品質", "翻译质量"),
    ("zh", "ja", "翻译质量很高。", "翻訳の品質は高いです。"),
    ("ru", "en", "Это очень быстро работает.", "This works very fast."),
    ("en", "ja", "ha ha ha ha ha ha ha ha", "はははははははは"),
    ("en", "ja", "Use 2 * 3 * 4 and a_b_c.", "2 * 3 * 4とa_b_cを使う。"),
    ("ja", "en", "１．はじめに", "1. Introduction"),
    ("ja", "en", "①はじめに", "1. Introduction"),
    ("ja", "en", "一、はじめに", "1. Introduction"),
    ("ja", "en", "・最初の項目", "- The first item"),
    ("ja", "en", "※注意してください", "* Please take care"),
    ("ja", "en", "■見出しです", "# A heading it is"),
    ("ja", "en", "＞引用です", "> A quotation"),
    ("ja", "en", "＜重要＞読んでください。", "<Important> Please read."),
    ("ja", "en", "＊印は必須です。", "*Marked* fields are required."),
    ("en", "ja", "Visual Studio Code Extension Pack", "Visual Studio Code Extension Pack"),
    ("en", "de", "React, Vue, Svelte, Angular, Solid", "React, Vue, Svelte, Angular, Solid"),
    ("en", "de", "npm, yarn, pnpm, bun, deno", "npm, yarn, pnpm, bun, deno"),
    ("zh", "ja", "北京", "北京"),
    ("ja", "zh", "東京都", "東京都"),
    ("en", "de", "Nginx 日本語版", "Nginx 日本語版"),
]  # fmt: skip
LONG = "The dispatcher takes the next job of its role as soon as one of its places is free again. "
LONG_JA = "場所が空くとすぐに次の仕事を取ります。"


@pytest.mark.parametrize(("source", "target", "text", "translation"), GOOD)
def test_good_translations_pass(source: str, target: str, text: str, translation: str) -> None:
    quality = judge(text, translation, source=source, target=target)
    assert not quality.blocks, quality.findings


@pytest.mark.parametrize(
    ("source", "target", "text", "translation", "code"),
    [
        ("ja", "en", "翻訳します。", "", "empty"),
        ("ja", "en", "翻訳します。", " \n", "empty"),
        ("ja", "en", "翻訳の品質は高いです。", "翻訳の品質は高いです", "echo"),
        ("en", "ja", "The quality is very high.", "the quality is VERY high", "echo"),
        ("en", "de", "The quality is very high.", "The quality is very high.", "echo"),
        ("ja", "en", "翻訳の品質は高いです。", "翻訳のクオリティは高いです。", "untranslated"),
        ("ja", "en", "翻訳の品質は高いです。", "The quality of 翻訳 は高いです", "untranslated"),
        ("en", "ja", "Start the server before that.", "Start a server before it", "untranslated"),
        ("en", "de", LONG, "The dispatcher takes a next job of the role when places are free to it "
         "and it is good for the one", "untranslated"),
        ("ja", "zh", "翻訳の品質は高いです。", "翻訳の品質は高いと思います", "untranslated"),
        ("ja", "en", LONG_JA, "It takes the next job, the next job, the next job, the next job, "
         "the next job", "loop"),
        ("en", "ja", LONG, LONG_JA * 4, "loop"),
        ("en", "ja", LONG, "ああああああああああああああああああああ", "loop"),
        ("ja", "en", LONG_JA * 4, "It takes a job.", "length"),
        ("ja", "en", "はい、そうです。", "Yes. " + "".join(f"And {n} more things follow. "
         for n in range(9)), "length"),
        ("ja", "en", "見出しです。", "# A heading", "own_markdown"),
        ("ja", "en", "見出しです。", "A **heading** it is", "own_markdown"),
        ("ja", "en", "これはコードです。", "```\nThis is code.\n```", "own_markdown"),
        ("ja", "en", "これはコードです。", "Here it is:\n\nThis is code.", "own_markdown"),
        ("ja", "en", "これはコードです。", "This is `code`.", "own_markdown"),
        ("ja", "en", "これは文です。", "- This\n- is a sentence", "own_markdown"),
        ("ja", "en", "これは文です。", "This is a <b>sentence</b>.", "own_markdown"),
        ("ja", "en", "「これ」は文です。", "- This is a sentence.", "own_markdown"),
        ("ja", "en", "これは文です。", "1. This is a sentence.", "own_markdown"),
        ("ja", "en", "※これは文です。", "* This\n* is a sentence.", "own_markdown"),
        ("ja", "en", "これは文です。", "See https://example.org for this.", "own_markdown"),
        ("en", "de", "Introduction to the new Assets", "Introduction to the new Assets", "echo"),
        ("en", "de", "restart every slow server now", "restart every slow server now", "echo"),
        ("ja", "zh", "これは東京です", "これは東京です", "echo"),
        ("en", "de", "The quality is very high.", "品質はとても高いです。", "untranslated"),
        ("en", "de", "The quality is very high.", "Качество очень высокое.", "untranslated"),
        ("ja", "en", "翻訳の品質は高いです。", "Качество очень высокое.", "untranslated"),
        ("en", "de", "The quality is high.", "Die Güte ist hoch. Die Güte ist hoch.", "loop"),
        ("ja", "en", "これは文です。", "A sentence.<|im_end|>", "control_tokens"),
        ("ja", "en", "これは文です。", "A sentence.<|plamo:op|>input", "control_tokens"),
    ],
)  # fmt: skip
def test_faults_block(source: str, target: str, text: str, translation: str, code: str) -> None:
    quality = judge(text, translation, source=source, target=target)
    found = {finding.code: finding for finding in quality.findings}
    assert code in found, quality.findings
    assert found[code].blocks
    assert found[code].words


def test_what_is_only_worth_a_look_does_not_block() -> None:
    quoted = "A slot (スロット) is one served model, in the words of this page and of all others."
    quality = judge("スロットとは、一つのモデルです。" * 2, quoted, source="ja", target="en")
    assert [(each.code, each.blocks) for each in quality.findings] == [("untranslated", False)]
    assert quality.findings[0].words == "4 characters of the source's script are left"


def test_marks_of_the_source_are_no_markdown_of_its_own() -> None:
    quality = judge("**太字**と`1`です。", "**Bold** and `1`.", source="ja", target="en")
    assert quality.findings == ()


def test_an_answer_to_an_example_of_the_prompt_blocks() -> None:
    shown = solved_pairs("few-shot", "en", "ja")
    assert len(shown) == 3
    for said, solved in shown:
        for answer in (solved, solved.rstrip("。"), f"「{solved}」"):
            quality = judge("See", answer, source="en", target="ja", shown=shown)
            assert "prompt_example" in {each.code for each in quality.findings if each.blocks}
        right = judge(said, solved, source="en", target="ja", shown=shown)
        assert "prompt_example" not in {each.code for each in right.findings}
    assert solved_pairs("chat", "en", "ja") == []


def test_equal_cells_are_no_loop_and_repeated_paragraphs_name_their_lines() -> None:
    cells = ["対応しています。", "対応している。", "対応済みです。", "対応しております。"]
    table = "|列|\n|-|\n" + "".join(f"|{cell}|\n" for cell in cells)
    document = Document(table)
    same = "It is supported on this platform."
    texts = {each: same for each in document.segments if each.text != "列"}
    rendered = document.render({**texts, document.segments[0]: "Column"})
    assert not judge_document(document, rendered, source="ja", target="en").blocks
    paragraphs = Document("\n\n".join(cells))
    rendered = paragraphs.render(dict.fromkeys(paragraphs.segments, same))
    [finding] = judge_document(paragraphs, rendered, source="ja", target="en").findings
    assert finding.words.startswith("lines 1, 3, 5, 7 of the translation: 'It is supported")
    assert "review these lines" in finding.words


def test_glossary_hits_are_counted() -> None:
    terms = [{"source": "枠", "target": "slot"}, {"source": "群", "target": "fleet"}]
    glossary = Glossary.model_validate({"from": "ja", "to": "en", "terms": terms})
    quality = judge(
        "枠は群にある。", "Slots are in a group.", source="ja", target="en", glossary=glossary
    )
    assert (quality.glossary_found, quality.glossary_used) == (2, 1)
    assert [(each.code, each.words, each.blocks) for each in quality.findings] == [
        ("glossary", "not used: 群 → fleet", False)
    ]


def test_length_ratios_are_near_one_for_any_pair() -> None:
    assert length_ratio("翻訳の品質は高いです。", "The translation's quality is high.") == (
        pytest.approx(1.2, abs=0.3)
    )
    assert length_ratio("", "x") == 0.0


def test_a_segment_that_does_not_fit_is_told() -> None:
    document = Document("`code`を使う。\n")
    [segment] = document.segments
    quality = judge_segment(document, segment, "Use it.", source="ja", target="en")
    assert [(each.code, each.blocks) for each in quality.findings] == [("structure", True)]
    assert "`1` in backticks is missing" in quality.findings[0].words
    assert not judge_segment(document, segment, "Use `1`.", source="ja", target="en").blocks


def test_a_document_needs_its_skeleton_and_all_its_segments() -> None:
    source = "# 見出し\n\n最初の段落です。\n\n次の段落です。\n"
    document = Document(source)
    said = ["Heading", "The first paragraph.", "The next paragraph."]
    whole = document.render(dict(zip(document.segments, said, strict=True)))
    good = judge_document(document, whole, source="ja", target="en")
    assert (good.findings, good.blocks) == ((), False)
    assert good.length_ratio > 0

    swallowed = judge_document(document, "# Heading\n\nAll of it.\n", source="ja", target="en")
    assert swallowed.blocks
    assert {each.code for each in swallowed.findings} == {"structure"}

    missing = document.segments[2:]
    partly = judge_document(document, whole, source="ja", target="en", untranslated=missing)
    assert [(each.code, each.words) for each in partly.findings] == [
        ("missing", "line 5: not translated: 次の段落です。")
    ]


def test_the_same_sentence_everywhere_is_a_loop_of_the_document() -> None:
    source = "\n\n".join(f"これは{number}番目の段落です。" for number in range(5))
    document = Document(source)
    same = document.render(dict.fromkeys(document.segments, "This is the first paragraph."))
    found = judge_document(document, same, source="ja", target="en").findings
    assert [each.code for each in found] == ["loop"]


def test_the_round_trip_is_chrf2_with_its_signature() -> None:
    same = round_trip("翻訳の品質は高いです。", "翻訳の品質は高いです。")
    near = round_trip("翻訳の品質は高いです。", "翻訳の質は高いです。")
    assert same.chrf2 == 100.0
    assert 50 < near.chrf2 < 100
    assert round_trip("翻訳", "xyz").chrf2 == 0.0
    assert same.signature.startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
