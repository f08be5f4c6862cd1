"""What every recipe is: rows of a source SQL turned into jobs, asked, landed, checked, per day."""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal

import dagster as dg
import yaml
from psycopg.rows import dict_row

from model_foundry.components import metadata
from model_foundry.components.partitions import days
from model_foundry.components.resource import Foundry
from model_foundry.errors import FoundryError
from model_foundry.inference.interrupts import run_interruptibly
from model_foundry.inference.jobs import Job, Request
from model_foundry.inference.report import DispatchReport, Progress
from model_foundry.inference.results import run_jobs
from model_foundry.paths import PACKAGE
from model_foundry.settings import Settings
from model_foundry.store.sql import load_sql

CHECK = "every_job_answered"
_SOURCE_COLUMNS = {"source_event_id", "source_part", "correlation_id"}
_RESULT_COLUMNS = [
    ("job_id", "text"),
    ("slot", "text"),
    ("status", "text"),
    ("response_text", "text"),
    ("input_tokens", "bigint"),
    ("output_tokens", "bigint"),
    ("total_ms", "double precision"),
    ("source_event_id", "text"),
    ("source_part", "text"),
]


class Recipe(dg.Component, dg.Model, dg.Resolvable):
    """Base of the recipe components. The folder's name is the recipe's; `source.sql` lies in it.

    The source SQL reads one day (`%(day)s`) and gives a row per job with at least the columns
    `source_event_id`, `source_part` and `correlation_id`.
    """

    kind: ClassVar[Literal["generation", "translation"]]

    description: str
    role: str
    sources: list[str]

    @abstractmethod
    def requests(
        self, folder: Path, row: Mapping[str, Any], settings: Settings
    ) -> Iterator[tuple[str, Request]]:
        """(part of the row, request) for each job that a source row asks for."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The recipe's daily asset, with the check that every job has an answer."""
        folder = context.path
        name = folder.name
        asset_name = f"{self.kind}_{name}"
        source = (folder / "source.sql").read_text(encoding="utf-8")

        @dg.asset(
            name=asset_name,
            description=self.description,
            group_name="recipes",
            kinds={"llm", "postgres"},
            deps=self.sources,
            partitions_def=days(Settings()),
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool=f"slots_{self.role}",
            code_version="1",
            check_specs=[dg.AssetCheckSpec(CHECK, asset=asset_name)],
        )
        def build(
            context: dg.AssetExecutionContext, foundry: dg.ResourceParam[Foundry]
        ) -> dg.MaterializeResult:  # type: ignore[type-arg]
            reports = {}
            for key in context.partition_keys:
                day = date.fromisoformat(key)
                report = self._run_day(context, foundry, folder, source, day)
                reports[key] = report
                context.add_asset_metadata(
                    _metadata(foundry, name, day, report),
                    asset_key=asset_name,
                    partition_key=key,
                )
            return dg.MaterializeResult(check_results=[_check(reports)])

        return dg.Definitions(assets=[build])

    def _run_day(
        self,
        context: dg.AssetExecutionContext,
        foundry: Foundry,
        folder: Path,
        source: str,
        day: date,
    ) -> DispatchReport:
        settings = foundry.settings

        def log(progress: Progress) -> None:
            context.log.info(str(progress))

        with (
            foundry.postgres() as connection,
            connection.cursor("recipe_source", row_factory=dict_row, withhold=True) as cursor,
        ):
            cursor.execute(source, {"day": day})
            connection.commit()  # the rows are held; a long dispatch holds no transaction open
            jobs = self._jobs(folder, cursor, day, settings)
            return run_interruptibly(run_jobs(jobs, settings=settings, progress=log))

    def _jobs(
        self, folder: Path, rows: Iterator[dict[str, Any]], day: date, settings: Settings
    ) -> Iterator[Job]:
        for row in rows:
            missing = _SOURCE_COLUMNS - row.keys()
            if missing:
                raise FoundryError(
                    f"recipe {folder.name}: source.sql gives no column {', '.join(sorted(missing))}"
                )
            for part, request in self.requests(folder, row, settings):
                yield Job(
                    recipe=folder.name,
                    kind=self.kind,
                    role=self.role,
                    occurred_on=day,
                    source_event_id=row["source_event_id"],
                    source_part=part,
                    correlation_id=row["correlation_id"],
                    request=request,
                )


def _metadata(
    foundry: Foundry, recipe: str, day: date, report: DispatchReport
) -> dict[str, object]:
    with foundry.postgres() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            load_sql("postgres/inference/preview"),
            {"recipe": recipe, "day": day, "rows": foundry.settings.preview_rows},
        ).fetchall()
    return {
        "dagster/row_count": report.ok,
        "status": "empty" if report.total == 0 else "answered",
        "asked": report.asked,
        "cached": report.cached,
        "rejected": report.rejected,
        "failed": report.failed,
        "wall_s": round(report.wall_s, 3),
        "results": metadata.table(rows, _RESULT_COLUMNS),
    }


def _check(reports: Mapping[str, DispatchReport]) -> dg.AssetCheckResult:
    failed = {key: report.failed for key, report in reports.items() if report.failed}
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"Without an answer: {', '.join(f'{n} on {key}' for key, n in failed.items())}. "
            "See inference_result.error; materialize these days again: only what has no answer "
            "is asked."
            if failed
            else None
        ),
    )


def recipe_asset_names(folder: Path = PACKAGE / "defs" / "recipes") -> tuple[str, ...]:
    """Asset names of the recipes that ship or were added under defs/recipes, sorted."""
    names = []
    for path in folder.glob("*/defs.yaml"):
        declared = str(yaml.safe_load(path.read_text(encoding="utf-8")).get("type", ""))
        match = re.search(r"\.(\w+)Recipe$", declared)
        if match:
            names.append(f"{match[1].lower()}_{path.parent.name}")
    return tuple(sorted(names))
