"""`foundry.duckdb` grows with the lake: what is added to it, and what it is made of anew."""

from pathlib import Path

import duckdb
import pyarrow as pa

from model_foundry import lake
from model_foundry.lake.keep import keep_schema
from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry_tests.unit.test_summary_sql import computed

FIRST = ("daily_chats", "daily_tool_calls")
LATER = ("daily_events", "daily_recipes", "daily_slot_throughput")


def kept(settings: Settings, *names: str, extra: str | None = None) -> Path:
    """The file, once the lake has the columns of these summaries."""
    with duckdb.connect(":memory:") as connection:
        for name in names:
            schema = computed(connection, name, {}).schema
            if extra is not None:
                schema = schema.append(pa.field(extra, pa.string()))
            keep_schema(lake.lake_of(settings), name, schema)
    return views.publish_views(settings)


def held(file: Path) -> dict[str, str]:
    """Everything in it, and how it is made; with the mark of what it is made from."""
    with duckdb.connect(str(file), read_only=True) as connection:
        made = connection.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal UNION ALL "
            "SELECT function_name, coalesce(macro_definition, '') || coalesce(comment, '') "
            "FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    return dict(made)


def test_what_is_added_to_it_is_what_it_would_be_made_of_anew(home: Path) -> None:
    settings = Settings(home=home)
    file = kept(settings, *FIRST)
    for name in LATER:
        kept(settings, name)
    added = held(file)
    assert {*FIRST, *LATER, "weekly_events", "monthly_chats", "live_files"} < added.keys()
    file.unlink()
    assert held(views.publish_views(settings)) == added


def test_other_columns_make_it_anew(home: Path) -> None:
    settings = Settings(home=home)
    kept(settings, *FIRST)
    file = kept(settings, FIRST[0], extra="more")
    changed = held(file)
    assert "more" in changed[FIRST[0]]
    file.unlink()
    assert held(views.publish_views(settings)) == changed


def test_what_another_has_put_in_its_place_is_not_added_to(home: Path) -> None:
    settings = Settings(home=home)
    file = kept(settings, *FIRST)
    whole = held(file)
    file.unlink()
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE other AS SELECT 1")
    assert held(kept(settings, *LATER)).keys() > whole.keys()
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("SELECT * FROM duckdb_tables()").fetchall() == []
