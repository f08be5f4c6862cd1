"""`query` and its named questions over a real lake; and what a statement cannot do."""

import base64
import csv
import io
import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.report import day_report
from model_foundry.settings import Settings
from model_foundry.summaries.query import QUESTIONS, ask
from model_foundry_tests.integration.test_summaries import land
from model_foundry_tests.integration.test_trace import summarize, summarized
from model_foundry_tests.line import NOON, event
from model_foundry_tests.sessions import made_session

DAY = "2026-11-20"
__all__ = ["summarized"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["query", *arguments])


def test_questions_and_limits(
    summarized: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("SELECT 1")
    assert (done.exit_code, "there is no" in done.stderr) == (1, True)
    land(summarized, *made_session())
    summarize(summarized, DAY)

    # Every named question is answered, and described.
    listed = run("--list").stdout
    assert len(QUESTIONS) >= 10
    for name in QUESTIONS:
        assert name in listed
        done = run("--name", name, "--json")
        assert done.exit_code == 0, (name, done.output)
        assert isinstance(json.loads(done.stdout), list)
    [slow] = json.loads(run("--name", "ignored-plans", "--json").stdout)
    assert (slow["workers"], slow["told"], slow["kept"]) == (2, 3, 1)
    assert slow["ignored"] == ["day = 30", "event_inbox"]
    [tool] = csv.DictReader(io.StringIO(run("--name", "failing-tools", "--csv").stdout))
    assert (tool["tool_name"], tool["errors"]) == ("read_note", "1")
    assert "there is no question 'x'; there are: busy-hours" in run("--name", "x").stderr
    assert run().exit_code == run("SELECT 1", "--name", "busy-hours").exit_code == 1
    of_the_day = ("--name", "long-sessions", "--since", DAY, "--until", DAY, "--json")
    assert len(json.loads(run(*of_the_day).stdout)) == 1
    done = run("--name", "long-sessions", "--since", "2026-11-21", "--json")
    assert json.loads(done.stdout) == []
    assert "are for --name" in run("SELECT 1", "--until", DAY).stderr
    assert "is no day" in run("--name", "long-sessions", "--since", "x").stderr
    assert "chr" not in run("SELECT chr(27) || '[2J' AS c").stdout
    assert "\x1b" not in run("SELECT chr(27) || '[2J' AS c").stdout

    # It reads the lake, and nothing else; it writes nothing, not even there.
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    lake = summarized.home / "lake"
    before = sorted(lake.rglob("*"))
    for statement in (
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"SELECT * FROM read_csv('{lake}/../../{tmp_path.name}/secret.csv')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        f"COPY (SELECT 1) TO '{lake}/x.parquet'",
        f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.parquet'",
        f"EXPORT DATABASE '{lake}/x'",
        f"ATTACH '{tmp_path}/x.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '64GB'",
        "PRAGMA database_list",
        "CREATE TABLE x AS SELECT 1",
        "CREATE TEMP TABLE x AS SELECT 1",
        "DROP VIEW llm_chat",
        "INSERT INTO llm_chat SELECT * FROM llm_chat",
        "SELECT 1; DROP VIEW llm_chat",
        "CALL pragma_version()",
        "",
        "SELEC 1",
        "SELECT * FROM nothing_of_the_kind",
        "SELECT ?",
    ):
        done = run(statement)
        assert done.exit_code == 1, statement
        assert done.stderr.startswith("Error: "), (statement, done.output)
    assert sorted(lake.rglob("*")) == before
    assert "There are: daily_cache_misses" in run("SELECT * FROM nothing_of_the_kind").stderr

    # Rows, time and memory end where the settings say.
    few = summarized.model_copy(update={"query_max_rows": 2})
    answer = ask(few, "SELECT event_id FROM event_inbox")
    assert (len(answer.rows), answer.cut) == (2, True)
    small = summarized.model_copy(update={"query_max_bytes": 10_000})
    for value in ("repeat('x', 4000)", "[{'a': repeat('x', 2000)}, {'a': repeat('y', 2000)}]"):
        answer = ask(small, f"SELECT {value} AS v FROM range(9)")
        assert (len(answer.rows), answer.cut) == (2, True)
    answer = ask(small, "SELECT repeat('x', 4000) FROM range(2)")
    assert (len(answer.rows), answer.cut) == (2, False)
    monkeypatch.setenv("MODEL_FOUNDRY_QUERY_MAX_S", "0.5")
    done = run(
        "SELECT count(*) "
        "FROM range(1_000_000_000) a, range(1_000_000_000) b WHERE a.range % 7 = b.range"
    )
    assert "MODEL_FOUNDRY_QUERY_MAX_S" in done.stderr
    monkeypatch.setenv("MODEL_FOUNDRY_QUERY_MAX_S", "60")
    monkeypatch.setenv("MODEL_FOUNDRY_DUCKDB_MEMORY_LIMIT", "20MB")
    done = run("SELECT range, md5(range::VARCHAR) AS m FROM range(20_000_000) ORDER BY m")
    assert "MODEL_FOUNDRY_DUCKDB_MEMORY_LIMIT" in done.stderr


def test_a_report_of_the_day(
    summarized: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_TIMEZONE", "Asia/Tokyo")
    land(
        summarized,
        *made_session("<script>alert(1)</script>|x"),
        *made_session("before", at=NOON - timedelta(days=1)),
        *(event(event_id=f"more-{n}") for n in range(9)),
    )
    summarize(summarized, "2026-11-19", DAY)
    html, markdown = tmp_path / "day.html", tmp_path / "day.md"
    for file in (html, markdown):
        done = CliRunner().invoke(app, ["report", "--day", DAY, "--out", str(file)])
        assert done.exit_code == 0, done.output
    page, text = html.read_text(), markdown.read_text()
    assert "<script" not in page
    assert page.count("<img ") == text.count("![") >= 2
    for name in ("kindergarten", "naughty", "read_note", "Sessions"):
        assert name in page
        assert name.replace("_", r"\_") in text
    # Figures first, then what changed and what failed, then pictures, then tables.
    parts = ("21</dd>", "What changed", "What failed", "<img ", ">Slots<")
    assert sorted(parts, key=page.index) == [*parts]
    assert '<dt>events</dt><dd class="large">21</dd><dd class="small">+75 % on 12</dd>' in page
    name, number = '<td class="name">', '<td class="number">'
    assert f"{name}calls of the tool{name}search{number}9{number}0{name}new" in page
    assert f"{name}tool call{name}read_note{number}1{number}1{number}100 %" in page
    assert "Friday, 2026-11-20 09:00 to 2026-11-21 09:00 JST" in page
    assert "time, from 2026-11-20 09:00 JST" in _pictures(page)[0]
    first = CliRunner().invoke(app, ["report", "--day", "2026-11-19"]).stdout
    assert "What changed" not in first
    assert "| events | 12 | – |" in first
    shown = CliRunner().invoke(app, ["report", "--day", DAY])
    assert shown.stdout.startswith(f"# {DAY}")
    done = CliRunner().invoke(app, ["report", "--day", str(date(2020, 1, 1))])
    assert (done.exit_code, "no event" in done.stderr) == (1, True)


def test_a_report_says_what_was_lost_and_read_again(settings: Settings) -> None:
    asked = [{"role": "user", "content": "?"}]
    turns = [
        {"slot": slot, "model": "m", "status": "cancelled", "messages": asked,
         "response": {"content": ""}, "timings": {"duration_ms": 1000},
         "usage": {"prompt_tokens": 900, "completion_tokens": 70, "cached_tokens": 0}}
        for slot in ("naughty", "kindergarten")
    ]  # fmt: skip
    land(
        settings,
        *(
            event("llm.chat.persist", turn, correlation_id="one",
                  occurred_at=NOON + timedelta(seconds=10 * number))
            for number, turn in enumerate(turns)
        ),
    )  # fmt: skip
    summarize(settings, DAY)
    text = day_report(settings, date.fromisoformat(DAY)).markdown()
    lines = text.splitlines()
    assert "| chat, failed or cut at its length | naughty | 1 | 1 | 100 % | – |" in lines
    assert "| traffic | naughty | m | failed | – | 1 | 70 | 0 | 0 |" in lines
    assert "| kindergarten | m | slot | 1 | 900 | – | – |" in lines


def test_a_report_tells_what_nobody_said_from_nothing(settings: Settings) -> None:
    untold = {"slot": "naughty", "response": {"content": "Yes."}}
    told = {**untold, "usage": {"prompt_tokens": 0, "completion_tokens": 7}}
    land(settings, event("llm.chat.persist", untold))
    summarize(settings, DAY)
    lines = day_report(settings, date.fromisoformat(DAY)).markdown().splitlines()
    assert "| input tokens | – | – |" in lines
    assert "| output tokens | – | – |" in lines
    land(settings, event("llm.chat.persist", told))
    summarize(settings, DAY)
    lines = day_report(settings, date.fromisoformat(DAY)).markdown().splitlines()
    assert "| input tokens | 0 | – |" in lines
    assert "| output tokens | 7 | – |" in lines


def _pictures(page: str) -> list[str]:
    found = re.findall(r"data:image/svg\+xml;base64,([^\")]+)", page)
    return [base64.b64decode(one).decode() for one in found]
