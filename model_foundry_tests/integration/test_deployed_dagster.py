"""deploy/dagster.yaml: an instance on a real PostgreSQL."""

from pathlib import Path

import dagster as dg
import pytest

from model_foundry.settings import Settings
from model_foundry_tests.foundry import metadata_of

ROOT = Path(__file__).parents[2]


@dg.asset
def seen() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


def test_runs_and_events_are_kept_in_postgresql(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra `deploy` is missing")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", settings.require_postgres_url())
    folder = home / "instance"
    folder.mkdir()
    (folder / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        result = dg.materialize([seen], instance=instance)
        assert metadata_of(result, "seen")["rows"] == 3
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        [run] = instance.get_runs()
        assert run.run_id == result.run_id
        assert instance.get_latest_materialization_event(dg.AssetKey("seen")) is not None
    assert not list(folder.glob("**/*.db"))
