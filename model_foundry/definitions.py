"""The one entry point of the Dagster code location: `-m model_foundry.definitions`."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from model_foundry.settings import Settings


def build_defs(resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Everything under defs/, fresh; `resources` take the place of those of the same name."""
    loaded = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    executor = (
        dg.in_process_executor if Settings().executor == "in_process" else dg.multiprocess_executor
    )
    merged = dg.Definitions.merge(loaded, dg.Definitions(executor=executor))
    if resources:
        return dg.Definitions(
            assets=merged.assets,
            asset_checks=merged.asset_checks,
            jobs=merged.jobs,
            schedules=merged.schedules,
            sensors=merged.sensors,
            executor=merged.executor,
            resources={**(merged.resources or {}), **resources},
        )
    return merged


@dg.definitions
def defs() -> dg.Definitions:
    """The code location."""
    return build_defs()
