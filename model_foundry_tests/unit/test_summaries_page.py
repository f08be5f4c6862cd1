"""docs/summaries.md names what there is."""

from pathlib import Path

from model_foundry.sql import sql_description
from model_foundry.summaries.compute import ROLLUPS, SUMMARIES

PAGE = (Path(__file__).parents[2] / "docs" / "summaries.md").read_text(encoding="utf-8")


def test_the_page_has_every_summary() -> None:
    for name in SUMMARIES:
        assert f"| `{name}` |" in PAGE
        assert sql_description(f"duckdb/{name}")


def test_all_but_these_are_rolled_up_as_the_page_says() -> None:
    assert set(SUMMARIES) - {f"daily_{name}" for name in ROLLUPS} == {
        "daily_translations",
        "session_agreement",
        "session_summary",
    }
