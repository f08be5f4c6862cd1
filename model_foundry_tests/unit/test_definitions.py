"""The code location as the gRPC server loads it: every asset, check, job, schedule and sensor."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion

from model_foundry.definitions import defs


@pytest.fixture(autouse=True)
def _nothing_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_DEFS_DIR", str(tmp_path))


def location() -> dg.Definitions:
    """The code location's definitions."""
    loaded = defs()
    assert isinstance(loaded, dg.Definitions)
    return loaded


def described(spec: dg.AssetSpec) -> dict[str, Any]:
    """What a person sees of an asset."""
    return {
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "tags": {k: v for k, v in spec.tags.items() if not k.startswith("dagster/")},
        "owners": sorted(spec.owners),
        "freshness": type(spec.freshness_policy).__name__ if spec.freshness_policy else None,
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "partitions": type(spec.partitions_def).__name__ if spec.partitions_def else None,
        "versioned": spec.code_version is not None,
        "description": spec.description,
    }


def test_the_code_location_is_as_it_was(snapshot: SnapshotAssertion) -> None:
    loaded = location()
    assets = {
        spec.key.to_user_string(): described(spec) for spec in loaded.resolve_all_asset_specs()
    }
    graph = loaded.resolve_asset_graph()
    checks = sorted(
        f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys
    )
    repository = loaded.get_repository_def()
    jobs = {
        job.name: sorted(node.name for node in job.nodes)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    schedules = {s.name: (s.job_name, str(s.cron_schedule)) for s in repository.schedule_defs}
    sensors = {
        sensor.name: (
            [target.job_name for target in sensor.targets],
            sensor.minimum_interval_seconds,
            sensor.default_status.value,
        )
        for sensor in repository.sensor_defs
        if isinstance(sensor, dg.SensorDefinition)
    }
    assert {
        "assets": dict(sorted(assets.items())),
        "checks": checks,
        "jobs": jobs,
        "schedules": schedules,
        "sensors": sensors,
    } == snapshot


def test_every_asset_has_the_owners_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_OWNERS", '["team:data", "me@example.org"]')
    for spec in location().resolve_all_asset_specs():
        assert list(spec.owners) == ["team:data", "me@example.org"]


def test_every_asset_can_be_backfilled_in_one_run() -> None:
    for asset in location().assets or []:
        if isinstance(asset, dg.AssetSpec):
            continue  # nothing here makes it
        assert isinstance(asset, dg.AssetsDefinition)
        if asset.partitions_def is not None:
            assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_whatever_a_person_sees_says_what_it_is() -> None:
    repository = location().get_repository_def()
    seen = {
        **{each.name: each.description for each in repository.sensor_defs},
        **{each.name: each.description for each in repository.schedule_defs},
        **{each.name: each.description for each in repository.get_all_jobs()},
    }
    assert len(seen) > 15
    assert [name for name, said in seen.items() if not said] == ["__ASSET_JOB"]


def test_nothing_hangs_alone_in_the_graph() -> None:
    """What reads nothing of ours is read: a person sees where it belongs."""
    graph = location().resolve_asset_graph()
    alone = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if not graph.get(key).parent_keys | graph.get(key).child_keys
    ]
    assert alone == []
