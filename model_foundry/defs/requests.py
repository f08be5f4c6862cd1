"""Requests that come as events, answered on the slots; the results go back over NATS.

answer_requests    a day's requests without a reply, and those that come meanwhile
                   (sensor: there are some; a run for each kind)
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import get_args

import dagster as dg

from model_foundry.assets import metadata, results
from model_foundry.assets.partitions import days
from model_foundry.assets.resource import Foundry
from model_foundry.assets.runs import (
    PART_TAG,
    by_partition,
    failed_lately,
    unfinished_partitions,
)
from model_foundry.assets.slots import SLOT
from model_foundry.dispatch.report import Progress
from model_foundry.interrupts import run_interruptibly
from model_foundry.postgres import days as stored_days
from model_foundry.requests.answering import answer
from model_foundry.requests.event import RECIPE, Status
from model_foundry.slot.jobs import Kind
from model_foundry.sql import load_sql

KINDS: tuple[Kind, ...] = get_args(Kind)
_REPLY_COLUMNS = [
    ("request_event_id", "text"),
    ("status", "text"),
    ("error", "text"),
    ("text", "text"),
    ("slots", "text[]"),
]


def request_asset(kind: Kind, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset that answers requests of one kind."""

    @dg.asset(
        name=f"{kind}_{RECIPE}",
        description=f"`llm.{kind}.request` events of a day, answered as `llm.{kind}.result`.",
        group_name="requests",
        kinds={"llm", "nats"},
        deps=["llm_request", SLOT],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
    )
    def build(context: dg.AssetExecutionContext, foundry: dg.ResourceParam[Foundry]) -> None:
        for key in context.partition_keys:
            figures = _answer_day(context, foundry, kind, date.fromisoformat(key))
            context.add_asset_metadata(figures, asset_key=f"{kind}_{RECIPE}", partition_key=key)

    return build


def _answer_day(
    context: dg.AssetExecutionContext, foundry: Foundry, kind: Kind, day: date
) -> dict[str, object]:
    settings = foundry.settings

    def log(progress: Progress) -> None:
        context.log.info(str(progress))

    with foundry.postgres():
        pass  # which is migrated
    done = run_interruptibly(
        answer(kind, day, settings=settings, progress=log, run_id=context.run.run_id)
    )
    if done.report.ended is not None:
        raise dg.Failure(f"The run of {day} was ended: {done.report.ended}")
    stored = results.kept(foundry, kind, RECIPE, day)
    return {
        "dagster/partition_row_count": stored.rows,
        **{name: done.statuses[name] for name in get_args(Status)},
        "replies": metadata.table(done.payloads, _REPLY_COLUMNS),
        **results.shown(done.report, stored),
    }


def _waiting(
    context: dg.SensorEvaluationContext, foundry: Foundry, partitions: dg.DailyPartitionsDefinition
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    asked: list[dg.RunRequest] = []
    held_back: list[str] = []
    for kind in KINDS:
        busy = unfinished_partitions(context.instance, "answer_requests", kind)
        busy |= failed_lately(context.instance, "answer_requests", datetime.now(UTC), kind)
        with foundry.postgres() as connection:
            days_asked = stored_days.asked(
                connection, load_sql("postgres/requests/open_days"), {"kind": kind}, ["llm_request"]
            )
        found = by_partition(partitions, {day for (day,) in days_asked})
        held_back += found.held_back(foundry.settings)
        asked += [
            dg.RunRequest(
                partition_key=key,
                asset_selection=[dg.AssetKey(f"{kind}_{RECIPE}")],
                tags={PART_TAG: kind},
            )
            for key in found.known
            if key not in busy
        ]
    return asked or dg.SkipReason(" ".join(["0 requests wait.", *dict.fromkeys(held_back)]))


@dg.definitions
def requests() -> dg.Definitions:
    """One asset a kind, their job and its sensor."""
    partitions = days()

    @dg.sensor(
        job_name="answer_requests",
        description="Requests wait for an answer: each day and kind of them gets a run.",
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def requests_waiting(
        context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
    ) -> Sequence[dg.RunRequest] | dg.SkipReason:
        """Asks for answers on the days that hold requests without a reply, a run for each kind.

        A run that works takes up by itself what comes on its day.
        """
        return _waiting(context, foundry, partitions)

    assets = [request_asset(kind, partitions) for kind in KINDS]
    job = dg.define_asset_job(
        "answer_requests",
        selection=[f"{kind}_{RECIPE}" for kind in KINDS],
        description="A day's requests, answered over NATS.",
    )
    return dg.Definitions(assets=assets, jobs=[job], sensors=[requests_waiting])
