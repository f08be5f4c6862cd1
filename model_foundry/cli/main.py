"""The commands: their arguments, each with what it means."""

import json
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from model_foundry.cli.console import console, people_on_stderr
from model_foundry.cli.days import DAY, utc_day
from model_foundry.cli.failing import errors_shown as _errors_shown
from model_foundry.cli.failing import leave
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    help="Turn the traffic of your own LLM slots into rows, summaries and training data.",
)
quarantine = typer.Typer(no_args_is_help=True, help="Messages that could not be accepted.")
app.add_typer(quarantine, name="quarantine")
intake = typer.Typer(no_args_is_help=True, help="Read the stream again, import, reconcile.")
app.add_typer(intake, name="intake")
fleet = typer.Typer(no_args_is_help=True, help="The slots of the fleet file.")
app.add_typer(fleet, name="fleet")
new = typer.Typer(no_args_is_help=True, help="A recipe or a summary of your own, to begin with.")
app.add_typer(new, name="new")
translation = typer.Typer(
    no_args_is_help=True, help="What people decide of translations; checking them; TMX."
)
app.add_typer(translation, name="translation")
review = typer.Typer(no_args_is_help=True, help="Segments that a person accepts or corrects.")
translation.add_typer(review, name="review")

_TIME = "As 2026-11-20T09:30:00Z; without an offset it is UTC."
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"model-foundry {version('model-foundry')}", highlight=False)
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What every command takes."""


@app.command()
def up() -> None:
    """Run the embedded stack in the foreground: NATS, PostgreSQL and llama.cpp slots."""
    from model_foundry.cli.stack import run_in_foreground

    with _errors_shown():
        leave(run_in_foreground(Settings()))


@app.command()
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = 3000,
    parent: Annotated[
        int | None, typer.Option(min=1, hidden=True, help="End when this process is gone.")
    ] = None,
) -> None:
    """Run the embedded stack and the Dagster UI with its daemon, until Ctrl-C."""
    from model_foundry.cli.dev import run_dev

    with _errors_shown():
        leave(run_dev(Settings(), port, parent))


@app.command()
def demo(
    sessions: Annotated[
        int, typer.Option(min=1, max=1000, help="Sessions that familiar holds.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Which tasks familiar takes.")] = 1,
    as_json: Json = False,
) -> None:
    """Carry real traffic of a real model through the whole line once, on the embedded stack."""
    from model_foundry.cli.demo import run_demo

    with _errors_shown(), people_on_stderr(as_json):
        raise typer.Exit(run_demo(Settings(), sessions=sessions, seed=seed, as_json=as_json))


@app.command()
def familiar(
    sessions: Annotated[int, typer.Option(min=1, max=1000, help="Sessions to hold.")] = 1,
    seed: Annotated[int, typer.Option(help="Which tasks it takes.")] = 1,
    as_json: Json = False,
) -> None:
    """Let familiar, the small orchestrator, hold sessions on the running stack."""
    from model_foundry.cli.demo import hold_sessions

    with _errors_shown(), people_on_stderr(as_json):
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
def status(as_json: Json = False) -> None:
    """Show what runs and how far the line is; exit code 1: a part is down."""
    from model_foundry.cli.status import show_status

    with _errors_shown():
        raise typer.Exit(show_status(Settings(), as_json=as_json))


@app.command()
def doctor(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port that the Dagster UI is to have.")
    ] = 3000,
    as_json: Json = False,
) -> None:
    """Look for what may be in the way, and say what to do; exit code 1: something is."""
    from model_foundry.cli.doctor import run_doctor

    with _errors_shown(known_names=False):
        raise typer.Exit(run_doctor(port=port, as_json=as_json))


@app.command()
def settings(as_json: Json = False) -> None:
    """Show every setting in force and where it comes from; exit code 1: a name is not known."""
    from model_foundry.cli.settings import show_settings

    with _errors_shown(known_names=False):
        raise typer.Exit(show_settings(as_json=as_json))


@app.command()
def init(
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=65535, help="Look for a slot here instead of the usual ports."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is found.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write existing files anew.")] = False,
    as_json: Json = False,
) -> None:
    """Write a first .env and fleet.yaml here, by looking for slots and by asking."""
    from model_foundry.cli.init import run_init, usual_ports

    with _errors_shown():
        ports = port or list(usual_ports())
        run_init(Path(), ports=ports, yes=yes, force=force, as_json=as_json)


@new.command("recipe")
def new_recipe(
    name: str,
    kind: Annotated[
        Literal["generation", "translation"], typer.Option(help="What its slots are asked for.")
    ] = "generation",
    as_json: Json = False,
) -> None:
    """Write a recipe into the folder of definitions (MODEL_FOUNDRY_DEFS_DIR)."""
    from model_foundry.cli.new import make_recipe

    with _errors_shown():
        make_recipe(Settings(), name, kind=kind, as_json=as_json)


@new.command("summary")
def new_summary(name: str, as_json: Json = False) -> None:
    """Write a summary into the folder of definitions (MODEL_FOUNDRY_DEFS_DIR)."""
    from model_foundry.cli.new import make_summary

    with _errors_shown():
        make_summary(Settings(), name, as_json=as_json)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the tables in PostgreSQL up to this version."""
    from contextlib import closing

    from model_foundry import postgres

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
    """Publish events, one JSON object a line, each on its own `subject`; also of .gz and .zst."""
    from model_foundry.intake.lines import chunks, lines, opened
    from model_foundry.intake.publish import publish_lines

    with _errors_shown():
        with opened(file) as content:
            published = publish_lines(Settings(), lines(chunks(content)))
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
    flat_table: Annotated[
        str | None, typer.Option("--table", help="Only what this flat table refused.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """List what was refused, newest first: messages at the door, events by a flat table."""
    from model_foundry.cli.quarantine import list_messages

    with _errors_shown():
        list_messages(
            Settings(), reason=reason, flat_table=flat_table, limit=limit, as_json=as_json
        )


@quarantine.command("replay")
def quarantine_replay(  # noqa: PLR0917 - typer names them
    quarantine_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Annotated[str | None, typer.Option(help="Those of this reason.")] = None,
    flat_table: Annotated[
        str | None, typer.Option("--table", help="What this flat table refused.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not replayed.")] = False,
    under_new_ids: Annotated[
        bool, typer.Option(help="Give each event an id of its own: for event_id_conflict.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Try again what was refused, at the door and by flat tables: by id, reason, table, or all."""
    from model_foundry.cli.quarantine import replay

    with _errors_shown():
        replay(
            Settings(),
            quarantine_ids,
            reason=reason,
            flat_table=flat_table,
            everything=everything,
            under_new_ids=under_new_ids,
            as_json=as_json,
        )


@quarantine.command("show")
def quarantine_show(
    quarantine_id: Annotated[int, typer.Argument(min=1)],
    raw: Annotated[bool, typer.Option("--raw", help="Only the message's bytes.")] = False,
    as_json: Json = False,
) -> None:
    """Show a quarantined message, or an event that a flat table refused, with its reason."""
    from model_foundry.cli.quarantine import show

    with _errors_shown():
        show(Settings(), quarantine_id, raw=raw, as_json=as_json)


@app.command()
def translate(  # noqa: PLR0917 - typer names them
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Markdown files, folders, 'docs/**/*.md'."),
    ],
    to: Annotated[list[str], typer.Option("--to", help="Language wanted, as in en; repeatable.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Theirs; else the front matter's `lang`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the tree of NAME.LANG.md goes; else beside FILE.")
    ] = None,
    form: Annotated[
        Literal["markdown"] | None,
        typer.Option("--format", help="Read the files as this, whatever their names say."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask nothing: say how much would be asked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Translate Markdown files whole or not at all; exit code 1: one could not be published."""
    from model_foundry.cli.translate import translate_files

    with _errors_shown():
        code = translate_files(
            Settings(),
            files,
            to=to,
            source=source,
            out=out,
            as_markdown=form is not None,
            dry_run=dry_run,
            as_json=as_json,
        )
    raise typer.Exit(code)


_BY = typer.Option("--by", help="Who decides; else whoever is logged in.")
_SEGMENT = typer.Argument(metavar="ID", help="As `list` shows it, or its first six digits.")


@review.command("list")
def review_list(
    article: Annotated[str | None, typer.Option(help="Only of this document.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only into this language.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="What was decided, by whom.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    as_json: Json = False,
) -> None:
    """List the segments that keep documents from being published."""
    from model_foundry.cli.translation import list_reviews

    with _errors_shown():
        list_reviews(
            Settings(), article=article, language=to, decided=decided, limit=limit, as_json=as_json
        )


@review.command("accept")
def review_accept(
    segment: Annotated[str, _SEGMENT],
    by: Annotated[str | None, _BY] = None,
    as_json: Json = False,
) -> None:
    """Take a model's answer as it is, whatever was found."""
    from model_foundry.cli.translation import answer_review

    with _errors_shown():
        answer_review(Settings(), segment, text=None, by=by, as_json=as_json)


@review.command("edit")
def review_edit(
    segment: Annotated[str, _SEGMENT],
    text: Annotated[str, typer.Argument(help="The translation, with the source's marks.")],
    by: Annotated[str | None, _BY] = None,
    as_json: Json = False,
) -> None:
    """Put a translation of your own in a segment's place."""
    from model_foundry.cli.translation import answer_review

    with _errors_shown():
        answer_review(Settings(), segment, text=text, by=by, as_json=as_json)


@translation.command("check")
def translation_check(
    source: Annotated[Path, typer.Argument(help="The document.")],
    translated: Annotated[Path, typer.Argument(metavar="TRANSLATION")],
    own: Annotated[str | None, typer.Option("--from", help="The document's language.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="The translation's language.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a translation, whoever made it; exit code 1: something is."""
    from model_foundry.cli.translation import check_translation

    with _errors_shown():
        code = check_translation(Settings(), source, translated, own=own, to=to, as_json=as_json)
    raise typer.Exit(code)


@translation.command("export")
def translation_export(
    file: Annotated[Path, typer.Argument(metavar="FILE.tmx")], as_json: Json = False
) -> None:
    """Write the translation memory as TMX 1.4b."""
    from model_foundry.cli.translation import export_tmx

    with _errors_shown():
        export_tmx(Settings(), file, as_json=as_json)


@translation.command("import")
def translation_import(
    file: Annotated[Path, typer.Argument(metavar="FILE.tmx")], as_json: Json = False
) -> None:
    """Take the units of a TMX file into the translation memory."""
    from model_foundry.cli.translation import import_tmx

    with _errors_shown():
        import_tmx(Settings(), file, as_json=as_json)


@app.command()
def batch(  # noqa: PLR0917 - typer names them
    file: Annotated[Path, typer.Argument(help="OpenAI's batch format; also .gz and .zst.")],
    out: Annotated[Path, typer.Option(help="Where the answers go, in the file's order.")],
    errors_to: Annotated[
        Path | None,
        typer.Option("--errors", help="Where lines without an answer go; else OUT.errors.jsonl."),
    ] = None,
    role: Annotated[str, typer.Option(help="Who is asked by a line that names no model.")] = (
        "worker"
    ),
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Ask the role for models that no slot serves, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer a file of requests; exit code 1: some lines have no answer.

    A run that was stopped goes on where it was: start it again.
    """
    from model_foundry.cli.batch import run_batch

    with _errors_shown():
        raise typer.Exit(
            run_batch(
                Settings(),
                file,
                out=out,
                errors_to=errors_to,
                role=role,
                any_model=any_model,
                as_json=as_json,
            )
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
    from_time: Annotated[str | None, typer.Option(metavar="TIME", help=_TIME)] = None,
    until_seq: Annotated[int | None, typer.Option(min=1)] = None,
    until_time: Annotated[str | None, typer.Option(metavar="TIME", help=_TIME)] = None,
    as_json: Json = False,
) -> None:
    """Read a stretch of the stream again and land what the inbox lacks."""
    from model_foundry.cli.intake import replay

    with _errors_shown():
        replay(
            Settings(),
            from_seq=from_seq,
            from_time=from_time,
            until_seq=until_seq,
            until_time=until_time,
            as_json=as_json,
        )


@intake.command("import")
def intake_import(
    file: Annotated[Path, typer.Argument(help="NDJSON envelopes, or a Parquet of event_inbox.")],
    as_json: Json = False,
) -> None:
    """Land the events of a file through the same door; a second import lands nothing."""
    from model_foundry.cli.intake import import_file

    with _errors_shown():
        import_file(Settings(), file, as_json=as_json)


@intake.command("reconcile")
def intake_reconcile(
    whole: Annotated[bool, typer.Option(help="From the first sequence on.")] = False,
    accepted: Annotated[
        str | None,
        typer.Option("--accept", metavar="A..B", help="Missing sequences to take for lost."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why they may be missing; it is kept.")] = "",
    as_json: Json = False,
) -> None:
    """Prove that each acknowledged message lies somewhere; exit code 1 names what does not."""
    from model_foundry.cli.intake import prove

    with _errors_shown():
        raise typer.Exit(
            prove(Settings(), whole=whole, accepted=accepted, reason=reason, as_json=as_json)
        )


@app.command()
def trace(
    correlation_id: str,
    day: Annotated[
        date | None,
        typer.Option(parser=utc_day, metavar="DAY", help=f"Of several, that of this day. {DAY}"),
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
            day=day,
            as_json=as_json,
            html=html,
            everything=everything,
        )


@app.command()
def query(  # noqa: PLR0917 - typer names them
    statement: Annotated[str | None, typer.Argument(metavar='["SELECT …"]')] = None,
    name: Annotated[str | None, typer.Option(help="A named question; see --list.")] = None,
    since: Annotated[
        date | None,
        typer.Option(parser=utc_day, metavar="DAY", help=f"Its first UTC day. {DAY}"),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(parser=utc_day, metavar="DAY", help=f"Its last UTC day. {DAY}"),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the named questions.")] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="Every column, however wide the table becomes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, an object for each row.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask foundry.duckdb, read-only: every summary and every table of the lake."""
    from model_foundry.cli.query import Form, list_questions, run_query

    with _errors_shown():
        if wide + as_json + as_csv > 1:
            raise FoundryError("one of --wide, --json and --csv, please")
        if listed:
            list_questions(as_json=as_json)
            return
        form: Form = "json" if as_json else "csv" if as_csv else "wide" if wide else "table"
        run_query(Settings(), statement, name, form, since=since, until=until)


@app.command()
def summarize(
    *,
    only_list: Annotated[
        bool, typer.Option("--list", help="Only say how many there are of each summary.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compute days again that an earlier version has summarized; exit code 1: some failed."""
    from model_foundry.cli.summarize import run_summarize

    with _errors_shown():
        code = run_summarize(Settings(), only_list=only_list, as_json=as_json)
    raise typer.Exit(code)


@app.command()
def report(
    day: Annotated[str, typer.Option(metavar="DAY", help=f"Yours (MODEL_FOUNDRY_TIMEZONE). {DAY}")],
    out: Annotated[
        Path | None, typer.Option(help="A file; .html makes a page, else it is Markdown.")
    ] = None,
) -> None:
    """Tell of one day, with plots: a page, or Markdown (to the terminal without --out)."""
    from model_foundry.cli.report import run_report

    with _errors_shown():
        run_report(Settings(), day, out)
