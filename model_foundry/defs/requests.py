"""Requests that come as events, answered on the slots; the results go back over NATS.

answer_requests    a day's requests without a reply    (sensor: there are some)
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args

import dagster as dg
import msgspec
import psycopg
from psycopg.rows import dict_row

from model_foundry.assets import metadata, results
from model_foundry.assets.partitions import days
from model_foundry.assets.resource import Foundry
from model_foundry.assets.runs import by_partition, failed_lately, unfinished_partitions
from model_foundry.dispatch.interrupts import run_interruptibly
from model_foundry.dispatch.report import Progress
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake.publish import publish_lines
from model_foundry.requests.event import RECIPE, Status, jobs_of, reply
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job, Kind
from model_foundry.store import days as stored_days
from model_foundry.store.sql import load_sql

KINDS: tuple[Kind, ...] = get_args(Kind)
_Rows = list[dict[str, Any]]
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
        deps=["llm_request"],
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
    key = {"kind": kind, "day": day}

    def log(progress: Progress) -> None:
        context.log.info(str(progress))

    with foundry.postgres() as connection:
        limit = {"max_rows": settings.request_batch}
        waiting = _rows(connection, "open", {**key, **limit})
        jobs, refusals = _jobs(kind, waiting, day, settings)
        report = run_interruptibly(
            run_jobs(jobs, settings=settings, progress=log, run_id=context.run.run_id)
        )
        asked = [row["event_id"] for row in waiting]
        wanted = {"recipe": RECIPE, "kind": kind, "event_ids": asked}
        answers: dict[str, _Rows] = {}
        for answer in _rows(connection, "results", wanted):
            answers.setdefault(answer["source_event_id"], []).append(answer)
        replies = [
            reply(
                kind,
                row,
                answers.get(row["event_id"], []),
                refusal=refusals.get(row["event_id"]),
            )
            for row in waiting
        ]
        # Published first: a death in between publishes them again, and they land once.
        publish_lines(settings, map(msgspec.json.encode, replies))
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(
                load_sql("postgres/requests/remember"),
                [
                    {
                        **key,
                        "event_id": one["causation_id"],
                        "status": one["payload"]["status"],
                    }
                    for one in replies
                ],
            )
    payloads = [one["payload"] for one in replies]
    statuses = [payload["status"] for payload in payloads]
    return {
        "dagster/row_count": len(replies),
        **{name: statuses.count(name) for name in get_args(Status)},
        "replies": metadata.table(payloads[: settings.preview_rows], _REPLY_COLUMNS),
        **results.shown(report, results.kept(foundry, kind, RECIPE, day)),
    }


def _jobs(
    kind: Kind, waiting: _Rows, day: date, settings: Settings
) -> tuple[list[Job], dict[str, str]]:
    """The jobs of all requests, and of those that are none, why.

    A fleet that is wrong ends the run, and the requests wait: they are not refused for it.
    """
    fleet = settings_fleet(settings)
    jobs: list[Job] = []
    refusals: dict[str, str] = {}
    for row in waiting:
        try:
            row["request"] = msgspec.json.decode(row["request"])
            jobs += jobs_of(kind, row, day, fleet=fleet, settings=settings)
        except ValueError as error:
            refusals[row["event_id"]] = str(error)
        except RecursionError:
            refusals[row["event_id"]] = "nested too deeply"
    return jobs, refusals


def _rows(connection: psycopg.Connection[Any], name: str, parameters: dict[str, Any]) -> _Rows:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(load_sql(f"postgres/requests/{name}"), parameters).fetchall()


@dg.sensor(
    job_name="answer_requests",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def requests_waiting(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """Asks for answers on the days that hold requests without a reply."""
    running = unfinished_partitions(context.instance, "answer_requests")
    running |= failed_lately(context.instance, "answer_requests", datetime.now(UTC))
    with foundry.postgres() as connection:
        found = {
            day
            for kind in KINDS
            for (day,) in stored_days.asked(
                connection, load_sql("postgres/requests/open_days"), {"kind": kind}, ["llm_request"]
            )
        }
    days_found = by_partition(foundry.settings, found)
    asked = [key for key in days_found.known if key not in running]
    return [dg.RunRequest(partition_key=key) for key in asked] or dg.SkipReason(
        " ".join(["0 requests wait.", *days_found.held_back(foundry.settings)])
    )


@dg.definitions
def requests() -> dg.Definitions:
    """One asset a kind, their job and its sensor."""
    partitions = days(Settings())
    assets = [request_asset(kind, partitions) for kind in KINDS]
    job = dg.define_asset_job(
        "answer_requests",
        selection=[f"{kind}_{RECIPE}" for kind in KINDS],
        description="A day's requests, answered over NATS.",
    )
    return dg.Definitions(assets=assets, jobs=[job], sensors=[requests_waiting])
