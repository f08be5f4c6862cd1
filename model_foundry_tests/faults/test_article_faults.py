"""`model-foundry translate`, killed midway: only what is missing is asked again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from model_foundry.settings import Settings
from model_foundry.translation.anchors import GITHUB, unanchored
from model_foundry.translation.article import digest, stamp_of, unstamped
from model_foundry.translation.structure import differences
from model_foundry_tests.articles import Sensor
from model_foundry_tests.asking import QUICK
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.jobs_process import DEADLINE_S, until
from model_foundry_tests.line import rows, value
from model_foundry_tests.recipes import with_slots

PARALLEL = 4
SENTENCES = (
    "設定ファイルを開いて、次の行を追加します。",
    "サーバーを再起動すると、新しい設定が有効になります。",
    "データベースは毎日バックアップされます。",
    "ネットワークが切れたときは、自動的に再接続します。",
    "ログを読むと、原因がすぐに分かります。",
)


def environment(settings: Settings) -> dict[str, str]:
    """What a process of its own needs to have the same settings."""
    values: dict[str, Any] = {
        **{"home": settings.home, "fleet": settings.fleet},
        "postgres_url": settings.require_postgres_url(),
        **QUICK,
        "inference_idle_s": 60,
    }
    return os.environ | {
        f"MODEL_FOUNDRY_{name.upper()}": str(each) for name, each in values.items() if each
    }


def command(settings: Settings, file: Path, to: str) -> subprocess.Popen[str]:
    """The command, in a process of its own that can be killed with all it holds."""
    return subprocess.Popen(
        [Path(sys.executable).parent / "model-foundry", "translate", file, "--to", to, "--json"],
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answers(settings: Settings) -> int:
    return int(value(settings, "SELECT count(*) FROM inference_result"))


def test_after_a_sigkill_only_missing_segments_are_asked(
    settings: Settings, tmp_path: Path, moment: Moment, came_to: Counter[str]
) -> None:
    count = 100
    file = tmp_path / "long.md"
    paragraphs = [f"This is paragraph number {number} of the text." for number in range(count)]
    file.write_text("---\nlang: en\n---\n" + "\n\n".join(paragraphs) + "\n")
    with FakeSlot(name="translator", parallel=PARALLEL, delay_ms=20) as fake:
        fake.tell(translate={})
        settings = with_slots(settings, fake.slot(roles=("translator",)))
        process = command(settings, file, "de")
        until(lambda: answers(settings) >= max(1, moment.share * count))
        time.sleep(moment.delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        until(lambda: fake.stats()["busy"] == 0)
        kept, asked = answers(settings), fake.stats()["requests"]
        assert not (tmp_path / "long.de.md").exists()
        output, errors = command(settings, file, "de").communicate(timeout=DEADLINE_S)
        assert json.loads(output)["status"] == "published", errors
        assert fake.stats()["requests"] == asked + count - kept
    assert asked - kept <= PARALLEL + settings.inference_land_batch
    came_to["kills"] += 1
    came_to["segments that had landed"] += kept
    came_to["segments asked twice"] += asked - kept


def test_a_japanese_article_on_the_embedded_slot(
    settings: Settings,
    slot_servers: EmbeddedSlots,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    count: int = request.config.getoption("--paragraphs")
    translator = slot_servers["translator"]
    monkeypatch.setenv("MODEL_FOUNDRY_SLOT_TRANSLATOR_URL", translator.url)
    text = "# はじめに\n\n" + "\n\n".join(
        f"{number}番目の項目です。{SENTENCES[number % len(SENTENCES)]}"
        + ("\n\n```sh\nmodel-foundry up  # 起動\n```" if number % 6 == 5 else "")
        for number in range(count)
    )
    file = tmp_path / "article.md"
    file.write_text(text, encoding="utf-8")
    # The other slots of the profile may be away: no job asks for them.
    settings = with_slots(settings, translator.slot.model_copy(update={"host": None}))
    process = command(settings, file, "en")
    until(lambda: answers(settings) >= 2)
    process.kill()
    process.communicate()
    kept = answers(settings)
    output, errors = command(settings, file, "en").communicate(timeout=60 + 10 * count)
    done = json.loads(output)
    assert done["status"] == "published", (done, errors)
    translated = unstamped((tmp_path / "article.en.md").read_text(encoding="utf-8"))
    assert '<a id="はじめに"></a>' in translated
    assert differences(text, unanchored(translated, text, GITHUB)) == []
    assert "model-foundry up  # 起動" in translated
    firsts = "SELECT count(*) FROM translation_memory WHERE tries = 1"
    assert answers(settings) >= count + 1
    assert 0 < kept < count + 1
    assert int(value(settings, firsts)) > 0


# A tree through the sensor.

BROKEN = f"---\na: {'[' * 3000}\n---\nThis one nobody can read.\n"
_LINK = re.compile(r"\]\(([^()#]*)(#[^()]*)?\)")


def document(number: int, names: list[str]) -> str:
    """A document that links to the next two, to one of their headings, and to its own."""
    name = names[number]
    links = [
        f"see [number {other}]({os.path.relpath(names[other], Path(name).parent)}{anchor})"
        for other, anchor in (
            ((number + 1) % len(names), ""),
            ((number + 2) % len(names), "#what-it-says"),
        )
    ]
    return (
        f"# Document number {number}\n\nThe text of number {number} says hello; {links[0]}.\n\n"
        f"## What it says\n\nMore is said in number {number}: {links[1]}, [here](#what-it-says).\n"
    )


def dead_links(root: Path) -> list[str]:
    """Links of translations that lead to no file, to no anchor, or to a source that has one."""
    found = []
    for path in sorted(root.rglob("*.de.md")):
        for target, anchor in _LINK.findall(path.read_text()):
            there = path.parent / target if target else path
            is_dead = not there.exists() or (
                anchor and f'id="{anchor[1:]}"' not in there.read_text()
            )
            if is_dead or not there.resolve().name.endswith(".de.md"):
                found.append(f"{path.relative_to(root)}: {target}{anchor}")
    return found


def test_a_tree_through_the_sensor(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    came_to: Counter[str],
) -> None:
    count: int = request.config.getoption("--documents")
    root, dagster = tmp_path / "articles", tmp_path / "dagster"
    dagster.mkdir()
    for name, each in {
        "ARTICLES_DIR": str(root),
        "ARTICLES_LANGUAGE": "en",
        "ARTICLES_LANGUAGES": "de",
    }.items():
        monkeypatch.setenv(f"MODEL_FOUNDRY_{name}", each)
    names = [f"part-{number % 5}/{number % 3}/doc-{number}.md" for number in range(count)]

    segments = 3 * count + 1  # one heading is the same everywhere

    def write(number: int) -> None:
        path = root / names[number]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document(number, names))

    for number in range(count):
        write(number)
    (root / "broken.md").write_text(BROKEN)
    with FakeSlot(name="translator", parallel=PARALLEL, delay_ms=20) as fake:
        fake.tell(translate={})
        settings = with_slots(
            settings.model_copy(
                update={
                    **QUICK,
                    "articles_dir": root,
                    "articles_language": "en",
                    "articles_languages": ("de",),
                }
            ),
            fake.slot(roles=("translator",)),
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "model_foundry_tests.articles", dagster],
            env=environment(settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: answers(settings) >= 2 * count, deadline_s=DEADLINE_S + count)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        until(lambda: fake.stats()["busy"] == 0)
        kept, asked = answers(settings), fake.stats()["requests"]
        assert kept < segments
        with dg.DagsterInstance.local_temp(str(dagster)) as instance:
            sensor = Sensor(settings, instance)
            assert sensor.tick() == []  # what was killed is not known to have ended

            def settle() -> int:
                """Ticks until nothing is asked for; how many there were."""
                for ticks in range(10):
                    sensor.rest()
                    try:
                        if not sensor.tick():
                            return ticks
                    except dg.DagsterError:
                        continue  # the broken one's check
                raise AssertionError("it never ends")

            settle()
            assert fake.stats()["requests"] == asked + 2 * segments - kept  # there and back
            came_to["segments asked twice"] += asked - kept
            assert dead_links(root) == []
            # Two are renamed, and those that link to them follow; one is edited by hand.
            for number in (1, 4):
                old = root / names[number]
                names[number] = f"moved/new-{number}.md"
                (root / "moved").mkdir(exist_ok=True)
                old.rename(root / names[number])
            for number in range(count):
                write(number)
            edited = root / names[7].replace(".md", ".de.md")
            by_hand = edited.read_text().replace("syas olleh", "grüßt")
            edited.write_text(by_hand)
            asked = fake.stats()["requests"]
            came_to["ticks after the renaming"] += settle()
            assert fake.stats()["requests"] == asked  # every text is known
            assert sensor.tick() == []
        assert dead_links(root) == []
        assert {path.relative_to(root).as_posix() for path in root.rglob("*.md")} == {
            "broken.md",
            *names,
            *(name.replace(".md", ".de.md") for name in names),
        }
        assert "grüßt" in edited.read_text()
        for name in names:
            text = (root / name.replace(".md", ".de.md")).read_text()
            stamp = stamp_of(text)
            assert stamp is not None
            assert (stamp.source, stamp.source_sha256) == (name, digest((root / name).read_text()))
            assert stamp.text_sha256 == digest(unstamped(text))
    statuses = rows(
        settings,
        "SELECT DISTINCT ON (article) article, status, reasons[1] AS why FROM article_translation "
        "ORDER BY article, translated_at DESC",
    )
    published = {each["article"] for each in statuses if each["status"] == "published"}
    assert published >= set(names)
    [broken] = [each for each in statuses if each["article"] not in published]
    assert broken == {
        "article": "broken.md",
        "status": "not_published",
        "why": "line 1: its front matter is nested too deeply",
    }
    [learned] = rows(settings, "SELECT decision, article FROM translation_review")
    assert learned == {"decision": "learned", "article": names[7]}
    came_to["documents"] += count
