"""`model-foundry demo`: real traffic of a real model through the whole line, once."""

import contextlib
import json
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import dagster as dg
import duckdb
from psycopg.rows import dict_row
from rich.table import Table

from model_foundry import postgres
from model_foundry.cli.console import console, errors
from model_foundry.cli.dagster_home import fail_lost_runs, prepare_dagster_home
from model_foundry.cli.line import Materialized, run_job
from model_foundry.cli.plain import json_line, plain
from model_foundry.cli.stack import show_left_over, stack_where_needed
from model_foundry.components.names import packaged_recipes
from model_foundry.devstack.familiar import TrafficReport, run_sessions
from model_foundry.devstack.familiar.vault import PACKAGED as VAULT
from model_foundry.devstack.left_over import end_left_over
from model_foundry.errors import FoundryError
from model_foundry.events.subjects import REQUESTS
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.publish import publish_lines
from model_foundry.interrupts import run_interruptibly
from model_foundry.postgres.flat import FLAT_TABLES
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.compute import SUMMARIES

# Summaries of what went to waste, which may well be nothing.
WASTE: Final = frozenset({"daily_cache_misses", "daily_lost_output"})
_SPEEDS = (
    "SELECT origin, slot, requests, output_tokens, total_p50_ms, pp_tokens_per_s, "
    "tg_tokens_per_s FROM daily_slot_throughput WHERE day = ? ORDER BY origin, slot"
)

_ARTICLE: Final = VAULT / "hardware" / "teiden-to-ups.md"
_REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "generation": {
        "messages": [{"role": "user", "content": "In one sentence: what is a message queue?"}],
        "max_tokens": 64,
    },
    "translation": {"text": "翻訳の品質は高いです。", "from": "ja", "to": "en"},
}


class _Stages:
    """What each stage landed, in the order of the line."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, int, str]] = []

    def add(self, stage: str, name: str, landed: int, detail: str = "") -> None:
        """One line of the closing table; `landed` decides whether the stage did its work."""
        self.rows.append((stage, name, landed, detail))

    def as_dict(self, days: Sequence[str], correlation_ids: Sequence[str]) -> dict[str, Any]:
        """For programs."""
        names = ("stage", "what", "rows", "detail")
        return {
            "ok": not self.empty,
            "days": days,
            "correlation_ids": correlation_ids,
            "stages": [dict(zip(names, row, strict=True)) for row in self.rows],
        }

    @property
    def empty(self) -> list[str]:
        """Names of what landed nothing on any of the days, and should have."""
        totals: Counter[str] = Counter()
        for _, name, landed, _ in self.rows:
            totals[name] += landed
        return [name for name, landed in totals.items() if landed == 0 and name not in WASTE]


def run_demo(settings: Settings, *, sessions: int, seed: int, as_json: bool) -> int:
    """Traffic, drain, then each touched day from flat tables to summaries; the exit code.

    `as_json`: what each stage landed goes to stdout, for programs.

    Raises:
        FoundryError: something could not be started, or a run failed.
    """
    settings_fleet(settings).in_profile(settings.profile)  # before anything starts
    stages = _Stages()
    show_left_over(end_left_over(settings.home))
    with stack_where_needed(settings) as stack:
        settings = Settings(home=settings.home)
        prepare_dagster_home(settings)
        fail_lost_runs(settings, stack)
        with contextlib.closing(postgres.connect(settings)) as connection:
            postgres.migrate(connection)
        run_interruptibly(_make_stream(settings))
        traffic = hold_sessions(settings, sessions=sessions, seed=seed)
        for subject, count in sorted(traffic.events.items()):
            stages.add("published", subject, count)
        _publish_requests(settings, stages)
        _publish_broken(settings, stages)
        with dg.DagsterInstance.get() as instance:
            days = _drain(instance, stages)
            _article(instance, settings, stages)
            for day in days:
                _day(instance, stages, day)
    if as_json:
        sys.stdout.write(json_line(stages.as_dict(days, traffic.correlation_ids)) + "\n")
    else:
        _show(settings, stages, days, traffic.correlation_ids[0])
    if stages.empty:
        errors.print(
            f"[bold red]Nothing landed in {', '.join(stages.empty)}.[/] "
            f"Logs: {settings.home}/logs; `make dev` shows the runs."
        )
        return 1
    return 0


async def _make_stream(settings: Settings) -> None:
    client = await jetstream.connect(settings, name="model-foundry-demo")
    try:
        await configuration.ensure_consumer(client, settings)
    finally:
        await client.close()


def hold_sessions(settings: Settings, *, sessions: int, seed: int) -> TrafficReport:
    """familiar's sessions, its steps shown while it works."""
    counted = "a session" if sessions == 1 else f"{sessions} sessions"
    console.print(f"\n[bold]familiar[/] holds {counted} on the slots")
    with console.status("…") as status:
        report = run_interruptibly(
            run_sessions(
                settings,
                sessions=sessions,
                seed=seed,
                on_step=lambda step: status.update(plain(f"  {step}")),
            )
        )
    console.print(
        f"  {sum(report.events.values())} events, {report.output_tokens} tokens generated, "
        f"{report.wall_s:.1f} s"
    )
    return report


def _publish_requests(settings: Settings, stages: _Stages) -> None:
    """A question and a translation, asked for over NATS, as any program may."""
    for kind, payload in _REQUESTS.items():
        request = {
            "event_id": str(uuid.uuid4()),
            "subject": REQUESTS[kind],
            "correlation_id": "demo-requests",
            "source": "demo",
            "payload": payload,
        }
        published = publish_lines(settings, [json.dumps(request).encode()])
        stages.add("published", REQUESTS[kind], published.published)


def _publish_broken(settings: Settings, stages: _Stages) -> None:
    """A message without a payload, as every line meets some: it has to lie in quarantine."""
    broken = {"event_id": str(uuid.uuid4()), "subject": "llm.chat.persist", "source": "demo"}
    published = publish_lines(settings, [json.dumps(broken).encode()])
    stages.add("published", "without a payload", published.published)


def _drain(instance: dg.DagsterInstance, stages: _Stages) -> list[str]:
    console.print("\n[bold]drain_inbox[/] NATS → event_inbox")
    [drained] = run_job(instance, "drain_inbox")
    counts = drained.metadata
    detail = f"{counts['duplicates']} duplicates, {counts['quarantined']} quarantined"
    stages.add("inbox", "event_inbox", counts["landed"], detail)
    console.print(f"  {counts['landed']} events at {counts['events_per_s']:,.0f} per second")
    return [str(record.data["day"]) for record in counts["touched_days"].records]


def _day(instance: dg.DagsterInstance, stages: _Stages, day: str) -> None:
    console.print(f"\n[bold]run_day[/] {day}: flat tables → recipes on the slots → summaries")
    with console.status("…") as status:
        made = run_job(
            instance, "run_day", partition=day, on_step=lambda step: status.update(f"  {step} …")
        )
    by_name = {one.asset: one for one in made if one.partition == day}
    for name in FLAT_TABLES:
        stages.add("flat table", name, _rows(by_name, name), day)
    for name in sorted(set(packaged_recipes().values()) & set(by_name)):
        shown = by_name[name].metadata
        # An answer that is not fit to be used has landed, too.
        landed = shown["asked"] + shown["cached"] - shown["failed"]
        stages.add("recipe", name, landed, f"{day}{_counted(shown)}")
    for name in SUMMARIES:
        stages.add("summary", name, _rows(by_name, name), day)
    console.print(f"  {len(by_name)} assets materialized")
    for one in run_job(instance, "answer_requests", partition=day):
        shown = one.metadata
        rows = shown["dagster/partition_row_count"]
        stages.add("request", one.asset, rows, f"{day}{_counted(shown)}")


def _article(instance: dg.DagsterInstance, settings: Settings, stages: _Stages) -> None:
    """A note of familiar's vault as an article: translated, unless it has been already."""
    path = settings.articles_root / _ARTICLE.name
    language = settings.articles_languages[0]
    key = f"{path.name}|{language}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_ARTICLE, path)
    instance.add_dynamic_partitions("articles", [path.name])
    console.print(f"\n[bold]translate_articles[/] {path.name} → {language}")
    with console.status("…"), contextlib.suppress(FoundryError):  # what is not whole fails the run
        run_job(instance, "translate_articles", partition=key)
    with (
        contextlib.closing(postgres.connect(settings)) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        wanted = {"article": path.name, "target_language": language}
        stand = cursor.execute(load_sql("postgres/translation/stand"), wanted).fetchone()
    detail = "nothing became of it"
    if stand is not None:
        said = "; ".join(stand["reasons"]) or f"{language}: {stand['segments']} segments"
        detail = f"{stand['status'].replace('_', ' ')}, {said}"
    stages.add("article", path.name, stand["fit_segments"] if stand else 0, detail)


def _counted(shown: Mapping[str, Any]) -> str:
    """How many jobs were asked, and what became of the others."""
    words = {"cached": "answered before", "rejected": "rejected", "failed": "failed"}
    told = [f"{shown[key]} {word}" for key, word in words.items() if shown.get(key)]
    return ": " + ", ".join([f"{shown['asked']} asked", *told])


def _rows(made: dict[str, Materialized], name: str) -> int:
    return int(made[name].metadata["dagster/partition_row_count"])


def _show(settings: Settings, stages: _Stages, days: list[str], correlation_id: str) -> None:
    table = Table(
        "stage", "what", "rows", "", title="\nWhat the line carried", title_justify="left"
    )
    table.columns[1].no_wrap = True
    table.columns[2].justify = "right"
    last = ""
    for stage, name, landed, detail in stages.rows:
        style = "bold red" if landed == 0 and name not in WASTE else ""
        shown = "" if stage == last else stage
        table.add_row(shown, plain(name), str(landed), plain(detail), style=style)
        last = stage
    console.print(table)
    for day in days:
        console.print(_speeds(settings, day))
    console.print(
        "\nTry next:\n"
        "  [bold]make dev[/]                                   the Dagster UI with these runs\n"
        "  [bold].venv/bin/model-foundry quarantine list[/]    what could not be accepted "
        "(while `make dev` runs)\n"
        "  [bold].venv/bin/model-foundry query --list[/]       questions to foundry.duckdb\n"
        f"  [bold].venv/bin/model-foundry trace {correlation_id}[/]    one session\n",
        highlight=False,
        soft_wrap=True,
    )


def _speeds(settings: Settings, day: str) -> Table:
    table = Table(title=f"\nSlots on {day}", title_justify="left")
    for name in (
        "origin",
        "slot",
        "requests",
        "tokens out",
        "p50 ms",
        "PP tok/s",
        "TG tok/s",
    ):
        is_name = name in {"origin", "slot"}
        table.add_column(name, justify="left" if is_name else "right", no_wrap=name == "slot")
    with duckdb.connect(str(settings.home / "foundry.duckdb"), read_only=True) as connection:
        for row in connection.execute(_SPEEDS, [day]).fetchall():
            table.add_row(*(plain(_number(value)) for value in row))
    return table


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
