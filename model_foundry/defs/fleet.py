"""The slots in the graph, and the check that those which run are those of the fleet file.

The check sits on `slot_benchmark`, not on the inbox: a drain must neither wait for slots nor be
marked by them. It can be launched alone, without the measurement.
"""

import asyncio

import dagster as dg

from model_foundry.assets import metadata
from model_foundry.assets.resource import Foundry
from model_foundry.assets.slots import SPEC
from model_foundry.fleet.file import settings_fleet
from model_foundry.slot.liveness import look_at

_COLUMNS = [
    ("slot", "text"),
    ("state", "text"),
    ("model", "text"),
    ("parallel", "integer"),
    ("total_slots", "integer"),
    ("differences", "text"),
]


@dg.asset_check(asset="slot_benchmark")
def slots_as_declared(foundry: dg.ResourceParam[Foundry]) -> dg.AssetCheckResult:
    """Each slot of the profile is up, and serves the model and the parallel of the fleet."""
    settings = foundry.settings
    fleet = settings_fleet(settings)
    slots = fleet.in_profile(settings.profile)
    states = asyncio.run(look_at(slots, settings.environment(), settings))
    rows = []
    faults = []
    for slot, state in zip(slots, states, strict=True):
        found = "; ".join(state.differences) or state.detail
        if found:
            faults.append(f"{slot.name} ({state.state}): {found}")
        rows.append(
            {
                "slot": slot.name,
                "state": state.state,
                "model": slot.model,
                "parallel": slot.parallel,
                "total_slots": state.total_slots,
                "differences": found,
            }
        )
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(faults) or None,
        metadata={
            "fleet": fleet.name,
            "profile": settings.profile,
            "slots": metadata.table(rows, _COLUMNS),
        },
    )


@dg.definitions
def fleet_definitions() -> dg.Definitions:
    """The slots, which nothing here makes, and their check."""
    return dg.Definitions(assets=[SPEC], asset_checks=[slots_as_declared])
