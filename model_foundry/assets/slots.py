"""The slots as the asset graph shows them: what asks them stands behind them."""

from typing import Final

import dagster as dg

SLOT: Final = "slot"

SPEC: Final = dg.AssetSpec(
    SLOT,
    group_name="slots",
    kinds={"llm"},
    description="What answers: the models of the fleet file that the profile in force serves. "
    "The check `slots_as_declared` of `slot_benchmark` looks whether they are up.",
)
