"""`model-foundry translate` and `translation`: files as a person names them, what they become."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK
from model_foundry_tests.fake_slot import FakeSlot, translated
from model_foundry_tests.line import value
from model_foundry_tests.recipes import with_slots

Run = Callable[..., Result]
TEXT = "This is a document about {} and other things.\n"


@pytest.fixture
def translator() -> Iterator[FakeSlot]:
    """A translator slot that writes words backwards."""
    with FakeSlot(name="translator", parallel=4) as fake:
        fake.tell(translate={})
        yield fake


@pytest.fixture
def run(
    settings: Settings, translator: FakeSlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """The command, in an empty folder, on documents in English."""
    settings = with_slots(settings, translator.slot(roles=("translator",)))
    values: dict[str, Any] = {
        "home": settings.home,
        "fleet": settings.fleet,
        "postgres_url": settings.require_postgres_url(),
        "articles_language": "en",
        "translation_anchors": "none",
        **QUICK,
    }
    for name, each in values.items():
        monkeypatch.setenv(f"MODEL_FOUNDRY_{name.upper()}", str(each))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
        assert done.exit_code == code, (done.output, done.exception)
        return done

    return run


def said(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def statuses(done: Result) -> dict[str, str]:
    return {each["file"]: each["status"] for each in said(done)}


def write(**files: str) -> None:
    for name, text in files.items():
        write_file(name.replace("__", "/") + ".md", text)


def write_file(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def below(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


def test_a_tree_elsewhere_keeps_its_folders(run: Run) -> None:
    write(a__index=TEXT.format("a"), b__index="See [a](../a/index.md), which is another one.\n")
    run("translate", "a/index.md", "b/index.md", "--to", "de", "--out", "out")
    assert below("out") == ["out/a/index.de.md", "out/b/index.de.md"]
    assert "](../a/index.de.md)" in Path("out/b/index.de.md").read_text()
    run("translate", "a/index.md", "--to", "de", "--out", "flat")
    assert below("flat") == ["flat/index.de.md"]
    again = run("translate", "a/index.md", "b/index.md", "--to", "de", "--out", "out", "--json")
    assert set(statuses(again).values()) == {"published"}


def test_two_sources_of_one_output_are_an_error(run: Run) -> None:
    write_file("guide.md", "---\nlang: en\n---\n" + TEXT.format("one"))
    write_file("guide.en.md", "---\nlang: en\n---\n" + TEXT.format("two"))
    write(other=TEXT.format("more"))
    files = ("guide.md", "guide.en.md", "other.md")
    done = run("translate", *files, "--to", "de", "--json", code=1)
    assert statuses(done) == {
        "guide.md": "not_published", "guide.en.md": "not_published", "other.md": "published",
    }  # fmt: skip
    assert "guide.en.md and guide.md would both be guide.de.md" in said(done)[0]["reasons"][0]
    assert below(".") == ["guide.en.md", "guide.md", "other.de.md", "other.md"]


def test_other_formats_are_refused_by_name(run: Run) -> None:
    for name in ("a.ipynb", "b.rst", "c.srt", "d.txt"):
        write_file(name, TEXT.format(name.replace(".", " dot ")))
    write_file("e.mdx", TEXT.format("mdx"))
    done = run("translate", "a.ipynb", "b.rst", "c.srt", "d.txt", "e.mdx", "--to", "de", "--json", code=1)  # fmt: skip  # noqa: E501
    assert [name for name, status in statuses(done).items() if status == "published"] == ["e.mdx"]
    assert "a.ipynb is no Markdown" in said(done)[0]["reasons"][0]
    assert below(".") == ["a.ipynb", "b.rst", "c.srt", "d.txt", "e.de.mdx", "e.mdx"]
    run("translate", "d.txt", "--to", "de", "--format", "markdown")
    assert Path("d.de.txt").exists()


@pytest.mark.parametrize("language", ["en-/../x", "en/../../x", "../x", "xx"])
def test_a_language_is_no_path(run: Run, language: str) -> None:
    write(a=TEXT.format("a"))
    done = run("translate", "a.md", "--to", language, code=1)
    assert "is not known" in done.output
    assert below(".") == ["a.md"]


def test_patterns_folders_and_several_languages(run: Run, translator: FakeSlot) -> None:
    write(docs__a=TEXT.format("a"), docs__deep__b=TEXT.format("b"), docs___x=TEXT.format("x"))
    write_file("docs/.hidden.md", TEXT.format("hidden"))
    write_file("docs/image.svg", "<svg/>")
    run("translate", "docs/**/*.md", "--to", "de", "--to", "pt-br")
    made = [f"docs/{name}.{language}.md" for name in ("_x", "a", "deep/b") for language in ("de", "pt-BR")]  # fmt: skip  # noqa: E501
    assert set(made) | {"docs/_x.md", "docs/a.md", "docs/deep/b.md"} == {
        each for each in below("docs") if each.endswith(".md") and "hidden" not in each
    }
    asked = translator.stats()["requests"]
    # What a shell makes of docs/*.md names the translations, too.
    shell = sorted(str(path) for path in Path("docs").glob("*.md") if path.name != ".hidden.md")
    done = run("translate", *shell, "--to", "de", "--json")
    assert statuses(done) == {"docs/a.md": "published", "docs/_x.md": "published"}
    run("translate", "docs", "--to", "de")
    assert translator.stats()["requests"] == asked
    assert (
        "there is no file gone/*.md" in run("translate", "gone/*.md", "--to", "de", code=1).output
    )


def test_a_dry_run_counts_and_asks_nothing(run: Run, translator: FakeSlot) -> None:
    write(a=f"# One\n\n{TEXT.format('a')}", b=TEXT.format("b"))
    write_file("c.rst", "c")
    done = run("translate", "a.md", "b.md", "--to", "de", "--dry-run", "--json")
    assert [(each["status"], each["segments"], each["asked"]) for each in said(done)] == [
        ("planned", 2, 2), ("planned", 1, 1),
    ]  # fmt: skip
    assert all(each["prompt_tokens"] > 0 < each["answer_tokens"] for each in said(done))
    assert translator.stats()["requests"] == 0
    assert below(".") == ["a.md", "b.md", "c.rst"]
    run("translate", "b.md", "--to", "de")
    done = run("translate", "a.md", "b.md", "c.rst", "--to", "de", "--dry-run", "--json", code=1)
    assert [each.get("asked") for each in said(done)] == [2, 0, 0]
    table = run("translate", "a.md", "b.md", "--to", "de", "--dry-run").output
    assert "together" in table


def test_a_document_or_a_part_of_it_may_be_left_alone(run: Run, translator: FakeSlot) -> None:
    write(a="---\ntranslate: false\n---\nThis one stays.\n")
    write(b="One goes.\n\n<!-- translate: false -->\n\nThis one stays.\n")
    done = run("translate", "a.md", "b.md", "--to", "de", "--json")
    assert statuses(done) == {"a.md": "skipped", "b.md": "published"}
    assert Path("b.de.md").read_text().endswith("-->\n\nThis one stays.\n")
    assert translator.stats()["requests"] == 1


def test_neighbouring_languages_are_translated(run: Run) -> None:
    write(a="---\nlang: pt\n---\nUm texto em portugues.\n")
    assert statuses(run("translate", "a.md", "--to", "pt-BR", "--json")) == {"a.md": "published"}
    assert statuses(run("translate", "a.md", "--to", "pt", "--json")) == {"a.md": "skipped"}


def test_names_are_never_sent(run: Run, settings: Settings, translator: FakeSlot) -> None:
    folder = settings.home / "glossaries"
    folder.mkdir()
    (folder / "do-not-translate.txt").write_text("Model Foundry\n")
    write(a="The Model Foundry is where models are founded.\n")
    run("translate", "a.md", "--to", "de")
    sent = value(settings, "SELECT request::text FROM inference_result")
    assert "Foundry" not in sent
    assert "Model Foundry" in Path("a.de.md").read_text()


def test_one_file_that_cannot_be_read_stops_no_other(run: Run) -> None:
    write(a=f"---\na: {'[' * 3000}\n---\nx\n", b=TEXT.format("b"))
    write(c="---\ndate: 2026-13-45\n---\nA date that there is not.\n")
    done = run("translate", "a.md", "b.md", "c.md", "--to", "de", "--json", code=1)
    assert statuses(done) == {"a.md": "not_published", "b.md": "published", "c.md": "published"}
    assert said(done)[0]["reasons"] == ["line 1: its front matter is nested too deeply"]


# What people decide.

DOCUMENT = """\
# A title

The first paragraph says `hello` to [everybody](x.md), and is short.

The second paragraph says goodbye to everybody who has come so far with us today.

The third paragraph says goodbye as well, to whoever is still reading what stands here.
"""


def backwards(text: str) -> str:
    return translated(text, {})[0]


def test_only_what_nobody_has_decided_is_asked_again(
    run: Run, settings: Settings, translator: FakeSlot
) -> None:
    write(a=DOCUMENT)
    translator.tell(translate={"goodbye": "echo"})
    [done] = said(run("translate", "a.md", "--to", "de", "--json", code=1))
    open_ones = said(run("translation", "review", "list", "--json"))
    assert [(each["article"], each["line"], each["findings"]) for each in open_ones] == [
        ("a.md", 5, ["the translation is the source"]),
        ("a.md", 7, ["the translation is the source"]),
    ]
    for each, reason in zip(open_ones, done["reasons"], strict=True):
        assert reason == (
            f"line {each['line']}: the translation is the source (review {each['id']})"
        )
    shown = run("translation", "review", "list").output
    assert "a.md:5" in shown
    assert "the translation is the source" in shown
    first, second = (each["id"] for each in open_ones)
    asked = translator.stats()["requests"]
    accepted = run("translation", "review", "accept", first, "--by", "Ada", "--json")
    assert said(accepted)[0]["decision"] == "accepted"
    run("translation", "review", "edit", second, "Auf Wiedersehen.", "--by", "Ada")
    assert said(run("translation", "review", "list", "--json")) == []
    decided = said(run("translation", "review", "list", "--decided", "--json"))
    assert {(each["decision"], each["decided_by"]) for each in decided} == {
        ("accepted", "Ada"), ("edited", "Ada"),
    }  # fmt: skip
    run("translate", "a.md", "--to", "de")
    assert translator.stats()["requests"] == asked
    text = Path("a.de.md").read_text()
    assert "The second paragraph says goodbye" in text
    assert text.endswith("\n\nAuf Wiedersehen.\n")
    # Of another document, a new paragraph is all that is asked.
    write(b=DOCUMENT + "\nThis one is new.\n")
    run("translate", "b.md", "--to", "de")
    assert translator.stats()["requests"] == asked + 1
    assert "Auf Wiedersehen." in Path("b.de.md").read_text()


def test_documents_of_one_name_have_their_own_questions(run: Run, translator: FakeSlot) -> None:
    write(a__index="This one is bad.\n", b__index="This one is good.\n")
    translator.tell(translate={"bad": "nothing"})
    run("translate", "a/index.md", "--to", "de", code=1)
    run("translate", "b/index.md", "--to", "de")
    [review] = said(run("translation", "review", "list", "--json"))
    assert review["article"] == "a/index.md"
    translator.tell(translate={})
    run("translate", "a/index.md", "--to", "de")
    assert said(run("translation", "review", "list", "--json")) == []


def test_a_correction_must_have_its_marks(run: Run, translator: FakeSlot) -> None:
    write(a=DOCUMENT)
    translator.tell(translate={"hello": "nothing", "`1`": "nothing"})
    run("translate", "a.md", "--to", "de", code=1)
    [review] = said(run("translation", "review", "list", "--json"))
    edit = ("translation", "review", "edit", review["id"])
    refused = run(*edit, "Der erste Absatz grüßt.", code=1)
    assert "`1` in backticks is missing" in refused.output
    nothing = run("translation", "review", "accept", review["id"], code=1)
    assert "nothing was proposed" in nothing.output
    assert "names no segment" in run("translation", "review", "accept", "zz", code=1).output
    assert (
        "no segment of the name" in run("translation", "review", "accept", "0" * 8, code=1).output
    )
    run(*edit, "Der erste Absatz sagt `1` zu [allen](2).", "--by", "Ada")
    run("translate", "a.md", "--to", "de")
    assert "sagt `hello` zu [allen](x.md)." in Path("a.de.md").read_text()


def test_a_finding_on_the_whole_document_names_lines_and_has_a_way_out(
    run: Run, translator: FakeSlot
) -> None:
    same = "Please note what is said here, {} dear reader."
    write(a="\n\n".join(same.format(word) for word in ("my", "our", "your", "his")) + "\n")
    translator.tell(translate={"dear": "Bitte beachten Sie genau diesen einen Satz."})
    run("translate", "a.md", "--to", "de", code=1)
    reviews = said(run("translation", "review", "list", "--json"))
    assert [each["line"] for each in reviews] == [1, 3, 5, 7]
    [done] = said(run("translate", "a.md", "--to", "de", "--json", code=1))
    [reason] = done["reasons"]
    assert reason.startswith("lines 1, 3, 5, 7: ")
    assert f"accept or edit (review {reviews[0]['id']} " in reason
    for each in reviews:
        run("translation", "review", "accept", each["id"])
    run("translate", "a.md", "--to", "de")
    assert Path("a.de.md").exists()


def test_a_check_of_any_translation(run: Run) -> None:
    write(a=DOCUMENT, x="# X\n")
    run("translate", "a.md", "--to", "de")
    ours = Path("a.de.md").read_text()
    assert "nothing is wrong" in run("translation", "check", "a.md", "a.de.md").output
    Path("a.de.md").write_text(ours.replace("](x.md)", "](y.md)"))
    found = said(run("translation", "check", "a.md", "a.de.md", "--json", code=1))
    line = ours.split("](x.md)")[0].count("\n") + 1
    assert {each["code"] for each in found} == {"structure", "link"}
    assert f"(line {line} of the translation)" in found[0]["words"]
    assert found[-1]["words"].startswith(f"line {line} of the translation: y.md: there is no")
    write_file("theirs.fr.md", "# Titre\n\nUn paragraphe.\n")
    found = said(run("translation", "check", "a.md", "theirs.fr.md", "--json", code=1))
    assert "structure" in {each["code"] for each in found}
    shutil.copy("theirs.fr.md", "theirs.md")
    assert "give it with --to" in run("translation", "check", "a.md", "theirs.md", code=1).output


# Files that people have edited.


def test_an_edited_file_teaches_the_memory(
    run: Run, settings: Settings, translator: FakeSlot
) -> None:
    write(a=DOCUMENT, b=DOCUMENT)
    run("translate", "a.md", "--to", "de")
    asked = translator.stats()["requests"]
    path = Path("a.de.md")
    edited = path.read_text().replace(backwards("and is short"), "und ist\nkurz")
    path.write_text(edited)
    # Its source changes elsewhere, and the edit stays.
    write(a=DOCUMENT.replace("today", "now"))
    run("translate", "a.md", "--to", "de")
    assert translator.stats()["requests"] == asked + 1
    text = path.read_text()
    assert "und ist kurz" in text
    assert backwards("with us now") in text
    [learned] = said(run("translation", "review", "list", "--decided", "--json"))
    assert (learned["decision"], learned["article"]) == ("learned", "a.md")
    assert learned["decided_by"] == path.owner()
    run("translate", "b.md", "--to", "de")
    assert "und ist kurz" in Path("b.de.md").read_text()
    assert int(value(settings, "SELECT count(*) FROM translation_written")) == 2


@pytest.mark.parametrize(
    ("old", "new", "source", "said_of"),
    [
        ("`hello`", "`hi`", None, "its structure: line "),
        ("# A eltit", "## A eltit", None, "its structure: line "),
        ("dna si trohs", "kurz", ("and is short", "and is long"), "what it was translated"),
        ("# A eltit\n", "# A eltit\n\n", None, "it is not in a text that is translated"),
    ],
)
def test_an_edit_that_would_be_lost_is_kept(
    run: Run, old: str, new: str, source: tuple[str, str] | None, said_of: str
) -> None:
    write(a=DOCUMENT)
    run("translate", "a.md", "--to", "de")
    path = Path("a.de.md")
    was = path.read_text()
    edited = was.replace(old, new)
    assert edited != was
    path.write_text(edited)
    if source:
        write(a=DOCUMENT.replace(*source))
    [done] = said(run("translate", "a.md", "--to", "de", "--json", code=1))
    assert done["status"] == "kept"
    assert "a.de.md was edited since it was written" in done["reasons"][0]
    assert said_of in done["reasons"][0]
    assert path.read_text() == edited


def test_a_file_that_somebody_else_wrote_is_left_alone(run: Run) -> None:
    write(a=DOCUMENT)
    write_file("a.de.md", "# Von Hand\n")
    [done] = said(run("translate", "a.md", "--to", "de", "--json", code=1))
    assert done["reasons"] == [
        "a.de.md was not written here; move it away to have the translation there"
    ]
