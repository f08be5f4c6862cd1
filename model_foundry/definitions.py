"""The one entry point of the Dagster code location: `-m model_foundry.definitions`."""

import importlib
import warnings
from collections.abc import Mapping

import dagster as dg

from model_foundry.assets.partitions import forget_days
from model_foundry.components.tree import load
from model_foundry.fleet.names import require_known_names
from model_foundry.paths import PACKAGE
from model_foundry.settings import Settings


def build_defs(resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Everything under defs/, fresh; `resources` take the place of those of the same name.

    Raises:
        FoundryError: a setting is wrong, or the name of one is misspelt.
    """
    require_known_names()
    forget_days()
    loaded = load(importlib.import_module("model_foundry.defs"), PACKAGE.parent)
    executor = (
        dg.in_process_executor if Settings().executor == "in_process" else dg.multiprocess_executor
    )
    merged = dg.Definitions.merge(loaded, dg.Definitions(executor=executor))
    if owners := Settings().owners:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)
            merged = merged.map_asset_specs(
                func=lambda spec: spec.replace_attributes(owners=owners)
            )
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
