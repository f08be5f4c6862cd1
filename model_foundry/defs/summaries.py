"""The summaries: one daily-partitioned asset for each file of sql/duckdb."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
from dagster_duckdb import DuckDBResource

from model_foundry.components import metadata
from model_foundry.components.partitions import days
from model_foundry.components.recipe import recipe_asset_names
from model_foundry.components.resource import Foundry
from model_foundry.settings import Settings
from model_foundry.store.sql import sql_description
from model_foundry.store.summaries import SUMMARIES, SummaryDay, input_tables, summarize_day


def summary_asset(
    name: str, upstream: Sequence[str], partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """The asset of one summary."""

    @dg.asset(
        name=name,
        description=sql_description(f"duckdb/{name}"),
        group_name="summaries",
        kinds={"duckdb", "parquet"},
        deps=list(upstream),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
    )
    def build(
        context: dg.AssetExecutionContext,
        foundry: dg.ResourceParam[Foundry],
        duckdb: DuckDBResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with foundry.postgres(), duckdb.get_connection() as connection:
            for key in context.partition_keys:
                done = summarize_day(foundry.settings, connection, name, date.fromisoformat(key))
                context.log.info(f"{name} {key}: {done.table.num_rows} rows")
                context.add_asset_metadata(
                    _metadata(done, foundry.settings), asset_key=name, partition_key=key
                )
        return dg.MaterializeResult()

    return build


def _metadata(done: SummaryDay, settings: Settings) -> dict[str, object]:
    columns = [(field.name, str(field.type)) for field in done.table.schema]
    shown = done.table.slice(0, settings.preview_rows).to_pylist()
    return {
        "dagster/row_count": done.table.num_rows,
        "dagster/column_schema": metadata.column_schema(columns),
        "status": "built" if done.table.num_rows else "empty",
        "bytes": done.bytes,
        "input_rows": sum(source.rows for source in done.inputs),
        "refreshed": [source.table for source in done.inputs if source.refreshed],
        "rows": metadata.table(shown, columns),
    }


def _upstream(name: str, recipes: Sequence[str]) -> list[str]:
    assets: list[str] = []
    for table in input_tables(name):
        if table == "event_inbox":
            assets.append("pipeline_event_inbox_record")
        elif table == "inference_result":
            assets.extend(recipes)
        else:
            assets.append(table)
    return assets


@dg.definitions
def summaries() -> dg.Definitions:
    """One asset for each summary."""
    partitions = days(Settings())
    recipes = recipe_asset_names()
    return dg.Definitions(
        assets=[summary_asset(name, _upstream(name, recipes), partitions) for name in SUMMARIES]
    )
