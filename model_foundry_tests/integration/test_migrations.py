"""Migrations: frozen once they have landed, applied to what earlier versions left, forward only."""

import asyncio
import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from model_foundry import lake, postgres
from model_foundry.cli import app
from model_foundry.errors import FoundryError
from model_foundry.intake.drain import drain
from model_foundry.intake.reconcile import reconcile
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry_tests.foundry import materialize
from model_foundry_tests.line import connection_to, event, execute, publish, rows, value

SCHEMA = Path(__file__).parents[1] / "corpora" / "schema"
DUMP = SCHEMA / "0016.sql"
DIGESTS = SCHEMA / "migrations.sha256"
DAY, DROPPED = date(2026, 3, 1), date(2026, 2, 1)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# What retention gives up of days that PostgreSQL has dropped, and what migrating itself writes.
GIVEN_UP = {"intake_batch_day", "flat_batch"}
_TABLES = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


def test_migrations_that_have_landed_do_not_change() -> None:
    lines = [line.split() for line in DIGESTS.read_text("utf-8").splitlines()]
    landed = {name: digest for digest, name in lines}
    found = {each.name: each.digest for each in postgres.known_migrations()}
    assert sorted(landed.keys() - found.keys()) == [], "a migration that has landed is gone"
    changed = [name for name, digest in landed.items() if found[name] != digest]
    assert changed == [], "a migration that has landed was changed: write another one"
    new = "".join(f"{found[name]}  {name}\n" for name in sorted(found.keys() - landed.keys()))
    assert new == "", f"append to {DIGESTS.name}"


def test_digests_are_those_of_the_files() -> None:
    for migration in postgres.known_migrations():
        assert hashlib.sha256(migration.text.encode()).hexdigest() == migration.digest


def everything(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [row["j"] for row in rows(settings, f"SELECT to_jsonb(t) AS j FROM {name} AS t")]
        for name in sorted(row["name"] for row in rows(settings, _TABLES))
    }


@pytest.fixture
def old(settings: Settings) -> Settings:
    """A database as migration 0016 left it, with rows of every table."""
    execute(settings, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    execute(settings, DUMP.read_text("utf-8"))
    return settings


def migrate(settings: Settings) -> list[str]:
    with connection_to(settings) as connection:
        return postgres.migrate(connection)


def test_a_database_of_an_earlier_version_is_brought_up_to_date(old: Settings) -> None:
    before = everything(old)
    assert all(before.values()), "a table without a row proves nothing"
    applied = migrate(old)
    names = [each.name for each in postgres.known_migrations()]
    assert applied == [name for name in names if name > "0016_lake_days"]
    assert migrate(old) == []
    after = everything(old)
    proven = before.pop("intake_verified")  # is part of a life of its stream now
    lives = [(row["stream"], row["through_seq"]) for row in after["stream_life"]]
    assert [(row["stream"], row["through_seq"]) for row in proven] == lives
    for table, were in before.items():
        for row in were:
            kept = any(row == {name: now.get(name) for name in row} for now in after[table])
            given_up = table in GIVEN_UP and row["occurred_on"] == str(DROPPED)
            assert kept != given_up, (table, row)


def test_the_line_works_on_a_database_of_an_earlier_version(old: Settings) -> None:
    migrate(old)
    publish(
        old,
        [
            event(event_id="tool-1", occurred_at=NOON),
            event(event_id="new", occurred_at=NOON),
            event(event_id="of a dropped day", occurred_at=datetime(2026, 2, 1, 12, tzinfo=UTC)),
        ],
    )
    counts = asyncio.run(drain(old)).landed.counts
    assert (counts["landed"], counts["duplicates"] + counts["quarantined"]) == (2, 1)
    with connection_to(old) as connection:
        assert DAY in flat.stale_days(connection)
        for table in flat.FLAT_TABLES:
            flat.flatten_day(connection, table, DAY, rebuild=False)
            assert flat.account(connection, table, DAY).agrees
        assert not reconcile(old, connection).missing
    assert lake.refresh_day(old, "llm_tool_call", DAY).rows == 2
    assert lake.refresh_day(old, "llm_chat", DAY).rows == 1
    assert lake.refresh_day(old, "event_inbox", DAY).rows == 6
    materialize(old, "llm_tool_call", "daily_tool_calls", day=str(DAY))


def test_an_older_version_says_that_the_tables_are_newer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(settings, "INSERT INTO schema_migration VALUES ('9999_later', 'x', now(), '7.8.9')")
    with pytest.raises(FoundryError, match=r"newer .* does not know 9999_later: .*\(7\.8\.9\)"):
        migrate(settings)
    execute(settings, "UPDATE schema_migration SET applied_by = NULL WHERE name = '9999_later'")
    with pytest.raises(FoundryError, match=r"does not know 9999_later: .*\(not noted\)"):
        migrate(settings)
    # A command that meets a table it does not know says so too, instead of a traceback.
    execute(settings, "ALTER TABLE event_quarantine RENAME TO other")
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())
    done = CliRunner().invoke(app, ["quarantine", "list"])
    assert (done.exit_code, "newer than this model-foundry" in done.stderr) == (1, True)


def test_tables_that_are_older_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(settings, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    monkeypatch.setenv("MODEL_FOUNDRY_POSTGRES_URL", settings.require_postgres_url())
    done = CliRunner().invoke(app, ["quarantine", "list"])
    assert done.exit_code == 1
    assert "run `model-foundry migrate`" in done.stderr
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    assert CliRunner().invoke(app, ["quarantine", "list"]).exit_code == 0
    assert value(settings, "SELECT count(*) FROM schema_migration WHERE applied_by IS NULL") == 0
