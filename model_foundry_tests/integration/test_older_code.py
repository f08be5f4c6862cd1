"""Days that earlier code has summarized: counted, told, and computed again by one command."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.settings import Settings
from model_foundry.summaries.day import summarize_day
from model_foundry.summaries.views import open_views
from model_foundry_tests.faults.lake_process import EVENTS, land_round
from model_foundry_tests.foundry import materialize, metadata_of
from model_foundry_tests.line import execute

DAYS = [date(2026, 11, 20), date(2026, 11, 21)]
SQL = """
    -- Calls of a day.
    SELECT occurred_on AS day, count(*) AS {column}
    FROM llm_tool_call WHERE occurred_on = $day GROUP BY ALL
"""


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Two days of a summary of one's own."""
    (tmp_path / "summaries").mkdir()
    (tmp_path / "summaries" / "my_calls.sql").write_text(SQL.format(column="calls"))
    own = settings.model_copy(update={"defs_dir": tmp_path})
    for day in DAYS:
        land_round(own, day, 0, rebuild=False)
        with duckdb.connect() as memory:
            for name in ("my_calls", "daily_tool_calls"):
                summarize_day(own, memory, name, day)
    return own


def command(settings: Settings, *arguments: str) -> Result:
    environment = {
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_DEFS_DIR": str(settings.defs_dir),
        "COLUMNS": "200",
    }
    return CliRunner().invoke(app, arguments, env=environment)


def test_days_by_older_code_are_told_and_computed_again(own: Settings) -> None:
    assert json.loads(command(own, "summarize", "--list", "--json").stdout) == {"days": []}
    assert own.defs_dir is not None
    (own.defs_dir / "summaries" / "my_calls.sql").write_text(SQL.format(column="n"))
    listed = json.loads(command(own, "summarize", "--list", "--json").stdout)["days"]
    assert listed == [{"summary": "my_calls", "day": str(day)} for day in reversed(DAYS)]
    execute(own, "TRUNCATE lake_file")  # a home from before the catalog
    assert "my_calls: 2 days by older code" in command(own, "summarize", "--list").stdout
    found = json.loads(command(own, "doctor", "--json").stdout)["checks"]
    [told] = [each for each in found if each["check"] == "summaries"]
    assert (told["state"], told["found"]) == ("warning", "days computed by older code: my_calls 2")
    assert metadata_of(materialize(own, "lake"), "lake")["days_by_older_code"] == 2

    done = command(own, "summarize", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"computed": 2, "failed": 0})
    with open_views(own) as reader:
        assert reader.execute("SELECT day, n FROM my_calls ORDER BY day").fetchall() == [
            (day, EVENTS) for day in DAYS
        ]
    assert command(own, "summarize", "--list").stdout == "No day was summarized by older code.\n"


def test_a_day_that_cannot_be_computed_stops_no_other(own: Settings) -> None:
    assert own.defs_dir is not None
    text = f"CASE day WHEN DATE '{DAYS[0]}' THEN 'one' ELSE '1' END"
    broken = f"SELECT day, n * CAST({text} AS INTEGER) AS n FROM ({SQL.format(column='n')})"
    (own.defs_dir / "summaries" / "my_calls.sql").write_text(broken)
    done = command(own, "summarize")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "1 days computed again, 1 failed"
    assert f"my_calls {DAYS[0]}: " in done.stderr
    listed = json.loads(command(own, "summarize", "--list", "--json").stdout)["days"]
    assert listed == [{"summary": "my_calls", "day": str(DAYS[0])}]
