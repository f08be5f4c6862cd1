"""deploy/dagster.yaml: an instance on a real PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

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


def test_a_health_check_has_the_secrets_that_its_service_has(
    settings: Settings, home: Path
) -> None:
    """An engine runs it past the image's entrypoint, with the image's variables alone.

    No daemon runs here, so what the check has to say is that.
    """
    instance, secrets, programs = home / "instance", home / "secrets", home / "bin"
    for folder in (instance, secrets, programs):
        folder.mkdir()
    (instance / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    (secrets / "DAGSTER_POSTGRES_URL").write_text(settings.require_postgres_url())
    (programs / "entrypoint.sh").symlink_to(ROOT / "deploy" / "entrypoint.sh")
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    kind, *check = services["daemon"]["healthcheck"]["test"]
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    done = subprocess.run(
        check,
        env={"PATH": path, "DAGSTER_HOME": str(instance), "SECRETS": str(secrets)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (kind, done.returncode) == ("CMD", 1)
    assert (done.stdout, done.stderr) == ("Daemon(s) not running\n", "")
