"""The lake, looked after: days that PostgreSQL has and it has not, merging, damage.

tend_lake    (schedule: nightly)
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import dagster as dg

from model_foundry.assets import metadata
from model_foundry.assets.resource import Foundry
from model_foundry.fleet.rates import rates
from model_foundry.lake import Checked
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.summaries import tending
from model_foundry.summaries.older import older_days
from model_foundry.summaries.own import summary_names

CHECK: Final = "lake_is_whole"
# Of what lies among the lake's files and is none of them.
_NAMED: Final = 20
_COLUMNS: Final = [
    ("table", "text"),
    ("days", "bigint"),
    ("files", "bigint"),
    ("bytes", "bigint"),
    ("days_by_older_code", "bigint"),
]


def lake_asset(sources: Iterable[str]) -> dg.AssetsDefinition:
    """The asset, behind those whose rows it keeps."""

    @dg.asset(
        name="lake",
        group_name="lake",
        kinds={"parquet"},
        deps=sorted(sources),
        code_version="1",
        description="Every table and summary as Parquet: checked, mended, each closed day in one "
        "file.",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset="lake",
                description="No file of the lake is lost, and those read are what was written.",
            )
        ],
    )
    def lake(
        context: dg.AssetExecutionContext, foundry: dg.ResourceParam[Foundry]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return _tend(context, foundry)

    return lake


def _tend(context: dg.AssetExecutionContext, foundry: Foundry) -> dg.MaterializeResult:  # type: ignore[type-arg]
    settings = foundry.settings
    with foundry.postgres():
        slots, without = rates(settings)
        if without is not None:
            context.log.warning(f"Summaries that are made again have no costs: {without}")
        checked = tending.mend(settings, slots)
        for damage in checked.damages:
            context.log.warning(f"{damage.name} {damage.day}: {damage.what}")
        merged = tending.merge_closed_days(settings)
        catalogued = tending.catalogue(settings)
    tables = tending.sizes(settings)
    older = Counter(each.name for each in older_days(settings))
    behind = [f"{one.name}: {fault}" for one in catalogued for fault in one.faults]
    for fault in behind:
        context.log.warning(f"Not in the Iceberg catalog: {fault}")
    return dg.MaterializeResult(
        metadata={
            "files": checked.files,
            "bytes": checked.bytes,
            "files_read": checked.files_read,
            "bytes_read": checked.bytes_read,
            "merged": merged,
            "strange_files": checked.strange[:_NAMED],
            "days_by_older_code": older.total(),
            "tables": metadata.table(
                [one._asdict() | {"days_by_older_code": older[one.table]} for one in tables],
                _COLUMNS,
            ),
            **({"catalogued_files": sum(one.files for one in catalogued)} if catalogued else {}),
        },
        check_results=[_check(checked, behind, settings)],
    )


def _check(checked: Checked, behind: list[str], settings: Settings) -> dg.AssetCheckResult:
    lost = [one for one in checked.damages if not one.mended]
    faults = [
        f"{one.name} {one.day}: {one.what}; "
        + (
            "made again from PostgreSQL or the lake."
            if one.mended
            else f"it cannot be made again: {one.why}"
            if one.why
            else "PostgreSQL has it no more."
        )
        for one in checked.damages
    ]
    if lost:
        faults.append(
            f"Restore these files from a backup of {settings.lake_url or settings.home / 'lake'}, "
            "or delete what is left of them to go on without those rows."
        )
    if behind:
        more = f", and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
        faults.append(
            f"The Iceberg catalog lacks {'; '.join(behind[:_NAMED])}{more}. A day whose columns "
            "are of another type than today's is in it once it was materialized again."
        )
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not checked.damages and not behind,
        severity=dg.AssetCheckSeverity.ERROR if lost else dg.AssetCheckSeverity.WARN,
        description=" ".join(faults) or None,
        metadata={"damaged": len(checked.damages), "lost": len(lost)},
    )


@dg.definitions
def lake_definitions() -> dg.Definitions:
    """The asset, its job, and its schedule."""
    job = dg.define_asset_job(
        "tend_lake", selection=["lake"], description="The lake: checked, mended, merged."
    )
    nightly = dg.ScheduleDefinition(
        name="lake_nightly",
        job=job,
        cron_schedule="30 1 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night, after the day that has ended was summarized.",
    )
    asset = lake_asset((*flat.FLAT_TABLES, *summary_names(Settings())))
    return dg.Definitions(assets=[asset], jobs=[job], schedules=[nightly])
