"""Glossaries: read from YAML, found in segments, looked for in translations."""

from pathlib import Path

import pytest

from model_foundry.errors import FoundryError
from model_foundry.translation.glossary import (
    Glossary,
    glossary_for,
    load_glossary,
    terms_used,
    version_of,
)

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


def test_an_abbreviation_is_no_word_of_the_language() -> None:
    glossary = english(("IT", "情報技術"), ("US", "米国"), ("slot", "枠"))
    assert glossary.terms_in("Does it tell us of the Slot?") == [glossary.terms[2]]
    assert [term.source for term in glossary.terms_in("US IT")] == ["US", "IT"]
    terms = [
        {"source": "Go", "target": "Go", "case": True},
        {"source": "GPU", "target": "GPU", "case": False},
    ]
    glossary = Glossary.model_validate({"from": "en", "to": "ja", "terms": terms})
    assert [term.source for term in glossary.terms_in("go on, gpu; Go")] == ["GPU", "Go"]
    both = [{"source": "IT", "target": "a"}, {"source": "it", "target": "b", "case": True}]
    glossary = Glossary.model_validate({"from": "en", "to": "de", "terms": both})
    assert [term.target for term in glossary.terms_in("it, IT")] == ["b", "a"]


def test_a_used_abbreviation_is_written_as_one() -> None:
    terms = english(("IT", "IT"), ("slot", "slot")).terms_in("IT slot")
    assert [term.source for term in terms_used(terms, "it is a Slot")] == ["slot"]


@pytest.mark.parametrize(
    ("pair", "term", "found", "not_found"),
    [
        (("ko", "en"), "슬롯", "슬롯은 슬롯들에서는 슬롯입니다. 슬롯", "슬롯머신 번역슬롯"),
        (("ko", "en"), "GPU", "GPU를 GPU에서", "GPUs"),
        (("ja", "en"), "ログ", "ログを読む。このログ", "ブログ ログイン"),
        (("ja", "en"), "枠", "翻訳枠と枠", ""),
        (("ja", "en"), "slot", "このslotを", "slots subslot"),
        (("th", "en"), "ช่อง", "ใช้ช่องนี้", ""),
        (("ru", "en"), "слот", "Слот, «слот»", "слоты подслот"),
        (("de", "en"), "straße", "Die Straße", "Seitenstraße"),
        (("en", "de"), ".NET", "use .NET here", "ASP.NET .NETs"),
        (("hi", "en"), "काम", "यह काम है", "कामना"),
        (("en", "de"), "café", "the Café.", "cafés"),
    ],
)
def test_what_a_word_is_depends_on_its_script(
    pair: tuple[str, str], term: str, found: str, not_found: str
) -> None:
    said = {"from": pair[0], "to": pair[1], "terms": [{"source": term, "target": "x"}]}
    glossary = Glossary.model_validate(said)
    assert glossary.terms_in(found), found
    assert not glossary.terms_in(not_found), not_found


def test_of_overlapping_terms_the_longest_that_is_a_word_counts() -> None:
    glossary = english(("vector", "a"), ("vector store", "b"), ("store front", "c"))
    assert [term.target for term in glossary.terms_in("a vector stores")] == ["a"]
    assert [term.target for term in glossary.terms_in("vector store front")] == ["b"]


def test_thousands_of_terms_are_found_among_each_other() -> None:
    terms = [(f"term number {number} of many", f"Begriff {number}") for number in range(2_000)]
    glossary = english(*terms)
    text = "; ".join(source.upper() for source, _ in terms[::7])
    assert [term.pair for term in glossary.terms_in(text)] == terms[::7]


# Files.

CSV = (
    "\ufeffsource,target,also,case\n枠,slot,,\n"
    "翻訳枠,translator slot,translation slot; tslot,\nGo,Go,,yes\n"
)


def test_a_glossary_may_be_csv(tmp_path: Path) -> None:
    (path := tmp_path / "ja-en.csv").write_text(CSV, encoding="utf-8")
    glossary = load_glossary(path)
    assert (glossary.source_language, glossary.target_language) == ("ja", "en")
    assert [(term.pair, term.also, term.case) for term in glossary.terms] == [
        (("枠", "slot"), (), None),
        (("翻訳枠", "translator slot"), ("translation slot", "tslot"), None),
        (("Go", "Go"), (), True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source,target", "a,b", r"ja-en\.csv:1: the first line must name the columns"),
        ("yes", "perhaps", r"ja-en\.csv:4: case: true or false, not 'perhaps'"),
        ("Go,Go", "Go,", r"ja-en\.csv:4: target: String should have at least 1"),
        ("枠,slot,,", "枠,slot,,,,", r"ja-en\.csv:2: more cells than columns"),
        ("枠,slot,,", '"枠,slot,,', r"ja-en\.csv:\d: not CSV"),
        ("Go,Go", "枠,Go", r"ja-en\.csv:1: file: the term '枠' is there twice"),
    ],
)
def test_what_is_wrong_with_csv_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (path := tmp_path / "ja-en.csv").write_text(CSV.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FoundryError, match=said):
        load_glossary(path)


@pytest.mark.parametrize(
    ("file", "pair", "is_found"),
    [
        ("ja-en.yaml", ("ja-JP", "en-GB"), True),
        ("ja-en.yaml", ("ja", "en"), True),
        ("ja-en.yaml", ("en", "ja"), False),
        ("ja-zh-Hant.yaml", ("ja", "zh-TW"), True),
        ("ja-zh.yaml", ("ja", "zh-TW"), False),
        ("ja-zh-tw.yaml", ("ja", "zh-TW"), True),
        ("pt-BR-en.yaml", ("pt", "en"), False),
    ],
)
def test_a_region_finds_the_glossary_of_its_language(
    tmp_path: Path, file: str, pair: tuple[str, str], is_found: bool
) -> None:
    stem = file.removesuffix(".yaml")
    source, target = {"ja-zh-Hant": ("ja", "zh-Hant"), "ja-zh-tw": ("ja", "zh-TW")}.get(
        stem, (stem.rpartition("-")[0], stem.rpartition("-")[2])
    )
    text = f"from: {source}\nto: {target}\nterms: [{{ source: a, target: b }}]\n"
    (tmp_path / file).write_text(text)
    found = glossary_for(tmp_path, *pair)
    assert (found is not None) == is_found


def test_a_file_is_read_when_it_has_changed(tmp_path: Path) -> None:
    assert glossary_for(tmp_path, "ja", "en") is None
    (path := tmp_path / "ja-en.yaml").write_text(TEXT, encoding="utf-8")
    first = glossary_for(tmp_path, "ja", "en")
    assert first is not None
    assert glossary_for(tmp_path, "ja", "en") is first
    path.write_text(TEXT.replace("target: slot", "target: a place"), encoding="utf-8")
    second = glossary_for(tmp_path, "ja", "en")
    assert second is not None
    assert second.version != first.version
    (tmp_path / "do-not-translate.txt").write_text("# names\nDagster\n\nModel Foundry\n")
    third = glossary_for(tmp_path, "ja", "en")
    assert third is not None
    assert (third.keep, third.terms) == (("Dagster", "Model Foundry"), second.terms)
    assert third.version != second.version
    path.unlink()
    alone = glossary_for(tmp_path, "ja", "en")
    assert alone is not None
    assert (alone.keep, alone.terms) == (third.keep, ())


def test_two_glossaries_of_one_pair_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "ja-en.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "ja-en.csv").write_text(CSV, encoding="utf-8")
    with pytest.raises(FoundryError, match=r"two glossaries .* ja-en\.yaml and ja-en\.csv"):
        glossary_for(tmp_path, "ja", "en")
