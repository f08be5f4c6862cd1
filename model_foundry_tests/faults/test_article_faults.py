"""`model-foundry translate`, killed midway: only what is missing is asked again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from model_foundry.settings import Settings
from model_foundry.translation.article import unstamped
from model_foundry.translation.structure import differences
from model_foundry_tests.asking import QUICK
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.faults.conftest import Moment
from model_foundry_tests.faults.jobs_process import DEADLINE_S, until
from model_foundry_tests.line import value
from model_foundry_tests.recipes import with_slots

PARALLEL = 4
SENTENCES = (
    "設定ファイルを開いて、次の行を追加します。",
    "サーバーを再起動すると、新しい設定が有効になります。",
    "データベースは毎日バックアップされます。",
    "ネットワークが切れたときは、自動的に再接続します。",
    "ログを読むと、原因がすぐに分かります。",
)


def command(settings: Settings, file: Path, to: str) -> subprocess.Popen[str]:
    """The command, in a process of its own that can be killed with all it holds."""
    values: dict[str, Any] = {
        **{"home": settings.home, "fleet": settings.fleet},
        "postgres_url": settings.require_postgres_url(),
        **QUICK,
        "inference_idle_s": 60,
    }
    environment = {
        f"MODEL_FOUNDRY_{name.upper()}": str(each) for name, each in values.items() if each
    }
    return subprocess.Popen(
        [Path(sys.executable).parent / "model-foundry", "translate", file, "--to", to, "--json"],
        env=os.environ | environment,
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
    assert differences(text, translated) == []
    assert "model-foundry up  # 起動" in translated
    firsts = "SELECT count(*) FROM translation_memory WHERE tries = 1"
    assert answers(settings) >= count + 1
    assert 0 < kept < count + 1
    assert int(value(settings, firsts)) > 0
