"""The flat tables: one daily-partitioned asset for each file of sql/postgres/flatten."""

from collections import Counter
from datetime import date
from typing import Literal

import dagster as dg
from pydantic import Field

from model_foundry.assets import metadata
from model_foundry.assets.partitions import NIGHTLY, days, evaluated
from model_foundry.assets.resource import Foundry
from model_foundry.postgres import flat, shapes
from model_foundry.postgres.flat_refused import FlatRefused, list_refused
from model_foundry.postgres.flatten_sql import flatten_names
from model_foundry.sql import sql_description, sql_digest

CHECK = "inbox_accounted_for"
REFUSED_CHECK = "nothing_refused"
SHAPES_CHECK = "shapes_known"
_EXAMPLES = 10


class FlattenConfig(dg.Config):
    """How a day is brought up to the inbox."""

    mode: Literal["rebuild", "append"] = Field(
        default="rebuild",
        description="rebuild: delete the day and build it anew. append: add only the batches that "
        "the day has not seen, at a cost in proportion to them.",
    )


def flat_table_asset(table: str, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of one flat table, with its blocking check against the inbox."""

    @dg.asset(
        name=table,
        description=sql_description(f"postgres/flatten/{table}"),
        group_name="flat_tables",
        kinds={"postgres"},
        tags={"store": "postgres"},
        deps=["pipeline_event_inbox_record"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=NIGHTLY,
        code_version=sql_digest(*flatten_names(table)),
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=table,
                blocking=True,
                partitions_def=partitions,
                description="Each inbox event of the day is there, once, or known to be refused; "
                "nothing else is.",
            ),
            dg.AssetCheckSpec(
                REFUSED_CHECK,
                asset=table,
                partitions_def=partitions,
                description="Rows could be made of every inbox event of the day.",
            ),
            *_shape_specs(table, partitions),
        ],
    )
    def build(
        context: dg.AssetExecutionContext, config: FlattenConfig, foundry: dg.ResourceParam[Foundry]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        accounts = {}
        refused = {}
        unknown = {}
        with foundry.postgres() as connection:
            columns = flat.columns(connection, table)
            comments = flat.comments(connection, table)
            for key in context.partition_keys:
                day = date.fromisoformat(key)
                done = flat.flatten_day(connection, table, day, rebuild=config.mode == "rebuild")
                accounts[key] = flat.account(connection, table, day)
                refused[key] = list_refused(connection, table=table, day=day)
                if table in shapes.SHAPED_TABLES:
                    unknown[key] = shapes.unknown_rows(connection, table, day)
                rows = flat.preview(connection, table, day, foundry.settings.preview_rows)
                context.log.info(f"{table} {key}: {done.rows_written} written, {done.rows} rows")
                context.add_asset_metadata(
                    {
                        "dagster/partition_row_count": done.rows,
                        "rows_written": done.rows_written,
                        "batches": done.batches,
                        "refused": done.refused,
                        "bytes": flat.size_bytes(connection, table, day),
                        "status": "built" if done.rows else "empty",
                        "rows": metadata.preview(rows, columns, foundry.settings.zone),
                    },
                    asset_key=table,
                    partition_key=key,
                )
        each = {key: _check(table, {key: account}) for key, account in accounts.items()}
        each_refused = {key: _refused_check(table, {key: some}) for key, some in refused.items()}
        return dg.MaterializeResult(
            metadata={"dagster/column_schema": metadata.column_schema(columns, comments)},
            check_results=[
                evaluated(context, each, _check(table, accounts)),
                evaluated(context, each_refused, _refused_check(table, refused)),
                *_shape_results(context, table, unknown),
            ],
        )

    return build


def _check(table: str, accounts: dict[str, flat.Account]) -> dg.AssetCheckResult:
    wrong = {key: account for key, account in accounts.items() if not account.agrees}
    faults = [
        f"{key}: {account.missing_events} events missing, {account.surplus_events} in surplus, "
        f"{account.repeated_rows} rows repeated, {account.null_keys} without a key "
        f"(e.g. {', '.join(account.examples or [])})."
        for key, account in wrong.items()
    ]
    remedy = f"Materialize {table} for these days again (mode rebuild)."
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not wrong,
        description=" ".join([*faults, remedy]) if wrong else None,
        metadata={
            "inbox_events": sum(account.inbox_events for account in accounts.values()),
            "flat_rows": sum(account.flat_rows for account in accounts.values()),
            "refused_events": sum(account.refused_events for account in accounts.values()),
            "days": len(accounts),
        },
    )


def _refused_check(table: str, refused: dict[str, list[FlatRefused]]) -> dg.AssetCheckResult:
    found = [event for events in refused.values() for event in events]
    examples = [f"{event.event_id} ({event.reason}: {event.detail})" for event in found]
    return dg.AssetCheckResult(
        check_name=REFUSED_CHECK,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(found)} events have no rows: {'; '.join(examples[:_EXAMPLES])}. "
            f"`model-foundry quarantine list --table {table}` lists them; `quarantine replay` "
            "tries them again."
            if found
            else None
        ),
        metadata={"refused_events": len(found), "reasons": Counter(e.reason for e in found)},
    )


def _shape_specs(table: str, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetCheckSpec]:
    if table not in shapes.SHAPED_TABLES:
        return []
    return [
        dg.AssetCheckSpec(
            SHAPES_CHECK,
            asset=table,
            partitions_def=partitions,
            description="Each payload of the day is of a family that is known.",
        )
    ]


def _shape_results(
    context: dg.AssetExecutionContext, table: str, unknown: dict[str, shapes.Unknown]
) -> list[dg.AssetCheckResult]:
    if table not in shapes.SHAPED_TABLES:
        return []
    each = {key: _shape_check(table, {key: found}) for key, found in unknown.items()}
    return [evaluated(context, each, _shape_check(table, unknown))]


def _shape_check(table: str, unknown: dict[str, shapes.Unknown]) -> dg.AssetCheckResult:
    found = {key: day for key, day in unknown.items() if day.rows}
    told = [
        f"{key}: nothing could be read in {day.rows} of {day.all_rows} rows "
        f"(e.g. {', '.join(day.examples)})."
        for key, day in found.items()
    ]
    remedy = (
        "Their payloads are in event_inbox as they came. Publish them in a shape that "
        "docs/events.md has, or add a file for theirs to sql/postgres/flatten/"
        f"{table} and materialize {table} for these days again."
    )
    return dg.AssetCheckResult(
        check_name=SHAPES_CHECK,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join([*told, remedy]) if found else None,
        metadata={
            "unknown_rows": sum(day.rows for day in unknown.values()),
            "days": len(unknown),
        },
    )


@dg.definitions
def flat_tables() -> dg.Definitions:
    """One asset for each flat table."""
    partitions = days()
    return dg.Definitions(
        assets=[flat_table_asset(table, partitions) for table in flat.FLAT_TABLES]
    )
