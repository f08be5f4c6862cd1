"""The vault and its search: the right note for a question, in both languages."""

import re

import pytest

from model_foundry.devstack.familiar.tasks import TASKS, tasks
from model_foundry.devstack.familiar.vault import Vault, terms

JAPANESE = re.compile(r"[\u3041-\u3096]")


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault.packaged()


def test_the_vault_holds_notes_in_both_languages(vault: Vault) -> None:
    notes = {path: vault.read(path) or "" for path in vault.paths}
    assert 20 <= len(notes) <= 25
    assert sum(bool(JAPANESE.search(text)) for text in notes.values()) >= 8
    for path, text in notes.items():
        assert text.startswith("# "), path
        if JAPANESE.search(text):
            assert 150 <= len(text) <= 500, path
        else:
            assert 60 <= len(text.split()) <= 200, path


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("GPU memory divided between slots", "hardware/gpu-memory-plan.md"),
        ("NATS consumer stopped delivering", "pipeline/nats-consumer-stuck.md"),
        ("PostgreSQL backups", "pipeline/postgres-backup.md"),
        ("telemetry port of Vector", "telemetry/vector-pipeline.md"),
        ("no NVLink", "hardware/blackwell-gpus.md"),
        ("夏になるとGPUのトークン速度が落ちるのはなぜですか？", "hardware/gpu-no-netsu.md"),
        ("停電のとき、サービスはどの順番で止まりますか？", "hardware/teiden-to-ups.md"),
        ("NATSを安全に再起動する手順", "pipeline/nats-saikido.md"),
        ("DuckDBのファイルが開けない", "pipeline/duckdb-rokku.md"),
        ("長い記事の翻訳", "inference/honyaku-slot.md"),
        ("カレーの玉ねぎ", "home/curry.md"),
    ],
)
def test_the_best_hit_answers_the_question(vault: Vault, query: str, path: str) -> None:
    found = vault.search(query, 3)
    assert found.hits[0].path == path
    assert found.duration_ms > 0


@pytest.mark.parametrize("text", [text for texts in TASKS.values() for text in texts])
def test_every_task_finds_notes(vault: Vault, text: str) -> None:
    assert vault.search(text, 3).hits


def test_hits_are_different_notes_best_first(vault: Vault) -> None:
    hits = vault.search("tokens per second of a slot", 5).hits
    assert len({hit.path for hit in hits}) == len(hits) == 5
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    for hit in hits:
        assert hit.chunk in " ".join((vault.read(hit.path) or "").split())
    assert vault.search("tokens per second of a slot", 2).hits == hits[:2]


@pytest.mark.parametrize("query", ["", "zymurgy", "the of and", "？！"])
def test_a_query_without_a_known_term_finds_nothing(vault: Vault, query: str) -> None:
    assert vault.search(query, 3).hits == []


def test_a_rare_term_counts_more_than_a_common_one() -> None:
    vault = Vault(
        {
            "a.md": "# A\n\nslot slot slot",
            "b.md": "# B\n\nslot and quarantine",
            "c.md": "# C\n\nslot and stream",
        }
    )
    assert vault.search("slot quarantine", 1).hits[0].path == "b.md"


def test_the_title_counts_for_each_paragraph() -> None:
    vault = Vault({"a.md": "# Backup\n\nfirst words\n\nsecond words", "b.md": "# B\n\nother words"})
    hit = vault.search("backup second", 1).hits[0]
    assert (hit.path, hit.chunk) == ("a.md", "second words")


def test_terms() -> None:
    assert list(terms("The GPUs' memory, ＧＰＵ0")) == ["gpu", "memory", "gpu0"]
    assert list(terms("再起動する NATS 熱")) == ["再起", "起動", "動す", "する", "nat", "熱"]


def test_a_note_that_is_not_there(vault: Vault) -> None:
    assert vault.read("pipeline/none.md") is None
    assert vault.read("../vault.py") is None


def test_tasks_follow_from_the_seed_and_begin_in_japanese() -> None:
    chosen = tasks(4, seed=3)
    assert [task.language for task in chosen] == ["ja", "en", "ja", "en"]
    assert chosen == tasks(4, seed=3)
    assert len({task.text for task in chosen}) == 4
    assert len({task.seed for task in chosen}) == 4
    assert tasks(1, seed=0)[0].text != tasks(1, seed=1)[0].text
    assert all(JAPANESE.search(text) for text in TASKS["ja"])
    assert not any(JAPANESE.search(text) for text in TASKS["en"])
