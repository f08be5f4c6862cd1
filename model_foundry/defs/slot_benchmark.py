"""How fast the slots are: measured on demand or hourly, plotted, compared with the fleet file."""

from typing import Any

import dagster as dg
import msgspec

from model_foundry.assets import metadata
from model_foundry.assets.plots import plots
from model_foundry.assets.resource import Foundry
from model_foundry.assets.slots import SLOT
from model_foundry.dispatch.speeds import Speed, Unmeasured, measure
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.interrupts import run_interruptibly
from model_foundry.looks import charts
from model_foundry.sql import load_sql

CHECK = "speeds_as_expected"
_TOLERANCE = 0.2
_COLUMNS = [
    ("slot", "text"),
    ("model", "text"),
    ("provider_name", "text"),
    ("measure", "text"),
    ("input_tokens", "bigint"),
    ("at_once", "integer"),
    ("pp_tokens_per_s", "double precision"),
    ("tg_tokens_per_s", "double precision"),
    ("total_tokens_per_s", "double precision"),
    ("ttft_ms", "double precision"),
    ("timing_source", "text"),
]


@dg.asset(
    group_name="slots",
    deps=[SLOT],
    kinds={"llm", "postgres"},
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="slot_benchmark",
            description="Every slot of the profile answers, about as fast as the fleet file says.",
        )
    ],
)
def slot_benchmark(
    context: dg.AssetExecutionContext, foundry: dg.ResourceParam[Foundry]
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Prompt processing (PP) by prompt length, token generation (TG) by requests at once."""
    settings = foundry.settings
    slots = settings_fleet(settings).in_profile(settings.profile)
    speeds, unmeasured = run_interruptibly(measure(slots, settings.environment(), settings))
    rows = [msgspec.structs.asdict(speed) for speed in speeds]
    with (
        foundry.postgres() as connection,
        connection.transaction(),
        connection.cursor() as cursor,
    ):
        cursor.executemany(load_sql("postgres/slots/insert_speed"), rows)
        [(kept,)] = cursor.execute("SELECT count(*) FROM slot_benchmark").fetchall()
    for one in unmeasured:
        context.log.warning(f"slot {one.slot}: {one.why}")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": kept,
            "measured": len(rows),
            "speeds": metadata.table([_shown(row) for row in rows], _COLUMNS),
            "plot": _plot(speeds),
            "unmeasured": {one.slot: one.why for one in unmeasured},
        },
        check_results=[_check(slots, speeds, unmeasured)],
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 1) if isinstance(value, float) else value for name, value in row.items()
    }


def _plot(speeds: list[Speed]) -> dg.MarkdownMetadataValue:
    pp: dict[charts.Name, list[tuple[float, float]]] = {}
    one: dict[charts.Name, list[tuple[float, float]]] = {}
    total: dict[charts.Name, list[tuple[float, float]]] = {}
    for speed in speeds:
        if speed.measure == "pp" and speed.pp_tokens_per_s is not None:
            pp.setdefault(speed.slot, []).append((speed.input_tokens, speed.pp_tokens_per_s))
        if speed.measure == "tg" and speed.total_tokens_per_s is not None:
            total.setdefault(speed.slot, []).append((speed.at_once, speed.total_tokens_per_s))
        if speed.measure == "tg" and speed.tg_tokens_per_s is not None:
            one.setdefault(speed.slot, []).append((speed.at_once, speed.tg_tokens_per_s))
    at_once, per_s = charts.Scale("requests at once"), charts.Scale("tokens/s")
    return plots(
        charts.lines("Prompt processing", charts.Scale("prompt tokens"), per_s, pp),
        charts.lines("Generation, one request", at_once, per_s, one),
        charts.lines("Generation, all requests", at_once, per_s, total),
    )


def _check(
    slots: tuple[Slot, ...], speeds: list[Speed], unmeasured: list[Unmeasured]
) -> dg.AssetCheckResult:
    faults = [f"{one.slot} was not measured: {one.why}" for one in unmeasured]
    for slot in slots:
        faults += _slower_than_expected(slot, speeds)
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(faults) or None,
        metadata={"slots": len(slots), "measured": len({speed.slot for speed in speeds})},
    )


def _slower_than_expected(slot: Slot, speeds: list[Speed]) -> list[str]:
    """What the fleet file says of one request alone, against the best that was measured of it."""
    alone = [speed for speed in speeds if speed.slot == slot.name and speed.at_once == 1]
    faults = []
    for measure_name, expected in (
        ("PP", slot.expected and slot.expected.pp_tokens_per_s),
        ("TG", slot.expected and slot.expected.tg_tokens_per_s),
    ):
        name = f"{measure_name.lower()}_tokens_per_s"
        measured = [value for speed in alone if (value := getattr(speed, name)) is not None]
        if expected and measured and max(measured) < (1 - _TOLERANCE) * expected[0]:
            faults.append(
                f"{slot.name}: {measure_name} is {max(measured):.1f} tokens/s, and the fleet file "
                f"expects {expected[0]:g} or more: look at what else runs on its GPU, at its "
                "arguments, or correct the fleet file"
            )
    return faults


@dg.definitions
def benchmark() -> dg.Definitions:
    """The asset, its job, and the hourly schedule, which is off until it is switched on."""
    job = dg.define_asset_job(
        "measure_slots", selection=["slot_benchmark"], description="How fast the slots are now."
    )
    hourly = dg.ScheduleDefinition(
        name="slots_hourly",
        job=job,
        cron_schedule="15 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Every hour, once it is switched on: the measurement takes the slots' places.",
    )
    return dg.Definitions(assets=[slot_benchmark], jobs=[job], schedules=[hourly])
