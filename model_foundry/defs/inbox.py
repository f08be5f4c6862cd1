"""The asset that drains the queue into `event_inbox`, and the proof that nothing was lost."""

import asyncio
from typing import Any

import dagster as dg
from pydantic import Field

from model_foundry.assets import metadata
from model_foundry.assets.resource import Foundry
from model_foundry.intake.drain import Drained, drain
from model_foundry.intake.reconcile import reconcile
from model_foundry.intake.replay import Stretch, moment, replay
from model_foundry.postgres import days, flat
from model_foundry.settings import Settings
from model_foundry.telemetry import sender_of

_PREVIEW_COLUMNS = [("event_id", "text"), ("subject", "text"), ("correlation_id", "text")]
_DAY_COLUMNS = [("day", "date"), ("events", "integer")]

_TIME = "As 2026-11-20T09:30:00Z; without an offset it is UTC."


class ReplayConfig(dg.Config):
    """A stretch of the stream, ends included; unset: its beginning, its end."""

    from_seq: int | None = Field(default=None, ge=1)
    from_time: str | None = Field(default=None, description=f"{_TIME} Instead of from_seq.")
    until_seq: int | None = Field(default=None, ge=1)
    until_time: str | None = Field(default=None, description=_TIME)


class DrainConfig(dg.Config):
    """Bounds of one drain; unset ones come from the settings."""

    max_messages: int | None = Field(default=None, ge=1, description="Stop after so many messages.")
    max_s: float | None = Field(default=None, gt=0, description="Stop after so many seconds.")
    replay: ReplayConfig | None = Field(
        default=None,
        description="Instead of what waits, read this stretch again; the durable keeps its place.",
    )


@dg.asset(
    group_name="inbox", kinds={"nats", "postgres"}, tags={"store": "postgres"}, code_version="1"
)
def pipeline_event_inbox_record(
    context: dg.AssetExecutionContext, config: DrainConfig, foundry: dg.ResourceParam[Foundry]
) -> dg.MaterializeResult[dict[str, Any]]:
    """Every accepted event, exactly once: what waits on NATS, carried into `event_inbox`.

    Returns counts, touched days and a few of the new events, always: an empty queue gives
    `status: empty` and zeros. What cannot be accepted lies in `event_quarantine`.
    """
    settings = _bounded(foundry.settings, config)
    with foundry.postgres() as connection:
        days.make_ahead(connection, settings)
        columns = flat.columns(connection, "event_inbox")
        comments = flat.comments(connection, "event_inbox")
    sender = sender_of(settings)
    dropped_before = sender.counts.dropped if sender else 0
    drained = asyncio.run(_carry(context, config, settings))
    with foundry.postgres() as connection:
        rows = days.inbox_rows(connection)
    value = drained.as_dict()
    shown = {name: value[name] for name in value if name not in {"touched_days", "preview"}}
    return dg.MaterializeResult(
        value=value,
        metadata={
            **shown,
            **metadata.telemetry(
                None if sender is None else sender.counts.dropped - dropped_before
            ),
            "dagster/row_count": rows,
            "dagster/column_schema": metadata.column_schema(columns, comments),
            "touched_days": metadata.table(
                [{"day": day, "events": count} for day, count in value["touched_days"].items()],
                _DAY_COLUMNS,
            ),
            "events": metadata.table(value["preview"], _PREVIEW_COLUMNS),
        },
    )


async def _carry(
    context: dg.AssetExecutionContext, config: DrainConfig, settings: Settings
) -> Drained:
    if config.replay is None:
        return await drain(settings, run_id=context.run.run_id, report=context.log.info)
    wanted = config.replay
    stretch = Stretch(
        wanted.from_seq,
        moment(wanted.from_time) if wanted.from_time is not None else None,
        wanted.until_seq,
        moment(wanted.until_time) if wanted.until_time is not None else None,
    )
    return await replay(settings, stretch, run_id=context.run.run_id, report=context.log.info)


@dg.asset_check(asset=pipeline_event_inbox_record)
def inbox_reconciles(foundry: dg.ResourceParam[Foundry]) -> dg.AssetCheckResult:
    """Every sequence that the consumer acknowledged lies in inbox, quarantine or duplicates."""
    with foundry.postgres() as connection:
        found = reconcile(foundry.settings, connection)
    return dg.AssetCheckResult(
        passed=not found.missing,
        description=found.explained(),
        metadata={
            "checked_after_seq": found.after,
            "ack_floor_seq": found.floor,
            "inbox": found.inbox,
            "quarantine": found.quarantine,
            "duplicate": found.duplicate,
            "missing": found.missing_count,
        },
    )


def _bounded(settings: Settings, config: DrainConfig) -> Settings:
    bounds = {"intake_max_messages": config.max_messages, "intake_max_s": config.max_s}
    given = {name: value for name, value in bounds.items() if value is not None}
    return settings.model_copy(update=given)
