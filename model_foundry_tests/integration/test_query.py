"""`query` and its named questions over a real lake; and what a statement cannot do."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.errors import FoundryError
from model_foundry.report import day_report
from model_foundry.settings import Settings
from model_foundry.summaries.compute import Rate
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.query import QUESTIONS, ask
from model_foundry_tests.integration.test_summaries import land
from model_foundry_tests.integration.test_trace import summarize, summarized
from model_foundry_tests.line import NOON, Raw, event
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
    change = '<dd class="small">+75 % on 12 the day before</dd>'
    assert f'<dt>events</dt><dd class="large">21</dd>{change}</div>' in page
    name, number = '<td class="name">', '<td class="number">'
    assert f"{name}calls of the tool{name}search{number}9{number}0{name}new" in page
    assert f"{name}tool call{name}read_note{number}1{number}1{number}100 %" in page
    first = CliRunner().invoke(app, ["report", "--day", "2026-11-19"]).stdout
    assert "What changed" not in first
    assert "| events | 12 | – |" in first
    shown = CliRunner().invoke(app, ["report", "--day", DAY])
    assert shown.stdout.startswith(f"# {DAY}")
    done = CliRunner().invoke(app, ["report", "--day", str(date(2020, 1, 1))])
    assert (done.exit_code, "no event" in done.stderr) == (1, True)
    assert "is no day" in CliRunner().invoke(app, ["report", "--day", "x"]).stderr
    for day in ("0001-01-01", "0001-01-07", "9999-12-31"):
        assert "no event" in CliRunner().invoke(app, ["report", "--day", day]).stderr


def rows_of(text: str, title: str) -> list[list[str]]:
    """The cells below a heading of a report."""
    block = text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in block.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_a_report_says_which_summaries_are_missing(settings: Settings) -> None:
    land(settings, event())
    with duckdb.connect() as memory:
        summarize_day(settings, memory, "daily_tool_calls", date.fromisoformat(DAY))
    with pytest.raises(FoundryError, match="the lake has no event_inbox, inference_result, "):
        day_report(settings, date.fromisoformat(DAY))


def test_a_report_is_of_a_day_of_whoever_looks(settings: Settings) -> None:
    """Tokyo's 20th of November: from 15:00 UTC of the 19th to 15:00 UTC of the 20th."""
    settings = settings.model_copy(update={"timezone": "Asia/Tokyo"})
    midnight = NOON.replace(hour=15) - timedelta(days=1)
    chat = {
        "slot": "naughty", "model": "m", "status": "error", "response": {"content": ""},
        "usage": {"prompt_tokens": 900, "completion_tokens": 7},
        "timings": {"duration_ms": 1_800_000},
    }  # fmt: skip
    moments = {
        "late": midnight - timedelta(seconds=1),
        "first": midnight,
        "last": midnight + timedelta(hours=24) - timedelta(seconds=1),
        "next": midnight + timedelta(hours=24),
    }
    land(
        settings,
        *(event("llm.chat.persist", chat, event_id=name, correlation_id=name, occurred_at=moment)
          for name, moment in moments.items()),
    )  # fmt: skip
    summarize(settings, "2026-11-19", DAY)
    slots = [Rate("naughty", 2, 1.5, None)]
    text = day_report(settings, date.fromisoformat(DAY), slots).markdown()
    lines = text.splitlines()
    assert "Friday, 2026-11-20 00:00 to 2026-11-21 00:00 JST" in lines[2]
    for line in (
        "| events | 2 | +100 % on 1 the day before |",
        "| failed chats | 2 | +100 % on 1 the day before |",
        "| slowest chat | 30 min | as the day before |",
        "| cost | 0.750 | +100 % on 0.375 the day before |",
    ):
        assert line in lines
    # (Chats begin before midnight where they end after it: "first" was under way on the 19th.)
    assert {row[0] for row in rows_of(text, "Sessions, longest first")} == {"first", "last", "next"}
    assert rows_of(text, "Output that was lost") == [
        ["traffic", "naughty", "m", "failed", "–", "2", "14", "0", "0"]
    ]
    [failed] = rows_of(text, "What failed")
    assert failed[:4] == ["chat, failed or cut at its length", "naughty", "2", "2"]
    [events, *_] = _pictures(text)
    assert "time, from 2026-11-20 00:00 JST" in events


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_report_of_a_day_when_clocks_are_changed(
    settings: Settings, day: str, hours: int
) -> None:
    settings = settings.model_copy(update={"timezone": "Europe/Berlin"})
    today = date.fromisoformat(day)
    midnight = datetime.combine(today, time(), ZoneInfo("Europe/Berlin")).astimezone(UTC)
    each = [midnight + timedelta(hours=hour) for hour in range(-1, hours + 1)]
    land(settings, *(event(event_id=str(moment), occurred_at=moment) for moment in each))
    summarize(settings, str(today - timedelta(days=1)), day)
    lines = day_report(settings, today).markdown().splitlines()
    assert f"| events | {hours} | {100 * (hours - 1):+,} % on 1 the day before |" in lines


def test_a_report_compares_with_the_same_weekday(settings: Settings) -> None:
    """What is as usual on this weekday has not changed, though it was not so yesterday."""
    settings = settings.model_copy(update={"timezone": "UTC"})

    def calls(days: int, **tools: int) -> Iterator[Raw]:
        for tool, count in tools.items():
            for number in range(count):
                yield event(
                    payload={"tool_name": tool},
                    event_id=f"{days}-{tool}-{number}",
                    occurred_at=NOON - timedelta(days=days),
                )

    land(
        settings,
        *calls(7, weekly=30, always=30),
        *calls(1, always=30),
        *calls(0, weekly=30, always=30, more=30),
    )
    summarize(settings, "2026-11-13", "2026-11-19", DAY)
    text = day_report(settings, date.fromisoformat(DAY)).markdown()
    changed = rows_of(text, "What changed")
    assert ["calls of the tool", "more", "30", "0", "new", "0", "new"] in changed
    assert {row[1] for row in changed} == {"more", r"llm.tool\_call"}
    assert (
        "| events | 90 | +200 % on 30 the day before, +50 % on 60 the week before |"
        in text.splitlines()
    )


def test_a_report_stays_small_whatever_names_there_are(settings: Settings) -> None:
    long = "名" * 4_000
    chat = {"response": {"content": "", "finish_reason": "length"},
            "usage": {"completion_tokens": 7}}  # fmt: skip
    named = [(n, f"{n}{long}") for n in range(300)]
    land(
        settings,
        *(event("llm.chat.persist", chat | {"slot": name, "model": name}, event_id=f"c{n}",
                correlation_id=name[:200]) for n, name in named),
        *(event(payload={"tool_name": name, "error": long}, event_id=f"t{n}") for n, name in named),
    )  # fmt: skip
    summarize(settings, DAY)
    report = day_report(settings, date.fromisoformat(DAY))
    assert len(rows_of(report.markdown(), "Slots")) == 50
    assert len(report.page().encode()) < 1_000_000


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
