"""The summaries: one daily-partitioned asset for each file of sql/duckdb, and of one's own."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple, get_args

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from dagster_duckdb import DuckDBResource
from pydantic import Field

from model_foundry.assets import metadata
from model_foundry.assets.partitions import NIGHTLY, days, evaluated
from model_foundry.assets.resource import Foundry
from model_foundry.assets.summary_plots import summary_plot
from model_foundry.components.own import recipe_asset_names
from model_foundry.fleet.rates import rates
from model_foundry.requests.event import RECIPE
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Kind
from model_foundry.sql import opening_comment
from model_foundry.summaries.columns import column_comments, column_sources
from model_foundry.summaries.compute import (
    Summary,
    asks_for_slots,
    code_version,
    input_tables,
)
from model_foundry.summaries.day import SummaryDay, later_days, summarize_day
from model_foundry.summaries.own import all_summaries

CHECK: Final = "every_row_counted"
# Of a day's rows, as many as the UI's pane has room for.
_COLUMNS: Final = 7


class Counted(NamedTuple):
    """The column of a summary that counts each row of these tables once."""

    column: str
    tables: tuple[str, ...]


COUNTED: Final[Mapping[str, Counted]] = {
    "daily_events": Counted("events", ("event_inbox",)),
    "daily_slot_throughput": Counted("choices", ("llm_chat", "inference_result")),
    "daily_tool_calls": Counted("calls", ("llm_tool_call",)),
    "daily_chats": Counted("choices", ("llm_chat",)),
    "daily_semantic_search": Counted("queries", ("obsidian_semantic_search",)),
    "daily_recipes": Counted("jobs", ("inference_result",)),
    "daily_quarantine": Counted("messages", ("event_quarantine",)),
    "daily_requests": Counted("requests", ("llm_request",)),
    "daily_translations": Counted("documents", ("article_translation",)),
}


_UNDATED: Final = frozenset({"article_translation"})


class SummaryConfig(dg.Config):
    """How a day is summarized."""

    mode: Literal["rebuild", "append"] = Field(
        default="rebuild",
        description="rebuild: compute every row anew. append: leave a day alone that has not "
        "changed, and compute only the sessions that had events since, and the hours from the "
        "first new event on.",
    )


def summary_asset(
    summary: Summary,
    upstream: Mapping[str, Sequence[str]],
    partitions: dg.DailyPartitionsDefinition,
) -> dg.AssetsDefinition:
    """The asset of one summary.

    Args:
        summary: its name and SQL.
        upstream: the assets that fill each table which its SQL reads.
        partitions: the days.
    """
    name = summary.name
    counted = COUNTED.get(name)

    @dg.asset(
        name=name,
        description=opening_comment(summary.statement) or None,
        group_name="summaries",
        kinds={"duckdb", "parquet"},
        tags={"store": "lake"},
        deps=[
            # An article's partitions are no days: whatever was translated may be of the day.
            dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping())
            if asset in _UNDATED
            else dg.AssetDep(asset)
            for asset in sorted({asset for assets in upstream.values() for asset in assets})
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=NIGHTLY,
        code_version=code_version(summary),
        check_specs=[_check_spec(name, counted, partitions)] if counted else [],
    )
    def build(
        context: dg.AssetExecutionContext,
        config: SummaryConfig,
        foundry: dg.ResourceParam[Foundry],
        duckdb: DuckDBResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        settings = foundry.settings
        described: dict[str, object] = {}
        counts: dict[str, tuple[int, int]] = {}
        slots, without = rates(settings) if asks_for_slots(summary) else ([], None)
        if without is not None:
            context.log.warning(f"{name} has no costs of traffic: {without}")
        with foundry.postgres(), duckdb.get_connection() as connection:
            for key in context.partition_keys:
                day, anew = date.fromisoformat(key), config.mode == "rebuild"
                done = summarize_day(settings, connection, name, day, rebuild=anew, slots=slots)
                context.log.info(f"{name} {key}: {done.table.num_rows} rows")
                described = described or _described(done, summary, upstream, context.log)
                shown = _figures(done, settings)
                if len(context.partition_keys) <= settings.plotted_days:
                    shown |= _plot(done, settings)
                context.add_asset_metadata(described | shown, asset_key=name, partition_key=key)
                if counted:
                    counts[key] = _counts(done, counted)
                for later in later_days(settings, connection, done):
                    _tell_of_later(context, later, settings)
        if not counted:
            return dg.MaterializeResult()
        each = {key: _check(name, counted, {key: both}) for key, both in counts.items()}
        whole = evaluated(context, each, _check(name, counted, counts))
        return dg.MaterializeResult(check_results=[whole])

    return build


def _tell_of_later(
    context: dg.AssetExecutionContext, later: SummaryDay, settings: Settings
) -> None:
    """A later day, renewed because sessions of this one went on in it."""
    key = later.day.isoformat()
    context.log.info(f"{later.name} {key}: renewed, since its sessions began earlier")
    if key not in context.partition_keys:
        context.log_event(
            dg.AssetMaterialization(
                later.name,
                partition=key,
                metadata=_figures(later, settings) | _plot(later, settings),
            )
        )


def _figures(done: SummaryDay, settings: Settings) -> dict[str, Any]:
    columns = [
        (field.name, str(field.type))
        for field in done.table.schema
        if not field.name.endswith("_sketch")  # for machines, and long
    ]
    shown = _rows(done.table.slice(0, settings.preview_rows))
    return {
        "dagster/partition_row_count": done.table.num_rows,
        "status": "built" if done.table.num_rows else "empty",
        "bytes": done.bytes,
        "input_rows": sum(source.rows for source in done.inputs),
        "refreshed": [source.table for source in done.inputs if source.refreshed],
        "rows_computed": done.rows_computed,
        "rows": metadata.preview(shown, columns, settings.zone, most=_COLUMNS),
    }


def _plot(done: SummaryDay, settings: Settings) -> dict[str, Any]:
    plot = summary_plot(done.name, _rows(done.table), done.day, settings.zone)
    return {"plot": plot} if plot else {}


def _described(
    done: SummaryDay,
    summary: Summary,
    upstream: Mapping[str, Sequence[str]],
    log: dg.DagsterLogManager,
) -> dict[str, object]:
    """What the columns are and where they come from: the same for all days."""
    comments = column_comments(summary.statement)
    columns = [(field.name, str(field.type)) for field in done.table.schema]
    described: dict[str, object] = {
        "dagster/column_schema": metadata.column_schema(columns, comments)
    }
    try:
        sources = column_sources(summary.statement, done.columns)
    except ValueError as error:
        log.warning(f"{done.name}: no column lineage: {error}")
        return described
    lineage = {
        column: [
            dg.TableColumnDep(asset, source) for table, source in found for asset in upstream[table]
        ]
        for column, found in sources.items()
    }
    return described | {"dagster/column_lineage": dg.TableColumnLineage(lineage)}


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dicts, maps as dicts too."""
    rows: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
    return rows


def _check_spec(
    name: str, counted: Counted, partitions: dg.DailyPartitionsDefinition
) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK,
        asset=name,
        partitions_def=partitions,
        description=f"`{counted.column}` counts each row of the day's "
        f"{' and '.join(counted.tables)} once.",
    )


def _counts(done: SummaryDay, counted: Counted) -> tuple[int, int]:
    """What the summary counts, and the rows that there are."""
    found = pc.sum(done.table[counted.column]).as_py() or 0
    return found, sum(source.rows for source in done.inputs if source.table in counted.tables)


def _check(
    name: str, counted: Counted, counts: Mapping[str, tuple[int, int]]
) -> dg.AssetCheckResult:
    differing = {key: both for key, both in counts.items() if both[0] != both[1]}
    faults = [f"{key}: counts {found} of {rows} rows." for key, (found, rows) in differing.items()]
    remedy = (
        f"Look for what sql/duckdb/{name}.sql filters or joins away, put it right, reload the "
        f"definitions and materialize {name} for these days again."
    )
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not differing,
        description=" ".join([*faults, remedy]) if differing else None,
        metadata={"column": counted.column, "tables": ", ".join(counted.tables)},
    )


def _upstream(summary: Summary, results: Sequence[str]) -> dict[str, Sequence[str]]:
    """The assets that fill the tables which a summary reads."""
    inbox = ["pipeline_event_inbox_record"]
    known = {
        "event_inbox": inbox,
        "event_quarantine": inbox,
        "inference_result": results,
        "article_segment": ["article_translation"],
    }
    return {table: known.get(table, [table]) for table in input_tables(summary)}


@dg.definitions
def summaries() -> dg.Definitions:
    """One asset for each summary."""
    partitions = days()
    settings = Settings()
    results = [*recipe_asset_names(settings), *(f"{kind}_{RECIPE}" for kind in get_args(Kind))]
    return dg.Definitions(
        assets=[
            summary_asset(summary, _upstream(summary, results), partitions)
            for summary in all_summaries(settings)
        ]
    )
