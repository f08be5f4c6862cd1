"""What `query` prints: tables that fit, JSON and CSV that other programs read."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from model_foundry.cli import app
from model_foundry.settings import Settings
from model_foundry.summaries.views import publish_views

# As a summary is: keys, figures, a sketch, and what is the same on all of a day's rows.
WIDE = """
    SELECT
        DATE '2026-11-20' AS day,
        'traffic' AS origin,
        ['kindergarten', 'naughty', '訳者'][i] AS slot,
        NULL::VARCHAR AS error_kinds,
        'a sentence that nobody would want to read in a column of its own, number ' || i AS said,
        1234567 * i AS requests_of_the_whole_day,
        0.00004 * i AS share_of_time_busy,
        MAP {i: 3} AS total_ms_sketch,
        {'a': i} AS nested,
        'event-' || md5(i::VARCHAR) AS event_id,
        COLUMNS(*) + i AS figure_number_
    FROM range(1, 4) AS r (i), (SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d, 5 AS e, 6 AS f) AS more
"""
VALUES = """
    SELECT
        'a "quoted", text' || chr(10) || 'of two lines' AS text,
        '' AS empty,
        NULL::VARCHAR AS nothing,
        DATE '2026-11-20' AS day,
        TIMESTAMPTZ '2026-11-20 09:30:00.123Z' AS moment,
        ['x', NULL, 'y,"z"'] AS list,
        MAP {3: DATE '2026-11-20'} AS map,
        {'kind': 'node', 'times': [TIME '12:00:00'], 'none': NULL} AS struct,
        'NaN'::DOUBLE AS nan,
        170141183460469231731687303715884105727::HUGEINT AS huge,
        1.50::DECIMAL(9, 2) AS price,
        TRUE AS yes,
        '\\xAA\\x0F'::BLOB AS bytes,
        1 AS twice,
        2 AS twice
"""


@pytest.fixture(autouse=True)
def _foundry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home whose foundry.duckdb has a view."""
    publish_views(Settings(home=tmp_path), ())
    with duckdb.connect(str(tmp_path / "foundry.duckdb")) as connection:
        connection.execute(f"CREATE VIEW daily AS {WIDE}")
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(tmp_path))


def run(*arguments: str, columns: int = 80) -> Result:
    done = CliRunner().invoke(app, ["query", *arguments], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("columns", [60, 80, 120, 400])
def test_a_table_fits_the_terminal_and_says_what_it_leaves_out(columns: int) -> None:
    shown = run("FROM daily", columns=columns).stdout
    assert max(map(cell_len, shown.splitlines())) <= columns
    said = " ".join(shown.split())
    assert "The same in every row: day = 2026-11-20, origin = traffic." in said
    assert "NULL in every row: error_kinds." in said
    assert "total_ms_sketch" in said.partition("Not shown: ")[2]
    assert "--wide" in said
    # Keys, the first column and what tells the rows apart, come before figures.
    rows = [line for line in shown.splitlines() if "│" in line]
    assert [row.split("│")[1].strip() for row in rows] == ["kindergarten", "naughty", "訳者"]
    assert "1,234,567" in rows[0]
    assert "0.00008" in rows[1]
    if columns >= 400:
        assert "nested" not in said.partition("Not shown: ")[2]


def test_what_is_asked_for_is_shown_in_its_order() -> None:
    shown = run("SELECT requests_of_the_whole_day AS requests, slot FROM daily").stdout
    heading = next(line for line in shown.splitlines() if "requests" in line)
    assert heading.index("requests") < heading.index("slot")
    assert "Not shown" not in shown
    # A name is broken at its underscores, never within a word.
    shown = run("FROM daily", columns=70).stdout
    for word in ("requests_", "of_", "whole_", "day"):
        assert word in shown


def test_a_wide_row_alone_is_shown_downwards_and_wide_shows_all() -> None:
    shown = run("FROM daily LIMIT 1").stdout
    assert "a sentence that nobody would want to read in a column of its own" in " ".join(
        shown.replace("│", " ").split()
    )
    lines = run("FROM daily", "--wide").stdout.splitlines()
    assert len(lines) == 3 + 3 + 1
    for name in ("day", "origin", "total_ms_sketch", "nested", "figure_number_"):
        assert name in lines[1]
    assert "event-" in lines[3]


def test_no_rows_are_said_and_are_empty_json_and_csv() -> None:
    nothing = "SELECT 1 AS a, 2 AS b WHERE FALSE"
    assert run(nothing).stdout == "No rows.\n"
    assert json.loads(run(nothing, "--json").stdout) == []
    assert run(nothing, "--csv").stdout == "a,b\n"


def test_json_is_one_document_with_every_value() -> None:
    [row] = json.loads(run(VALUES, "--json").stdout)
    moment = row.pop("moment")
    assert datetime.fromisoformat(moment) == datetime(2026, 11, 20, 9, 30, 0, 123_000, tzinfo=UTC)
    assert row == {
        "text": 'a "quoted", text\nof two lines',
        "empty": "",
        "nothing": None,
        "day": "2026-11-20",
        "list": ["x", None, 'y,"z"'],
        "map": {"3": "2026-11-20"},
        "struct": {"kind": "node", "times": ["12:00:00"], "none": None},
        "nan": None,
        "huge": 2**127 - 1,
        "price": 1.5,
        "yes": True,
        "bytes": "aa0f",
        "twice": 1,
        "twice_2": 2,
    }
    assert len(json.loads(run("FROM daily", "--json").stdout)) == 3


def test_csv_is_read_back_by_python_and_by_duckdb(tmp_path: Path) -> None:
    written = run(VALUES, "--csv").stdout
    [names, values] = csv.reader(io.StringIO(written))
    row = dict(zip(names, values, strict=True))
    assert row["text"] == 'a "quoted", text\nof two lines'
    assert json.loads(row["list"]) == ["x", None, 'y,"z"']
    assert json.loads(row["map"]) == {"3": "2026-11-20"}
    assert json.loads(row["struct"])["kind"] == "node"
    assert (row["nothing"], row["empty"], row["nan"]) == ("", "", "nan")
    assert row["huge"] == str(2**127 - 1)
    file = tmp_path / "values.csv"
    file.write_text(written, encoding="utf-8")
    asked = f"SELECT empty, nothing, day FROM read_csv('{file}', allow_quoted_nulls = FALSE)"
    with duckdb.connect() as connection:
        [read] = connection.execute(asked).fetchall()
    assert read == ("", None, date(2026, 11, 20))
    assert run("SELECT NULL AS a FROM range(2)", "--csv").stdout == 'a\n""\n""\n'


def test_two_forms_at_once_are_refused() -> None:
    done = CliRunner().invoke(app, ["query", "SELECT 1", "--json", "--csv"])
    assert (done.exit_code, "--json and --csv" in done.stderr) == (1, True)
    assert json.loads(run("--list", "--json").stdout)[0]["name"] == "busy-hours"


def test_a_query_starts_without_what_it_does_not_need() -> None:
    asked = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from model_foundry.cli import app\n"
        "done = CliRunner().invoke(app, ['query', 'FROM daily', '--json'])\n"
        "assert done.exit_code == 0, done.output\n"
        "print(*{'pandas', 'numpy', 'pyarrow', 'psycopg', 'nats', 'dagster'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("INTERVAL '2 days 3.5 seconds'", "P2DT3.5S"),
        ("INTERVAL '-1 second'", "-PT1S"),
        ("INTERVAL '0 seconds'", "P0D"),
        ("INTERVAL '400 days'", "P400D"),
        ("[{'took': INTERVAL '90 minutes'}]", [{"took": "PT5400S"}]),
        ("123456789012345678901234567890.5::DECIMAL(38, 3)", "123456789012345678901234567890.500"),
        ("0.1::DECIMAL(9, 2)", 0.1),
        ("123456789012345678::DECIMAL(38, 0)", 123456789012345678),
        ("'\\x00'::BLOB", "00"),
        ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
        ("MAP {DATE '2026-11-20': 'a'}", {"2026-11-20": "a"}),
        ("union_value(n := 1)", 1),
        ("{'a': 'inf'::DOUBLE, 'b': 1e-300}", {"a": None, "b": 1e-300}),
    ],
)
def test_json_tells_no_other_value(value: str, told: object) -> None:
    [row] = json.loads(run(f"SELECT {value} AS v", "--json").stdout)
    assert row == {"v": told}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0.0012345", "0.001234"),
        ("0.0123456", "0.01235"),
        ("1.23456", "1.235"),
        ("12345.678::DECIMAL(9, 3)", "12,345.678"),
        ("0.00004", "0.00004"),
        ("-0.000000123456", "-0.0000001235"),
        ("1e-30", "1e-30"),
        ("0.0", "0"),
    ],
)
def test_a_table_shows_small_numbers_as_they_are(value: str, told: str) -> None:
    shown = run(f"SELECT {value} AS v, {value} AS w UNION ALL SELECT 7, 8").stdout
    assert told in [cell.strip() for line in shown.splitlines() for cell in line.split("│")]
