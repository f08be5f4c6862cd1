"""Articles through a translator: what is published, what is kept, what is asked again."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.cli import execute_query

from model_foundry import postgres
from model_foundry.settings import Settings
from model_foundry.translation.review import answer, reviews
from model_foundry_tests import line
from model_foundry_tests.articles import Sensor
from model_foundry_tests.asking import QUICK
from model_foundry_tests.fake_slot import FakeSlot, translated
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.recipes import with_slots

LAST = (
    "The last paragraph says goodbye, and thanks to everybody who has come so far with us. It is "
    "longer than the others, because a text of a few words may well become much shorter."
)
ARTICLE = f"""\
---
title: About slots
tags: [gpu, naughty]
---

# What a slot is

A slot serves one model. It has a name, and works on *several* requests at once.

- Ask `naughty` first, see [the fleet file](fleet.yaml).
- Then ask the others.

```sh
curl localhost:8000/health
```

{LAST}
"""
SEGMENTS = 6


@pytest.fixture
def translator() -> Iterator[FakeSlot]:
    """A translator slot that writes words backwards."""
    with FakeSlot(name="translator", parallel=4) as fake:
        fake.tell(translate={})
        yield fake


@pytest.fixture
def settings(
    settings: Settings, translator: FakeSlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Articles in English, wanted in German."""
    monkeypatch.setenv("MODEL_FOUNDRY_ARTICLES_LANGUAGES", "de")  # the partitions are made of it
    settings = settings.model_copy(
        update={
            **QUICK,
            "articles_dir": tmp_path,
            "articles_language": "en",
            "articles_languages": ("de",),
        }
    )
    return with_slots(settings, translator.slot(roles=("translator",)))


def translate(
    settings: Settings, *names: str, round_trip: bool = False
) -> dg.ExecuteInProcessResult:
    """Materialize article_translation for some articles."""
    return materialize(
        settings,
        "article_translation",
        partitions={"articles": names},
        days=(f"{names[0]}|de", f"{names[-1]}|de"),
        raise_on_error=False,
        config={"ops": {"article_translation": {"config": {"round_trip": round_trip}}}},
    )


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in line.rows(settings, query)]


def of(settings: Settings, query: str) -> tuple[Any, ...]:
    [row] = rows(settings, query)
    return row


def backwards(text: str) -> str:
    return translated(text, {})[0]


def test_a_translation_lies_beside_its_source_and_in_postgresql(settings: Settings) -> None:
    (root := settings.articles_root).joinpath("guide.md").write_text(ARTICLE)
    result = translate(settings, "guide.md")
    text = (root / "guide.de.md").read_text()
    head, body = text.split("translation:\n")
    assert head.startswith(f"---\ntitle: {backwards('About slots')}\ntags: [gpu, naughty]\n")
    stamp, _, body = body.partition("---\n")
    assert "source: guide.md" in stamp
    assert "model: fake-model-v1" in stamp
    assert "licence: Apache-2.0" in stamp
    assert body == (
        f'\n# {backwards("What a slot is")} <a id="what-a-slot-is"></a>\n\n'
        f"{backwards('A slot serves one model. It has a name, and works on *several* requests')}"
        f"{backwards(' at once.')}\n\n"
        f"- {backwards('Ask')} `naughty` {backwards('first, see')} "
        f"[{backwards('the fleet file')}](fleet.yaml).\n"
        f"- {backwards('Then ask the others.')}\n\n"
        "```sh\ncurl localhost:8000/health\n```\n\n"
        f"{backwards(LAST)}\n"
    )
    assert of(
        settings,
        "SELECT article, target_language, source_language, status, segments, asked_segments, "
        "structure_matches, model FROM article_translation",
    ) == ("guide.md", "de", "en", "published", SEGMENTS, SEGMENTS, True, "fake-model-v1")
    kinds = rows(settings, "SELECT kind, line, status FROM article_segment ORDER BY segment_no")
    assert kinds == [
        ("front_matter", 2, "ok"),
        ("heading", 6, "ok"),
        ("paragraph", 8, "ok"),
        ("paragraph", 10, "ok"),
        ("paragraph", 11, "ok"),
        ("paragraph", 17, "ok"),
    ]
    [check] = checks_of(result)
    assert check.passed


def test_the_front_matter_names_the_translation_s_language(settings: Settings) -> None:
    text = "---\nlang: 'en' # ours\n---\nThis one names its language.\n"
    (settings.articles_root / "named.md").write_text(text)
    translate(settings, "named.md")
    assert (settings.articles_root / "named.de.md").read_text().startswith("---\nlang: de # ours\n")
    translate(settings, "named.md")
    assert of(settings, "SELECT status FROM article_translation") == ("published",)


def test_which_front_matter_is_translated_can_be_chosen(settings: Settings) -> None:
    settings = settings.model_copy(update={"translation_front_matter_keys": ("summary",)})
    text = "---\ntitle: Stays as it is\nsummary: This one goes\n---\nBody of the text.\n"
    (settings.articles_root / "keys.md").write_text(text)
    translate(settings, "keys.md")
    written = (settings.articles_root / "keys.de.md").read_text()
    assert written.startswith(
        f"---\ntitle: Stays as it is\nsummary: {backwards('This one goes')}\n"
    )


def test_an_edit_of_one_paragraph_asks_for_one_segment(
    settings: Settings, translator: FakeSlot
) -> None:
    source = settings.articles_root / "guide.md"
    source.write_text(ARTICLE)
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == SEGMENTS
    before = (settings.articles_root / "guide.de.md").stat().st_ino
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == SEGMENTS
    assert (settings.articles_root / "guide.de.md").stat().st_ino == before
    source.write_text(ARTICLE.replace("says goodbye", "says farewell"))
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == SEGMENTS + 1
    assert backwards("farewell") in (settings.articles_root / "guide.de.md").read_text()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("echo", "the translation is the source"),
        ("loop", "again and again"),
        ("nothing", "empty"),
        ("markdown", "markup that the source has not: bullet_list, heading"),
        ("stub", "too short"),
    ],
)
def test_what_is_not_whole_is_not_published_and_the_rest_is_kept(
    settings: Settings, translator: FakeSlot, how: str, reason: str
) -> None:
    (settings.articles_root / "guide.md").write_text(ARTICLE)
    translator.tell(translate={"goodbye": how})
    result = translate(settings, "guide.md")
    assert not (settings.articles_root / "guide.de.md").exists()
    asked = SEGMENTS + settings.translation_tries - 1
    assert translator.stats()["requests"] == asked
    [check] = checks_of(result)
    assert not check.passed
    assert check.blocking
    assert "guide.md → de is not published: line 17:" in str(check.description)
    assert reason in str(check.description)
    assert of(settings, "SELECT status, unfit_segments, reasons[1] FROM article_translation") == (
        "not_published",
        1,
        str(check.description).split("published: ")[1].split(". What")[0],
    )
    worst, *others = metadata_of(result, "article_translation")["worst_segments"].records
    assert (worst.data["article"], worst.data["line"]) == ("guide.md", 17)
    assert worst.data["source_text"].startswith("The last paragraph says goodbye")
    assert reason in worst.data["findings"]
    assert [other.data["findings"] for other in others] == [""] * (SEGMENTS - 1)
    translator.tell(translate={})
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == asked + 1
    assert (settings.articles_root / "guide.de.md").exists()


def test_lost_marks_and_cut_off_answers_are_asked_in_parts(
    settings: Settings, translator: FakeSlot
) -> None:
    (settings.articles_root / "guide.md").write_text(ARTICLE)
    translator.tell(translate={"`1`": "unmarked", "It has a name": "long"})
    translate(settings, "guide.md")
    text = (settings.articles_root / "guide.de.md").read_text()
    assert f"- {backwards('Ask')} `naughty` {backwards('first, see')} [" in text
    assert "](fleet.yaml)." in text
    parts = rows(
        settings,
        "SELECT part, source_text FROM article_segment WHERE strpos(part, '.') > 0 "
        "ORDER BY segment_no",
    )
    assert parts[0] == ("2.0", "A slot serves one model.")
    assert ("3.0", "Ask") in parts
    asked = translator.stats()["requests"]
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == asked


def test_a_paragraph_of_many_sentences_whose_marks_are_lost_is_published(
    settings: Settings, translator: FakeSlot
) -> None:
    sentences = [f"The value of `code{number}` is read first here." for number in range(24)]
    (settings.articles_root / "long.md").write_text(" ".join(sentences) + "\n")
    translator.tell(translate={"`": "unmarked"})
    translate(settings, "long.md")
    text = (settings.articles_root / "long.de.md").read_text()
    assert [f"`code{number}`" in text for number in range(24)] == [True] * 24
    assert of(settings, "SELECT unfit_segments FROM article_translation") == (0,)


@pytest.mark.parametrize("how", ["reversed", "moved", "unmarked"])
def test_marks_in_disorder_never_reach_the_file(
    settings: Settings, translator: FakeSlot, how: str
) -> None:
    source = (
        "# A title of words {#title}\n\nUse <b>bold words</b> here, {% if a %}this one{% else %}"
        "that one{% endif %} and [a link of words]({{ site.url }}/x).\n\n"
        "2. The last of all\n</Steps>\n"
    )
    (settings.articles_root / "marks.md").write_text(source)
    translator.tell(translate={"`": how})
    translate(settings, "marks.md")
    text = (settings.articles_root / "marks.de.md").read_text()
    said = [backwards(each) for each in ("bold words", "this one", "that one", "a link of words")]
    bold, this, that, link = said
    assert f"<b>{bold}</b>" in text
    assert f"{{% if a %}}{this}{{% else %}}{that}{{% endif %}}" in text
    assert f"[{link}]({{{{ site.url }}}}/x)" in text
    assert text.endswith("\n</Steps>\n")
    assert f"# {backwards('A title of words')} {{#title}}\n" in text


def test_what_stands_below_a_heading_is_asked_with_it(
    settings: Settings, translator: FakeSlot
) -> None:
    (settings.articles_root / "guide.md").write_text(ARTICLE)
    translate(settings, "guide.md")
    requests = rows(settings, "SELECT request -> 'messages' FROM inference_result")
    turns = {
        messages[-1]["content"]: [each["content"] for each in messages[1:-1]]
        for (messages,) in requests
    }
    title, heading = "About slots", "What a slot is"
    assert turns[title] == turns[heading] == []
    assert turns[LAST] == [title, backwards(title), heading, backwards(heading)]


def test_an_example_of_the_prompt_is_never_published(
    settings: Settings, translator: FakeSlot
) -> None:
    slot = translator.slot(roles=("translator",), prompt_format="few-shot")
    settings = with_slots(settings, slot)
    translator.tell(translate={"": "example"})
    (settings.articles_root / "see.md").write_text("See\n")
    translate(settings, "see.md")
    assert not (settings.articles_root / "see.de.md").exists()
    status, reason = of(settings, "SELECT status, reasons[1] FROM article_translation")
    assert status == "not_published"
    assert reason.startswith("line 1: it answers an example of the prompt")


def test_toml_is_stamped_in_toml(settings: Settings) -> None:
    root = settings.articles_root
    (root / "hugo.md").write_text('+++\ntitle = "About slots"\n+++\n\nA slot serves one model.\n')
    translate(settings, "hugo.md")
    text = (root / "hugo.de.md").read_text()
    assert text.startswith(f'+++\ntitle = "{backwards("About slots")}"\n\n[translation]\nsource = ')
    translate(settings, "hugo.md")
    assert of(settings, "SELECT status, asked_segments FROM article_translation") == (
        "published",
        0,
    )


def test_an_edited_translation_is_kept_and_reported(
    settings: Settings, translator: FakeSlot
) -> None:
    source = settings.articles_root / "guide.md"
    source.write_text(ARTICLE)
    translate(settings, "guide.md")
    output = settings.articles_root / "guide.de.md"
    edited = output.read_text().replace(backwards("goodbye"), "auf Wiedersehen")
    output.write_text(edited)
    source.write_text(ARTICLE.replace("says goodbye", "says farewell"))
    asked = translator.stats()["requests"]
    result = translate(settings, "guide.md")
    assert output.read_text() == edited
    assert translator.stats()["requests"] == asked
    [check] = checks_of(result)
    assert check.passed
    assert "Kept: guide.de.md was edited since it was written" in str(check.description)
    output.write_text("# Von Hand\n")
    translate(settings, "guide.md")
    assert output.read_text() == "# Von Hand\n"
    assert of(settings, "SELECT status, reasons[1] FROM article_translation") == (
        "kept",
        "guide.de.md was not written here; move it away to have the translation there",
    )


def test_many_small_documents_share_the_slots(settings: Settings, translator: FakeSlot) -> None:
    translator.tell(delay_ms=50)
    names = [f"note-{number:02}.md" for number in range(16)]
    for number, name in enumerate(names):
        (settings.articles_root / name).write_text(f"This is note number {number}.\n")
    translate(settings, *names)
    stats = translator.stats()
    assert stats["requests"] == len(names)
    assert stats["peak"] == 4
    assert len(list(settings.articles_root.glob("*.de.md"))) == len(names)


def test_a_glossary_reaches_the_prompt_and_its_edit_only_what_it_touches(
    settings: Settings, translator: FakeSlot
) -> None:
    folder = settings.home / "glossaries"
    folder.mkdir()
    glossary = "from: en\nto: de\nterms:\n  - {{ source: fleet file, target: {} }}\n"
    (folder / "en-de.yaml").write_text(glossary.format("Flottendatei"))
    (settings.articles_root / "guide.md").write_text(ARTICLE)
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == SEGMENTS
    assert of(settings, "SELECT glossary_terms, glossary_hits FROM article_translation") == (1, 0)
    requests = rows(
        settings, "SELECT request -> 'messages' -> 0 ->> 'content' FROM inference_result"
    )
    assert sum("fleet file → Flottendatei" in text for (text,) in requests) == 1
    (folder / "en-de.yaml").write_text(glossary.format("elif teelf"))
    translate(settings, "guide.md")
    assert translator.stats()["requests"] == SEGMENTS + 1


def test_a_round_trip_is_measured_once(settings: Settings, translator: FakeSlot) -> None:
    (settings.articles_root / "guide.md").write_text(ARTICLE)
    translate(settings, "guide.md", round_trip=True)
    assert translator.stats()["requests"] == 2 * SEGMENTS
    measured = of(settings, "SELECT round_trip_chrf2, chrf2_signature FROM article_translation")
    assert measured[0] == 100  # backwards twice is forwards
    assert measured[1].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    translate(settings, "guide.md", round_trip=True)
    assert translator.stats()["requests"] == 2 * SEGMENTS


def test_what_is_wrong_with_one_article_stops_no_other(settings: Settings) -> None:
    root = settings.articles_root
    (root / "a.md").write_text("---\nlang: xx\n---\nHello there.\n")
    (root / "b.md").write_bytes(b"caf\xe9\n")
    (root / "c.md").write_text("---\nlang: de\n---\nHallo.\n")
    (root / "d.md").write_text("Hello there, nul \0 is here.\n")
    result = translate(settings, "a.md", "b.md", "c.md", "d.md", "gone.md")
    found: Mapping[str, Any] = {
        article: (status, reason)
        for article, status, reason in rows(
            settings, "SELECT article, status, reasons[1] FROM article_translation"
        )
    }
    assert found["a.md"][0] == "not_published"
    assert "language 'xx' is not known" in found["a.md"][1]
    assert found["b.md"] == ("not_published", f"{root / 'b.md'} is not UTF-8 (byte 3)")
    assert found["c.md"] == ("skipped", "it is written in de")
    assert found["d.md"][0] == "published"
    assert found["gone.md"] == ("not_published", f"there is no article 'gone.md' in {root}")
    checks = {check.partition: check for check in checks_of(result)}
    passed = {name: checks[f"{name}|de"].passed for name in found}
    assert passed == {name: name in {"c.md", "d.md"} for name in found}
    whole = checks[None].metadata
    assert (whole["not_published"].value, whole["translations"].value) == (3, 5)


def test_no_name_leads_out_of_the_folder(settings: Settings, tmp_path: Path) -> None:
    outside = settings.home / "secret.md"
    outside.write_text("This is a secret.\n")
    name = f"../{outside.relative_to(settings.home).as_posix()}"
    (settings.articles_root / "link.md").symlink_to(outside)
    result = translate(settings, "link.md", name)
    assert "leads out of" in str(checks_of(result)[0].description)
    assert not list(tmp_path.glob("*.de.md"))
    assert not list(settings.home.glob("*.de.md"))


def test_the_sensor_finds_articles_and_asks_for_what_has_changed(
    settings: Settings, translator: FakeSlot
) -> None:
    root = settings.articles_root
    (root / "deep").mkdir()
    for name in ("a.md", "b.md", "deep/c.md", ".hidden.md"):
        (root / name).write_text(f"This is the article {name.replace('.', ' dot ')}, in English.\n")
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = Sensor(settings, instance)
        assert sensor.tick() == [("a.md|de", "deep/c.md|de")]
        assert instance.get_dynamic_partitions("articles") == ["a.md", "b.md", "deep/c.md"]
        assert sensor.tick() == []
        (root / "b.md").write_text("This is something else by now, in English.\n")
        assert sensor.tick() == [("b.md|de", "b.md|de")]
        assert (sensor.seen("a.md"), sensor.seen("b.md")) == (1, 2)
        (root / "a.de.md").unlink()
        (root / "deep" / "c.md").unlink()
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert instance.get_dynamic_partitions("articles") == ["a.md", "b.md"]
        translator.tell(translate={"French": "echo"})
        (root / "b.md").write_text("This is never translated into French or any other language.\n")
        with pytest.raises(dg.DagsterError):
            sensor.tick()
        assert sensor.tick() == []  # it waits for a change, or for a person


def test_a_changed_source_is_stale_in_the_ui(settings: Settings, tmp_path_factory: Any) -> None:
    root = settings.articles_root
    (root / "a.md").write_text("This is the first article.\n")
    (root / "b.md").write_text("This is the second article.\n")
    wanted = '{ assetNodes(assetKeys: [{path: ["article_translation"]}]) { id '
    query = wanted + " ".join(f'{name}: staleStatus(partition: "{name}.md|de")' for name in "ab")

    def stale(ui: WorkspaceProcessContext) -> dict[str, str]:
        [node] = execute_query(ui, f"{query} }} }}")["data"]["assetNodes"]
        return {name: node[name] for name in "ab"}

    here = LoadableTargetOrigin(
        executable_path=sys.executable, module_name="model_foundry.definitions"
    )
    code = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(here))
    home = str(tmp_path_factory.mktemp("dagster"))
    with (
        dg.DagsterInstance.local_temp(home) as instance,
        WorkspaceProcessContext(instance, code) as ui,
    ):
        sensor = Sensor(settings, instance)
        sensor.tick()
        (root / "b.md").write_text("This is another article by now.\n")
        sensor.tick(run=False)
        assert stale(ui) == {"a": "FRESH", "b": "STALE"}
        sensor.tick()
        assert stale(ui) == {"a": "FRESH", "b": "FRESH"}


def test_what_cannot_be_read_stops_no_sensor(settings: Settings) -> None:
    root = settings.articles_root
    (root / "deep.md").write_text(f"---\na: {'[' * 3000}\n---\nHello there.\n")
    (root / "late.md").write_text("---\ndate: 2026-13-45\nlanguage: python\n---\nHello there.\n")
    (root / "alone.md").write_text("---\ntranslate: false\n---\nHello there.\n")
    (root / "page.mdx").write_text("Hello there, page.\n")
    (root / "foo.js.md").write_text("Hello there, code.\n")
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = Sensor(settings, instance)
        with pytest.raises(dg.DagsterError):
            sensor.tick()
        sensor.rest()
        assert sensor.tick() == []
    made = {path.name for path in root.iterdir() if ".de." in path.name}
    assert made == {"late.de.md", "page.de.mdx", "foo.js.de.md"}


def test_a_link_follows_when_its_target_is_translated(
    settings: Settings, translator: FakeSlot
) -> None:
    root = settings.articles_root
    (root / "a.md").write_text("# One\n\nSee [the other](b.md#two), it is there.\n")
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = Sensor(settings, instance)
        sensor.tick()
        assert "](b.md#two)" in (root / "a.de.md").read_text()
        asked = translator.stats()["requests"]
        (root / "b.md").write_text("# Two\n\nBack to [one](a.md#one).\n")
        assert sensor.tick() == [("b.md|de", "b.md|de")]
        assert "](a.de.md#one)" in (root / "b.de.md").read_text()
        assert '# owT <a id="two"></a>' in (root / "b.de.md").read_text()
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert "](b.de.md#two)" in (root / "a.de.md").read_text()
        assert sensor.tick() == []
        (root / "b.md").unlink()
        (root / "b.de.md").unlink()
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert "](b.md#two)" in (root / "a.de.md").read_text()
        assert sensor.tick() == []
        assert translator.stats()["requests"] == asked + 4  # two texts, there and back


def test_the_sensor_learns_of_edits_and_of_decisions(
    settings: Settings, translator: FakeSlot
) -> None:
    root = settings.articles_root
    (root / "a.md").write_text("This is one paragraph.\n\nThis is another one.\n")
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = Sensor(settings, instance)
        sensor.tick()
        output = root / "a.de.md"
        output.write_text(output.read_text().replace(backwards("another one"), "ein anderer"))
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert sensor.tick() == []
        assert of(settings, "SELECT decision, translated_text FROM translation_review") == (
            "learned",
            "sihT si ein anderer.",
        )
        # What cannot be learned is kept, until it is moved away.
        output.write_text(output.read_text() + "\nA line of my own.\n")
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert sensor.tick() == []
        assert of(settings, "SELECT status FROM article_translation") == ("kept",)
        output.unlink()
        assert sensor.tick() == [("a.md|de", "a.md|de")]
        assert output.read_text().endswith("sihT si ein anderer.\n")
        # What a person has decided makes a run of what could not be published.
        translator.tell(translate={"nobody": "echo"})
        for name in ("b.md", "c.md"):
            (root / name).write_text("This is a paragraph that nobody can translate at all.\n")
        with pytest.raises(dg.DagsterError):
            sensor.tick()
        sensor.rest()
        assert sensor.tick() == []
        with contextlib.closing(postgres.connect(settings)) as connection:
            [open_one] = reviews(connection)
            answer(connection, open_one.name, text="Ein Absatz.", by="Ada")
            connection.commit()
        assert sensor.tick() == [("b.md|de", "c.md|de")]
        for name in ("b.de.md", "c.de.md"):
            assert (root / name).read_text().endswith("---\nEin Absatz.\n")


def test_a_translation_goes_with_its_source(settings: Settings) -> None:
    root = settings.articles_root
    for name in ("a", "b", "c"):
        (root / f"{name}.md").write_text(f"This is document {name}, in English.\n")
    (root / "other.de.md").write_text("Das hat jemand geschrieben.\n")
    translate(settings, "a.md", "b.md", "c.md")
    edited = root / "b.de.md"
    edited.write_text(edited.read_text() + "Mehr.\n")
    (root / "a.md").unlink()
    (root / "b.md").unlink()
    translate(settings, "c.md")
    assert {path.name for path in root.glob("*.de.md")} == {"b.de.md", "c.de.md", "other.de.md"}
