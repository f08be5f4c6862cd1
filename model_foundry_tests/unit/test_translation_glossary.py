"""Glossaries: read from YAML, found in segments, looked for in translations."""

from pathlib import Path

import pytest

from model_foundry.errors import FoundryError
from model_foundry.translation.glossary import Glossary, load_glossary, terms_used, version_of

TEXT = """\
from: ja
to: en
terms:
  - source: 枠
    target: slot
  - source: 翻訳枠
    target: translator slot
    also: [translation slot]
  - { source: GPU, target: GPU }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ja-en.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def english(*pairs: tuple[str, str]) -> Glossary:
    terms = [{"source": source, "target": target} for source, target in pairs]
    return Glossary.model_validate({"from": "en", "to": "ja", "terms": terms})


def test_terms_are_found_the_longest_first(path: Path) -> None:
    glossary = load_glossary(path)
    assert (glossary.source_language, glossary.target_language) == ("ja", "en")
    found = glossary.terms_in("GPUの翻訳枠と枠、そして枠。")
    assert [term.pair for term in found] == [
        ("GPU", "GPU"), ("翻訳枠", "translator slot"), ("枠", "slot"),
    ]  # fmt: skip
    assert [term.target for term in glossary.terms_in("翻訳枠だけ")] == ["translator slot"]
    assert glossary.terms_in("何もない") == []


def test_a_term_of_a_script_with_spaces_is_a_whole_word() -> None:
    glossary = english(("slot", "スロット"), ("vector store", "ベクトルストア"), ("C++", "C++"))
    assert [term.source for term in glossary.terms_in("Slots, a slot.")] == ["slot"]
    assert glossary.terms_in("subslot slotted") == []
    assert [term.source for term in glossary.terms_in("The Vector  Store in C++!")] == [
        "vector store", "C++",
    ]  # fmt: skip
    assert [term.source for term in glossary.terms_in("このslotを使う")] == ["slot"]


def test_used_terms_may_be_inflected_or_said_otherwise(path: Path) -> None:
    terms = load_glossary(path).terms_in("GPUの翻訳枠と枠")
    used = terms_used(terms, "Translation slots of the GPU, and a place")
    assert [term.source for term in used] == ["GPU", "翻訳枠", "枠"]
    assert [term.source for term in terms_used(terms, "No subslot")] == []


def test_the_version_follows_the_terms(path: Path) -> None:
    glossary = load_glossary(path)
    before = glossary.version
    path.write_text(TEXT.replace("    target: slot", "    target: place"), encoding="utf-8")
    changed = load_glossary(path)
    assert changed.version != before
    # Only segments with that term are asked anew.
    for text, same in (("枠", False), ("GPU", True), ("何もない", True)):
        versions = {version_of(each.terms_in(text)) for each in (glossary, changed)}
        assert (len(versions) == 1) == same
    assert version_of([]) == ""
    path.write_text(TEXT + "\n# a comment\n", encoding="utf-8")
    assert load_glossary(path).version == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to: en", "to: xx", r"ja-en\.yaml:2: to: language 'xx' is not known"),
        ("target: slot", "target: ''", r"ja-en\.yaml:5: terms\[0\]\.target: String should have"),
        ("target: slot", 'target: "a\\nb"', r"ja-en\.yaml:5: terms\[0\]\.target: String should"),
        (
            "  - source: 翻訳枠",
            "  - source: 枠",
            r"ja-en\.yaml:1: file: the term '枠' is there twice",
        ),
        ("also:", "alas:", r"ja-en\.yaml:8: terms\[1\]\.alas: unknown key"),
        ("from: ja\n", "", r"ja-en\.yaml:1: from: Field required"),
        ("from: ja", "from: [", r"ja-en\.yaml:\d: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(
    path: Path, old: str, new: str, said: str
) -> None:
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FoundryError, match=said):
        load_glossary(path)
