"""The commands, and how their errors are shown."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from model_foundry.cli.console import console, errors
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.store import postgres

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    help="Turn the traffic of your own LLM slots into rows, summaries and training data.",
)
quarantine = typer.Typer(no_args_is_help=True, help="Messages that could not be accepted.")
app.add_typer(quarantine, name="quarantine")
intake = typer.Typer(no_args_is_help=True, help="Read the stream again, import, reconcile.")
app.add_typer(intake, name="intake")
fleet = typer.Typer(no_args_is_help=True, help="The slots of the fleet file.")
app.add_typer(fleet, name="fleet")

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def _errors_shown() -> Iterator[None]:
    try:
        yield
    except FoundryError as error:
        _show(error)
    except postgres.STRANGE_TABLES:
        # Not these tables, or not these columns: of an older version, or of a newer one.
        try:
            with closing(postgres.connect(Settings())) as connection:
                postgres.require_schema(connection)
        except FoundryError as error:
            _show(error)
        raise


def _show(error: FoundryError) -> NoReturn:
    errors.print(f"[bold red]Error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
    raise typer.Exit(1) from None


@app.command()
def up() -> None:
    """Run the embedded stack in the foreground: NATS, PostgreSQL and llama.cpp slots."""
    from model_foundry.cli.stack import run_in_foreground

    with _errors_shown():
        raise typer.Exit(run_in_foreground(Settings()))


@app.command()
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = 3000,
) -> None:
    """Run the embedded stack and the Dagster UI with its daemon, until Ctrl-C."""
    from model_foundry.cli.dev import run_dev

    with _errors_shown():
        raise typer.Exit(run_dev(Settings(), port))


@app.command()
def demo(
    sessions: Annotated[
        int, typer.Option(min=1, max=1000, help="Sessions that familiar holds.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Which tasks familiar takes.")] = 1,
) -> None:
    """Carry real traffic of a real model through the whole line once, on the embedded stack."""
    from model_foundry.cli.demo import run_demo

    with _errors_shown():
        raise typer.Exit(run_demo(Settings(), sessions=sessions, seed=seed))


@app.command()
def familiar(
    sessions: Annotated[int, typer.Option(min=1, max=1000, help="Sessions to hold.")] = 1,
    seed: Annotated[int, typer.Option(help="Which tasks it takes.")] = 1,
    as_json: Json = False,
) -> None:
    """Let familiar, the small orchestrator, hold sessions on the running stack."""
    from model_foundry.cli.demo import hold_sessions

    with _errors_shown():
        report = hold_sessions(Settings(), sessions=sessions, seed=seed)
        if as_json:
            sys.stdout.write(json.dumps(report.as_dict()) + "\n")


@app.command()
def exporter() -> None:
    """Serve the line's figures to Prometheus, and a small live page, until Ctrl-C."""
    from model_foundry.cli.exporter import run_exporter

    with _errors_shown():
        run_exporter(Settings())


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the tables in PostgreSQL up to this version."""
    with _errors_shown():
        with closing(postgres.connect(Settings())) as connection:
            applied = postgres.migrate(connection)
        if as_json:
            sys.stdout.write(json.dumps({"applied": applied}) + "\n")
        elif applied:
            console.print(f"Applied {', '.join(applied)}.")
        else:
            console.print("Nothing to apply: the tables are up to date.")


@app.command()
def publish(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="NDJSON events; - is stdin.")],
    as_json: Json = False,
) -> None:
    """Publish events, one JSON object a line, each on its own `subject`."""
    from model_foundry.intake.publish import publish_lines

    with _errors_shown():
        if file == "-":
            published = publish_lines(Settings(), sys.stdin.buffer)
        else:
            path = Path(file)
            if not path.is_file():
                raise FoundryError(f"there is no file {path}")
            with path.open("rb") as lines:
                published = publish_lines(Settings(), lines)
        if as_json:
            sys.stdout.write(json.dumps(published._asdict()) + "\n")
        else:
            console.print(
                f"Published {published.published} events, {published.duplicates} of them "
                "known to the stream as duplicates."
            )


@quarantine.command("list")
def quarantine_list(
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """List quarantined messages, newest first."""
    from model_foundry.intake.quarantine import list_quarantined

    with _errors_shown():
        with closing(postgres.connect(Settings())) as connection:
            found = list_quarantined(connection, reason=reason, limit=limit)
        if as_json:
            for item in found:
                sys.stdout.write(json.dumps(item.as_dict()) + "\n")
            return
        table = Table("id", "reason", "subject", "seq", "received", "bytes", "detail")
        for item in found:
            table.add_row(
                str(item.quarantine_id),
                item.reason,
                escape(item.subject),
                str(item.stream_seq),
                item.received_at.isoformat(timespec="seconds"),
                str(item.raw_bytes),
                escape(item.detail),
            )
        console.print(table if found else "The quarantine is empty.")


@quarantine.command("replay")
def quarantine_replay(
    quarantine_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Annotated[str | None, typer.Option(help="Those of this reason.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not replayed.")] = False,
    as_json: Json = False,
) -> None:
    """Send quarantined messages through the door again: by id, by reason, or all."""
    from model_foundry.intake.quarantine import replay_quarantined

    with _errors_shown():
        if sum([bool(quarantine_ids), reason is not None, everything]) != 1:
            raise FoundryError("say which: ids, --reason REASON, or --all")
        done = replay_quarantined(Settings(), quarantine_ids=quarantine_ids or None, reason=reason)
        if as_json:
            sys.stdout.write(json.dumps(done._asdict()) + "\n")
        else:
            console.print(
                f"Tried {done.tried}: the inbox took {done.accepted}, {done.refused} stay refused."
            )


@app.command()
def translate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Markdown files.")],
    to: Annotated[str, typer.Option("--to", help="Language wanted, as in en.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Theirs; else the front matter's `lang`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where NAME.LANG.md goes; else beside FILE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Translate Markdown files whole or not at all; exit code 1: one could not be published."""
    from model_foundry.cli.translate import translate_files

    with _errors_shown():
        raise typer.Exit(
            translate_files(Settings(), files, to=to, source=source, out=out, as_json=as_json)
        )


@fleet.command("check")
def fleet_check(as_json: Json = False) -> None:
    """Memory plan and running slots; exit code 1: does not fit, or a server contradicts the fleet.

    The fleet and its profile are those of MODEL_FOUNDRY_FLEET and MODEL_FOUNDRY_PROFILE.
    """
    from model_foundry.cli.fleet import check_fleet

    with _errors_shown():
        raise typer.Exit(check_fleet(Settings(), as_json=as_json))


@fleet.command("render")
def fleet_render() -> None:
    """Print the command that starts each slot of the profile, ready for a shell."""
    from model_foundry.cli.fleet import render_fleet

    with _errors_shown():
        render_fleet(Settings())


@fleet.command("targets")
def fleet_targets() -> None:
    """Print the slots of the profile as Prometheus's file-based service discovery reads them."""
    from model_foundry.cli.fleet import print_targets

    with _errors_shown():
        print_targets(Settings())


@intake.command("replay")
def intake_replay(
    from_seq: Annotated[int | None, typer.Option(min=1)] = None,
    from_time: Annotated[datetime | None, typer.Option(formats=_TIMES)] = None,
    until_seq: Annotated[int | None, typer.Option(min=1)] = None,
    until_time: Annotated[datetime | None, typer.Option(formats=_TIMES)] = None,
    as_json: Json = False,
) -> None:
    """Read a stretch of the stream again and land what the inbox lacks; times are UTC."""
    from model_foundry.intake.replay import Stretch, replay

    with _errors_shown():
        stretch = Stretch(from_seq, _utc(from_time), until_seq, _utc(until_time))
        done = asyncio.run(replay(Settings(), stretch, report=errors.print))
        _show_drained(done.as_dict(), as_json)


@intake.command("import")
def intake_import(
    file: Annotated[Path, typer.Argument(help="NDJSON envelopes, or a Parquet of event_inbox.")],
    as_json: Json = False,
) -> None:
    """Land the events of a file through the same door; a second import lands nothing."""
    from model_foundry.intake.archive import import_file

    with _errors_shown():
        done = asyncio.run(import_file(Settings(), file, report=errors.print))
        _show_drained(done.as_dict(), as_json)


@intake.command("reconcile")
def intake_reconcile(
    whole: Annotated[bool, typer.Option(help="From the first sequence on.")] = False,
) -> None:
    """Prove that each acknowledged message lies somewhere; exit code 1 names what does not."""
    from model_foundry.intake.reconcile import reconcile

    with _errors_shown():
        settings = Settings()
        with closing(postgres.connect(settings)) as connection:
            found = reconcile(settings, connection, whole=whole)
        console.print(found.explained(), highlight=False)
        raise typer.Exit(1 if found.missing else 0)


@app.command()
def trace(
    correlation_id: str,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of several, that of this day.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with graph and timeline.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every node, however many.")] = False,
    as_json: Json = False,
) -> None:
    """Show one session: what happened in it, when, on which slot, and what was made of it."""
    from model_foundry.cli.trace import trace as show

    with _errors_shown():
        show(
            Settings(),
            correlation_id,
            day=day.date() if day else None,
            as_json=as_json,
            html=html,
            everything=everything,
        )


@app.command()
def query(
    statement: Annotated[str | None, typer.Argument(metavar='["SELECT …"]')] = None,
    name: Annotated[str | None, typer.Option(help="A named question; see --list.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the named questions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask foundry.duckdb, read-only: every summary and every table of the lake."""
    from model_foundry.cli.query import Form, list_questions, run_query

    with _errors_shown():
        if listed:
            list_questions()
            return
        form: Form = "json" if as_json else "csv" if as_csv else "table"
        run_query(Settings(), statement, name, form)


@app.command()
def report(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A UTC day.")],
    out: Annotated[
        Path | None, typer.Option(help="A file; .html makes a page, else it is Markdown.")
    ] = None,
) -> None:
    """Tell of one day, with plots: a page, or Markdown (to the terminal without --out)."""
    from model_foundry.cli.report import run_report

    with _errors_shown():
        run_report(Settings(), day.date(), out)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def _show_drained(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    names = ("messages", "landed", "duplicates", "redelivered", "quarantined", "repaired")
    console.print(", ".join(f"{result[name]} {name}" for name in names), highlight=False)


@quarantine.command("show")
def quarantine_show(
    quarantine_id: Annotated[int, typer.Argument(min=1)],
    raw: Annotated[bool, typer.Option("--raw", help="Only the message's bytes.")] = False,
) -> None:
    """Show one quarantined message with its reason and its bytes."""
    from model_foundry.intake.quarantine import show_quarantined

    with _errors_shown():
        with closing(postgres.connect(Settings())) as connection:
            item = show_quarantined(connection, quarantine_id)
        if raw:
            sys.stdout.buffer.write(item.raw)
            return
        for name, value in item.as_dict().items():
            console.print(f"[bold]{name}[/] ", end="")
            console.print(str(value), markup=False, highlight=False)
