"""Articles and their translations: one partition an article and language.

translate_articles    articles that are new or have changed    (sensor: there are some)
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import dagster as dg
from psycopg.rows import dict_row
from pydantic import Field

from model_foundry import lake
from model_foundry.assets import metadata
from model_foundry.assets.partitions import evaluated
from model_foundry.assets.resource import Foundry
from model_foundry.assets.runs import failed_lately, unfinished_partitions
from model_foundry.assets.slots import SLOT
from model_foundry.dispatch.report import Progress
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.views import publish_views
from model_foundry.translation.article import orphans
from model_foundry.translation.publish import (
    TABLES,
    Outcome,
    find_wanted,
    publish,
    record,
)
from model_foundry.translation.translate import Part
from model_foundry.translation.watch import Seen, seen, stale_translations

ASSET = "article_translation"
SOURCE = "article"
CHECK = "translations_are_whole"
JOB = "translate_articles"
_DATA_VERSION = "dagster/data_version"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_OUTCOME_COLUMNS = [
    ("article", "text"),
    ("language", "text"),
    ("status", "text"),
    ("reasons", "text"),
    ("segments", "integer"),
    ("asked", "integer"),
    ("unfit", "integer"),
    ("length_ratio", "double precision"),
    ("glossary", "text"),
    ("round_trip_chrf2", "double precision"),
]
_SEGMENT_COLUMNS = [
    ("article", "text"),
    ("line", "integer"),
    ("source_text", "text"),
    ("translated_text", "text"),
    ("findings", "text"),
    ("round_trip_chrf2", "double precision"),
]

ARTICLES = "articles"
articles = dg.DynamicPartitionsDefinition(name=ARTICLES)


class ArticleConfig(dg.Config):
    """How articles are translated."""

    round_trip: bool = Field(
        default=True, description="Translate each new segment back as well, to measure it (chrF2)."
    )


@dg.definitions
def article_definitions() -> dg.Definitions:
    """The articles, their translations, the job and its sensor."""
    partitions = dg.MultiPartitionsDefinition(
        {
            "article": articles,
            "language": dg.StaticPartitionsDefinition(list(Settings().articles_languages)),
        }
    )
    source = dg.AssetSpec(
        SOURCE,
        description="Markdown files of the articles' folder, as the sensor has found them.",
        group_name="articles",
        kinds={"markdown"},
        partitions_def=articles,
    )

    @dg.asset(
        name=ASSET,
        group_name="articles",
        kinds={"llm", "markdown", "postgres"},
        deps=[
            dg.AssetDep(
                SOURCE, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("article")
            ),
            SLOT,
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="slots_translator",
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=ASSET,
                blocking=True,
                partitions_def=partitions,
                description="Every translation has its source's structure and all its segments. "
                "One that has not is not published.",
            )
        ],
    )
    def article_translation(
        context: dg.AssetExecutionContext, config: ArticleConfig, foundry: dg.ResourceParam[Foundry]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Articles in other languages, beside their sources as NAME.LANG.md.

        Asked are only segments that the translation memory does not have. A translation that is not
        whole is not published, and one that was edited by hand is never written again.
        """
        keys = {key: _dimensions(key) for key in context.partition_keys}
        outcomes = _translated(context, config, foundry, keys.values())
        for key, outcome in zip(keys, outcomes, strict=True):
            context.add_asset_metadata(_metadata([outcome]), asset_key=ASSET, partition_key=key)
        each = {key: _check([outcome]) for key, outcome in zip(keys, outcomes, strict=True)}
        whole = evaluated(context, each, _check(outcomes))
        return dg.MaterializeResult(check_results=[whole], metadata=_sums(outcomes))

    job = dg.define_asset_job(
        JOB, selection=[ASSET], description="Articles that are new or have changed, translated."
    )
    return dg.Definitions(
        assets=[source, article_translation], jobs=[job], sensors=[articles_changed]
    )


def _dimensions(key: str) -> tuple[str, str]:
    name, _, language = key.rpartition("|")  # dimensions in the order of their names
    return name, language


def _translated(
    context: dg.AssetExecutionContext,
    config: ArticleConfig,
    foundry: Foundry,
    keys: Iterable[tuple[str, str]],
) -> list[Outcome]:
    settings = foundry.settings

    def log(progress: Progress) -> None:
        context.log.info(str(progress))

    wanted = [find_wanted(settings, name, language) for name, language in keys]
    with foundry.postgres() as connection:
        outcomes = publish(
            wanted,
            settings=settings,
            connection=connection,
            round_trips=config.round_trip,
            progress=log,
        )
        day = record(connection, outcomes)
    for path in orphans(settings):
        path.unlink(missing_ok=True)
        context.log.info(f"{path} is gone, as its source is")
    for table in TABLES:
        lake.refresh_day(settings, table, day)
    publish_views(settings)
    for outcome in outcomes:
        said = f": {'; '.join(outcome.reasons)}" if outcome.reasons else ""
        context.log.info(
            f"{outcome.wanted.article.name} → {outcome.wanted.language} {outcome.status}{said}"
        )
    return outcomes


# What a materialization shows.


def _sums(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    statuses = [outcome.status for outcome in outcomes]
    return {
        name: statuses.count(name) for name in ("published", "not_published", "kept", "skipped")
    }


def _metadata(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "documents": metadata.table([_row(outcome) for outcome in outcomes], _OUTCOME_COLUMNS),
        "worst_segments": metadata.table(_worst(outcomes), _SEGMENT_COLUMNS),
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    translated = outcome.translated
    quality = translated.quality if translated else None
    trips = [part.round_trip.chrf2 for part in outcome.parts if part.round_trip]
    return {
        "article": outcome.wanted.article.name,
        "language": outcome.wanted.language,
        "status": outcome.status,
        "reasons": "; ".join(outcome.reasons),
        "segments": len(outcome.parts),
        "asked": translated.asked if translated else 0,
        "unfit": sum(not part.is_fit for part in outcome.parts),
        "length_ratio": quality and quality.length_ratio,
        "glossary": f"{quality.glossary_used}/{quality.glossary_found}" if quality else "",
        "round_trip_chrf2": sum(trips) / len(trips) if trips else None,
    }


def _worst(outcomes: Sequence[Outcome], shown: int = 10) -> list[dict[str, Any]]:
    """Unfit segments, then those that lost most on the way there and back."""

    def rank(found: tuple[Outcome, Part]) -> tuple[bool, float]:
        part = found[1]
        return part.is_fit, part.round_trip.chrf2 if part.round_trip else 100.0

    found = sorted(((outcome, part) for outcome in outcomes for part in outcome.parts), key=rank)
    return [
        {
            "article": outcome.wanted.article.name,
            "line": part.segment.line,
            "source_text": part.segment.text,
            "translated_text": part.translation or (part.memory and part.memory.translated_text),
            "findings": "; ".join(part.findings),
            "round_trip_chrf2": part.round_trip and part.round_trip.chrf2,
        }
        for outcome, part in found[:shown]
    ]


def _check(outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    broken = [outcome for outcome in outcomes if outcome.status == "not_published"]
    kept = [outcome for outcome in outcomes if outcome.status == "kept"]
    said = [
        f"{outcome.wanted.article.name} → {outcome.wanted.language} is not published: "
        f"{'; '.join(outcome.reasons)}."
        for outcome in broken
    ]
    if broken:
        said.append(
            "What is fit is remembered: materialize it again to ask for the rest, or edit the "
            "lines that are named."
        )
    said += [f"Kept: {'; '.join(outcome.reasons)}." for outcome in kept]
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not broken,
        description=" ".join(said) or None,
        metadata={"not_published": len(broken), "kept": len(kept), "translations": len(outcomes)},
    )


# Which articles are to be translated.


@dg.sensor(
    job_name=JOB,
    description="Articles are new, have changed, or lost their translation.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def articles_changed(
    context: dg.SensorEvaluationContext, foundry: dg.ResourceParam[Foundry]
) -> dg.SensorResult | dg.SkipReason:
    """Finds articles, marks what has changed as stale, and asks for what is to be translated.

    That is what was never translated as it is now, with the glossary as it is now; what lost its
    translation, or has one that a person has changed; and where a link should lead elsewhere by
    now. What could not be published waits for a change, or for a person.
    """
    settings, instance = foundry.settings, context.instance
    root = settings.articles_root
    if not root.is_dir():
        return dg.SkipReason(f"There is no folder {root}: set MODEL_FOUNDRY_ARTICLES_DIR.")
    found = seen(settings)
    with foundry.postgres() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(load_sql("postgres/translation/latest"))
        latest = {(row["article"], row["target_language"]): row for row in cursor.fetchall()}
    known = instance.get_dynamic_partitions(ARTICLES)
    new = [name for name in found if name not in set(known)]
    gone = [name for name in known if name not in found]
    stale = stale_translations(settings, found, latest)
    changed = [found[name] for name in dict.fromkeys(name for name, _ in stale)]
    held = unfinished_partitions(instance, JOB) | failed_lately(instance, JOB, datetime.now(UTC))
    order = [*(name for name in known if name in found), *new]
    return dg.SensorResult(
        dynamic_partitions_requests=[
            *([articles.build_add_request(new)] if new else []),
            *([articles.build_delete_request(gone)] if gone else []),
        ],
        asset_events=[_observation(each) for each in changed if _is_news(instance, each)],
        run_requests=[] if held else _run_requests(order, settings.articles_languages, stale),
    )


def _is_news(instance: dg.DagsterInstance, found: Seen) -> bool:
    """Whether the article was last seen with another text, or never."""
    records = instance.fetch_observations(
        dg.AssetRecordsFilter(dg.AssetKey(SOURCE), asset_partitions=[found.article.name]), limit=1
    ).records
    seen = records[0].asset_observation if records else None
    return seen is None or seen.tags.get(_DATA_VERSION) != found.sha256


def _observation(found: Seen) -> dg.AssetObservation:
    return dg.AssetObservation(
        SOURCE,
        partition=found.article.name,
        tags={_DATA_VERSION: found.sha256},
        metadata={"language": found.language, "path": dg.MetadataValue.path(found.article.path)},
    )


def _run_requests(
    order: Sequence[str], languages: Sequence[str], stale: Collection[tuple[str, str]]
) -> list[dg.RunRequest]:
    """A run for each stretch of articles that are stale in a language: it shares the slots well."""
    requests = []
    for language in languages:
        for is_stale, stretch in groupby(order, key=lambda name: (name, language) in stale):
            if is_stale:
                names = list(stretch)
                bounds = [f"{name}|{language}" for name in (names[0], names[-1])]
                requests.append(dg.RunRequest(tags=dict(zip(_RANGE, bounds, strict=True))))
    return requests
