"""What every recipe is: rows of a source SQL turned into jobs, asked, landed, checked, per day.

A row that no job can be made of becomes a failed result of its own (`source_row`), and the others
are asked.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import dagster as dg
import msgspec
from pydantic import Field

from model_foundry.assets import metadata, results
from model_foundry.assets.partitions import NIGHTLY, days, evaluated
from model_foundry.assets.resource import Foundry
from model_foundry.assets.results import Kept
from model_foundry.assets.slots import SLOT
from model_foundry.components.folder import Folder
from model_foundry.components.names import require_free_name
from model_foundry.components.source import Origin, Row, plain, source_rows
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.fleet.suggestion import did_you_mean
from model_foundry.interrupts import run_interruptibly
from model_foundry.paths import PACKAGE
from model_foundry.results.landed import run_jobs
from model_foundry.results.left_out import LeftOutRow, keep_left_out
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Accept, Job, Kind, Request

CHECK = "every_job_answered"
# (part of the source row, request)
Asked = tuple[str, Request]
Asking = Callable[[Mapping[str, Any], Settings], Iterator[Asked]]

_SOURCE_COLUMNS: Final = ("source_event_id", "source_part", "correlation_id")
_REMEDIES: Final = {
    "length": "raise max_tokens, or ask for less",
    "content_filter": "the server's filter cut it off: ask otherwise, or use slots without one",
    "empty": "look at the prompt and at the stop texts",
    "invalid_json": "use slots that enforce response_format, or a simpler schema",
    "schema_mismatch": "use slots that enforce response_format, or a simpler schema",
    "unknown_tool": "describe the tools better, or name one in tool_choice",
    "invalid_arguments": "describe the tools' parameters better",
    "no_tool_call": "use slots that enforce tool_choice",
    "invalid_schema": "mend the schema: nothing can be checked against it",
}


def described(text: str) -> dg.Resolver:
    """The description of a field: Dagster drops pydantic's own where there is a default."""
    resolver: dg.Resolver = dg.Resolver.default(description=text)
    return resolver


class Recipe(dg.Component, dg.Model, dg.Resolvable):
    """Base of the recipe components. The folder's name is the recipe's; `source.sql` lies in it.

    The source SQL reads one day (`%(day)s`) and gives a row per job with at least the columns
    `source_event_id`, `source_part` and `correlation_id`. A row that was made from several events
    names all of them in `source_event_ids` (text[]).
    """

    kind: ClassVar[Kind]

    description: Annotated[str, described("What the recipe makes, for the UI.")]
    role: Annotated[str, described("Which slots are asked: orchestrator, worker or translator.")]
    sources: Annotated[list[str], described("The assets that source.sql reads.")]
    keep: Annotated[
        list[str],
        described("Columns of the source row that are kept beside the result, in source_row."),
    ] = Field([])
    thinking: Annotated[
        bool | Literal["default"],
        described("on, off, or default: what the model does by itself."),
    ] = "default"

    @abstractmethod
    def asking(self, folder: Folder) -> Asking:
        """What is asked about a source row, from the folder's files, which are read once.

        Raises:
            FoundryError: a file is missing or wrong.
        """

    def thinks(self) -> bool | None:
        """`thinking` as a request says it."""
        return None if self.thinking == "default" else self.thinking

    def accepts(self) -> Accept:
        """Whether JSON may stand in a Markdown fence."""
        return "strict"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The recipe's daily asset, with the check that every job has an answer."""
        folder = Folder(context.path)
        _check_name(folder)
        asset_name = f"{self.kind}_{folder.recipe}"
        if (why := _unserved(self.role, Settings())) is not None:
            if not folder.path.is_relative_to(PACKAGE):
                raise folder.wrong("defs.yaml", why)
            return _not_asked(asset_name, self.description, why)
        source = folder.text("source.sql")
        asking = self.asking(folder)
        partitions = days()

        @dg.asset(
            name=asset_name,
            description=self.description,
            group_name="recipes",
            kinds={"llm", "postgres"},
            deps=[*self.sources, SLOT],
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            freshness_policy=NIGHTLY,
            tags={"store": "postgres"},
            pool=f"slots_{self.role}",
            code_version="1",
            check_specs=[
                dg.AssetCheckSpec(
                    CHECK,
                    asset=asset_name,
                    partitions_def=partitions,
                    description="Each job of the day was answered, fit to be used or not.",
                )
            ],
        )
        def build(
            context: dg.AssetExecutionContext, foundry: dg.ResourceParam[Foundry]
        ) -> dg.MaterializeResult:  # type: ignore[type-arg]
            reports, kept = {}, {}
            for key in context.partition_keys:
                day = date.fromisoformat(key)
                reports[key] = self._run_day(
                    context, foundry, folder, source=source, asking=asking, day=day
                )
                kept[key] = results.kept(foundry, self.kind, folder.recipe, day)
                context.add_asset_metadata(
                    _metadata(reports[key], kept[key]), asset_key=asset_name, partition_key=key
                )
            each = {key: _check({key: reports[key]}, [kept[key]]) for key in reports}
            whole = evaluated(context, each, _check(reports, kept.values()))
            return dg.MaterializeResult(check_results=[whole])

        return dg.Definitions(assets=[build])

    def _run_day(
        self,
        context: dg.AssetExecutionContext,
        foundry: Foundry,
        folder: Folder,
        *,
        source: str,
        asking: Asking,
        day: date,
    ) -> DispatchReport:
        settings = foundry.settings
        left_out: list[LeftOutRow] = []

        def log(progress: Progress) -> None:
            context.log.info(str(progress))

        with foundry.postgres() as connection:
            with source_rows(connection, source, day, self.sources) as (rows, unreadable):
                left_out += unreadable
                jobs = self._jobs(folder, asking, rows, day, left_out=left_out, settings=settings)
                report = run_interruptibly(
                    run_jobs(jobs, settings=settings, progress=log, run_id=context.run.run_id)
                )
            keep_left_out(
                connection,
                left_out,
                recipe=folder.recipe,
                kind=self.kind,
                role=self.role,
                day=day,
            )
            connection.commit()
        if report.ended is not None:
            raise dg.Failure(f"The run of {day} was ended: {report.ended}")
        return _with_left_out(report, len(left_out))

    def _jobs(
        self,
        folder: Folder,
        asking: Asking,
        rows: Iterator[Row],
        day: date,
        *,
        left_out: list[LeftOutRow],
        settings: Settings,
    ) -> Iterator[Job]:
        """The jobs of all rows; one that none can be made of is left out, whole."""
        for row in rows:
            missing = [name for name in (*_SOURCE_COLUMNS, *self.keep) if name not in row]
            if missing:
                raise folder.wrong("source.sql", f"gives no column {', '.join(missing)}")
            source = Origin.of(row)
            try:
                jobs = [
                    Job(
                        recipe=folder.recipe,
                        kind=self.kind,
                        role=self.role,
                        occurred_on=day,
                        source_event_id=source.event_id,
                        source_event_ids=source.event_ids,
                        source_part=part,
                        source_row={name: plain(row[name]) for name in self.keep} or None,
                        correlation_id=source.correlation_id,
                        accept=self.accepts(),
                        request=request,
                    )
                    for part, request in asking({**row, "source_part": source.part}, settings)
                ]
                for job in jobs:
                    _ = job.job_id  # which fails where the request holds what JSON cannot
            except FoundryError:
                raise
            except Exception as error:  # whatever the row holds is no fault of the others
                left_out.append(source.left_out(f"{type(error).__name__}: {error}"))
            else:
                yield from jobs


def _check_name(folder: Folder) -> None:
    try:
        require_free_name(folder.recipe)
    except FoundryError as error:
        raise folder.wrong("", str(error)) from None


def _unserved(role: str, settings: Settings) -> str | None:
    """Why no slot can answer, known before a night finds it; None: one can."""
    try:
        slots = settings_fleet(settings).in_profile(settings.profile)
    except FoundryError:
        return None  # whoever uses the fleet says what is wrong with it
    served = sorted({each for slot in slots for each in slot.roles})
    if role in served:
        return None
    return f"role is {role!r}, which no slot of the profile {settings.profile} serves" + (
        did_you_mean(role, served) or f"; served: {', '.join(served)}"
    )


def _not_asked(asset_name: str, description: str, why: str) -> dg.Definitions:
    """In the place of a recipe that ships: a fleet of one slot is no reason to load nothing."""
    dg.get_dagster_logger().warning(f"Left out: {asset_name}: {why}")
    told = f"{description} Nothing is asked: {why}. Give a slot of the fleet's file that role."
    return dg.Definitions(
        assets=[dg.AssetSpec(asset_name, group_name="left_out", description=told)]
    )


def _with_left_out(report: DispatchReport, rows: int) -> DispatchReport:
    """A report that counts source rows which could not be asked about as failed jobs."""
    if not rows:
        return report
    return msgspec.structs.replace(
        report,
        asked=report.asked + rows,
        failed=report.failed + rows,
        error_kinds={**report.error_kinds, "source_row": rows},
    )


def _metadata(report: DispatchReport, kept: Kept) -> dict[str, object]:
    return {
        "dagster/partition_row_count": kept.rows,
        "dagster/column_schema": metadata.column_schema(kept.columns, kept.comments),
        "bytes": sum(row["bytes"] for row in kept.day),
        "status": "empty" if report.total == 0 else "answered",
        "done": f"{report.total - report.failed}/{report.total}",
        "rejected": report.rejected,
        "failed": report.failed,
        **results.shown(report, kept),
    }


def _check(reports: Mapping[str, DispatchReport], kept: Iterable[Kept]) -> dg.AssetCheckResult:
    failed = {key: report.failed for key, report in reports.items() if report.failed}
    unanswered = [key for key, report in reports.items() if 0 < report.total == report.failed]
    rejected: Counter[str] = Counter()
    for row in (row for each in kept for row in each.unfit if row["status"] == "rejected"):
        rejected[row["error_kind"]] += row["jobs"]
    said = []
    if failed:
        said.append(
            f"Without an answer: {', '.join(f'{n} on {key}' for key, n in failed.items())}. "
            "See not_ok, or inference_result.error; materialize these days again: only what has "
            "no answer is asked."
        )
    if unanswered:
        said.append(f"Nothing at all was answered on {', '.join(unanswered)}.")
    if rejected:
        counted = "; ".join(
            f"{n} {kind} ({_REMEDIES[kind]})" if kind in _REMEDIES else f"{n} {kind}"
            for kind, n in sorted(rejected.items())
        )
        said.append(
            f"Answered, but not fit to be used: {counted}. They are kept, and not asked again "
            "unless the recipe changes."
        )
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if unanswered else dg.AssetCheckSeverity.WARN,
        description=" ".join(said) or None,
        metadata={
            "jobs": sum(report.total for report in reports.values()),
            "failed": sum(failed.values()),
            "rejected": rejected.total(),
        },
    )
