"""What became of jobs, for the Dagster UI: figures of a run, and all that a day's results hold.

Belongs here: what recipes and requests show alike. Does not: tables and plots as such (`metadata`,
`plots`).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg.rows import dict_row

from model_foundry.assets import metadata
from model_foundry.assets.plots import plots
from model_foundry.assets.resource import Foundry
from model_foundry.dispatch.report import DispatchReport
from model_foundry.looks import charts
from model_foundry.postgres import flat
from model_foundry.slot.jobs import Kind
from model_foundry.sql import load_sql

_RESULT_COLUMNS: Final = [
    ("job_id", "text"),
    ("slot", "text"),
    ("status", "text"),
    ("error_kind", "text"),
    ("response_text", "text"),
    ("input_tokens", "bigint"),
    ("output_tokens", "bigint"),
    ("total_ms", "double precision"),
    ("source_event_ids", "text[]"),
    ("source_part", "text"),
]
_UNFIT_COLUMNS: Final = [
    ("status", "text"),
    ("error_kind", "text"),
    ("jobs", "bigint"),
    ("example_job_id", "text"),
    ("example_error", "text"),
]
_DAY_COLUMNS: Final = [
    ("slot", "text"),
    ("status", "text"),
    ("jobs", "bigint"),
    ("input_tokens", "bigint"),
    ("output_tokens", "bigint"),
    ("total_p50_ms", "double precision"),
    ("total_p95_ms", "double precision"),
]


class Kept(NamedTuple):
    """What PostgreSQL has of a recipe's day: the latest results, why some are not ok, and all of
    them by slot and status; and the columns of a result."""

    results: list[dict[str, Any]]
    unfit: list[dict[str, Any]]
    day: list[dict[str, Any]]
    columns: list[tuple[str, str]]
    comments: dict[str, str]

    @property
    def rows(self) -> int:
        """How many results the day has, fit to be used or not."""
        return sum(row["jobs"] for row in self.day)


def kept(foundry: Foundry, kind: Kind, recipe: str, day: date) -> Kept:
    """Read it."""
    which = {"kind": kind, "recipe": recipe, "day": day, "rows": foundry.settings.preview_rows}
    with foundry.postgres() as connection, connection.cursor(row_factory=dict_row) as cursor:
        columns = flat.columns(connection, "inference_result")
        comments = flat.comments(connection, "inference_result")
        return Kept(
            cursor.execute(load_sql("postgres/inference/preview"), which).fetchall(),
            cursor.execute(load_sql("postgres/inference/unfit"), which).fetchall(),
            cursor.execute(load_sql("postgres/inference/day"), which).fetchall(),
            columns,
            comments,
        )


def shown(report: DispatchReport, kept: Kept) -> dict[str, object]:
    """Metadata: what was asked and how fast, then the day's results as tables and a plot."""
    return {
        "asked": report.asked,
        "cached": report.cached,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "tokens_per_s": round(report.tokens_per_s, 1),
        "wall_s": round(report.wall_s, 3),
        "summary": metadata.table(kept.day, _DAY_COLUMNS),
        **_plot(kept.day),
        **metadata.telemetry(report.telemetry_dropped),
        "not_ok": metadata.table(kept.unfit, _UNFIT_COLUMNS),
        "results": metadata.table(kept.results, _RESULT_COLUMNS),
    }


def _plot(day: Iterable[dict[str, Any]]) -> dict[str, object]:
    """How long the requests took, a curve a slot and status."""
    curves: dict[charts.Name, charts.Points] = {
        (str(row["slot"]), row["status"]): [
            (ms, twentieth / 20) for twentieth, ms in enumerate(row["total_ms_curve"])
        ]
        for row in day
        if row["total_ms_curve"]
    }
    if not curves:
        return {}
    scale = charts.Scale("took at most", "_ms")
    return {"plot": plots(charts.shares("Whole request", scale, curves))}
