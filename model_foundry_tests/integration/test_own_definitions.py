"""A recipe and a summary that `new` wrote, run as they are: rows, a view, a question."""

import asyncio
import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry.summaries import tending
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import event, publish, rows

DAY = "2026-11-20"


def test_what_new_writes_works_at_once(
    settings: Settings,
    slot_servers: EmbeddedSlots,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_DEFS_DIR", str(tmp_path / "own"))
    settings = settings.model_copy(update={"defs_dir": tmp_path / "own"})
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    for arguments in (
        ("recipe", "topic"),
        ("recipe", "to_english", "--kind", "translation"),
        ("summary", "chats_by_slot"),
    ):
        assert CliRunner().invoke(app, ["new", *arguments]).exit_code == 0
    chat = {
        "slot": "naughty",
        "messages": [{"role": "user", "content": "翻訳の品質は高いですか。"}],
        "response": {"content": "Yes.", "finish_reason": "stop"},
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
    }
    publish(settings, [event("llm.chat.persist", chat, event_id="c1")])
    asyncio.run(drain(settings))

    assets = ("llm_chat", "generation_topic", "translation_to_english", "chats_by_slot")
    done = materialize(settings, *assets, day=DAY)
    assert all(check.passed for check in checks_of(done))
    found = rows(settings, "SELECT recipe, status FROM inference_result ORDER BY recipe")
    assert [row["recipe"] for row in found] == ["to_english", "topic"]
    assert {row["status"] for row in found} <= {"ok", "rejected"}
    shown = metadata_of(done, "chats_by_slot", DAY)
    assert shown["dagster/partition_row_count"] == 1
    columns = {column.name: column for column in shown["dagster/column_schema"].columns}
    assert "describes it in Dagster" in columns["output_tokens"].description

    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
    answer = CliRunner().invoke(app, ["query", "FROM chats_by_slot", "--csv"])
    assert answer.stdout.splitlines()[1].startswith("2026-11-20,naughty,1,2,")
    assert "chats_by_slot" in {size.table for size in tending.sizes(settings)}

    # Damaged, it is made again; gone, its view is.
    [file] = (settings.home / "lake" / "chats_by_slot").glob("*.parquet")
    file.write_bytes(b"damaged")
    [damage] = [one for one in tending.mend(settings).damages if one.name == "chats_by_slot"]
    assert damage.mended
    (tmp_path / "own" / "summaries" / "chats_by_slot.sql").unlink()
    materialize(settings, "daily_events", day=DAY)
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as connection:
        views = connection.execute("SELECT view_name FROM duckdb_views()").fetchall()
    assert ("chats_by_slot",) not in views
    assert json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["ok"] is False
