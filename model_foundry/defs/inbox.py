"""The asset that drains the queue into `event_inbox`."""

import asyncio
from typing import Any

import dagster as dg
from pydantic import Field

from model_foundry.components import metadata
from model_foundry.components.resource import Foundry
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings

_PREVIEW_COLUMNS = [("event_id", "text"), ("subject", "text"), ("correlation_id", "text")]
_DAY_COLUMNS = [("day", "date"), ("events", "integer")]


class DrainConfig(dg.Config):
    """Bounds of one drain; unset ones come from the settings."""

    max_messages: int | None = Field(default=None, ge=1, description="Stop after so many messages.")
    max_s: float | None = Field(default=None, gt=0, description="Stop after so many seconds.")


@dg.asset(group_name="inbox", kinds={"nats", "postgres"}, code_version="1")
def pipeline_event_inbox_record(
    context: dg.AssetExecutionContext, config: DrainConfig, foundry: Foundry
) -> dg.MaterializeResult[dict[str, Any]]:
    """Every accepted event, exactly once: what waits on NATS, carried into `event_inbox`.

    Returns counts, touched days and a few of the new events, always: an empty queue gives
    `status: empty` and zeros. What cannot be accepted lies in `event_quarantine`.
    """
    settings = _bounded(foundry.settings, config)
    with foundry.postgres():
        pass  # migrations, before the first batch wants its tables
    drained = asyncio.run(drain(settings, run_id=context.run_id, report=context.log.info))
    value = drained.as_dict()
    shown = {name: value[name] for name in value if name not in {"touched_days", "preview"}}
    return dg.MaterializeResult(
        value=value,
        metadata={
            **shown,
            "dagster/row_count": value["landed"],
            "touched_days": metadata.table(
                [{"day": day, "events": count} for day, count in value["touched_days"].items()],
                _DAY_COLUMNS,
            ),
            "events": metadata.table(value["preview"], _PREVIEW_COLUMNS),
        },
    )


def _bounded(settings: Settings, config: DrainConfig) -> Settings:
    bounds = {"intake_max_messages": config.max_messages, "intake_max_s": config.max_s}
    given = {name: value for name, value in bounds.items() if value is not None}
    return settings.model_copy(update=given)
