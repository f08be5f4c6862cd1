"""`model-foundry translate`: Markdown files through the translator slots, with a progress bar."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from model_foundry import postgres
from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import plain
from model_foundry.dispatch.report import Progress
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.files import named_files, without_translations
from model_foundry.translation.languages import canonical
from model_foundry.translation.publish import Outcome, Planned, Wanted, plan, publish


def translate_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    to: Sequence[str],
    source: str | None,
    out: Path | None,
    as_markdown: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Translate files and write what is whole; the exit code.

    Returns:
        1 if a translation was not published, or the file in its place was kept.

    Raises:
        FoundryError: a file is not there, a language is not known, or no slot can be reached.
    """
    languages = [known_language(language) for language in dict.fromkeys(to)]
    own = known_language(source) if source else None
    found = named_files(files, as_markdown=as_markdown)
    tree = found.tree(out)
    wanted = [
        Wanted(found.article(each.path, tree), language, own, tree, each.refusal)
        for language in dict.fromkeys(languages)
        for each in without_translations(found.named, settings.article_max_bytes)
    ]
    with closing(postgres.connect(settings)) as connection:
        postgres.migrate(connection)
        if dry_run:
            planned = plan(wanted, settings=settings, connection=connection)
            _show_plan(planned, as_json=as_json)
            return 0 if all(each.outcome.status in _WELL for each in planned) else 1
        with _bar() as bar:
            task = bar.add_task("segments", total=None)

            def show(progress: Progress) -> None:
                bar.update(task, completed=progress.done, total=progress.total)

            outcomes = publish(
                wanted,
                settings=settings,
                connection=connection,
                priority="interactive",
                progress=show,
            )
    if as_json:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(_as_dict(outcome)) + "\n")
    else:
        for outcome in outcomes:
            _show(outcome)
    return 0 if all(outcome.status in _WELL for outcome in outcomes) else 1


_WELL = {"published", "skipped"}


def known_language(code: str) -> str:
    """The code as BCP 47 writes it.

    Raises:
        FoundryError: it is not known.
    """
    try:
        return canonical(code)
    except ValueError as error:
        raise FoundryError(str(error)) from error


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )


def _show_plan(planned: Sequence[Planned], *, as_json: bool) -> None:
    """What would be done and asked, and the sum."""
    if as_json:
        for each in planned:
            forecast = each.forecast._asdict() if each.forecast else {}
            status = "planned" if each.outcome.status == "published" else each.outcome.status
            said = _as_dict(each.outcome) | {"status": status} | forecast
            sys.stdout.write(json.dumps(said) + "\n")
        return
    table = Table("file", "to", box=None, pad_edge=False)
    for heading in ("segments", "to ask", "tokens to read", "to write, at most"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in planned:
        figures = each.forecast or (0, 0, 0, 0)
        table.add_row(
            plain(each.outcome.wanted.article.path),
            each.outcome.wanted.language,
            *(f"{figure:,}" for figure in figures),
            plain("; ".join(each.outcome.reasons)),
        )
    sums = [sum(each) for each in zip(*(p.forecast for p in planned if p.forecast), strict=True)]
    table.add_row("together", "", *(f"{figure:,}" for figure in sums or (0, 0, 0, 0)), "")
    console.print(table)


def _as_dict(outcome: Outcome) -> dict[str, object]:
    translated = outcome.translated
    return {
        "file": str(outcome.wanted.article.path),
        "from": outcome.source,
        "to": outcome.wanted.language,
        "output": str(outcome.output),
        "status": outcome.status,
        "reasons": outcome.reasons,
        "segments": len(outcome.parts),
        "asked": translated.asked if translated else 0,
        "model": outcome.models,
        "licence": outcome.licences,
    }


def _show(outcome: Outcome) -> None:
    style = "green" if outcome.status == "published" else "bold red"
    lines = [
        Text.assemble(
            (outcome.status.replace("_", " "), style), ": ", plain(outcome.wanted.article.path)
        )
    ]
    if outcome.status == "published" and outcome.translated:
        asked = outcome.translated.asked
        lines.append(
            plain(
                f"{outcome.output}: {len(outcome.parts)} segments, {asked} of them asked, by "
                f"{outcome.models or 'nobody'}"
            )
        )
    lines += [plain(reason) for reason in outcome.reasons]
    for number, line in enumerate(lines):
        shown = Text("  " if number else "").append_text(line)
        console.print(shown, highlight=False, soft_wrap=True)
    if outcome.status == "not_published" and outcome.parts:
        console.print(
            Text("  `model-foundry translation review` accepts or corrects what is named."),
            soft_wrap=True,
        )
