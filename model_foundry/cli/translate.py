"""`model-foundry translate`: Markdown files through the translator slots, with a progress bar."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from model_foundry import postgres
from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import plain
from model_foundry.dispatch.report import Progress
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.article import Article
from model_foundry.translation.languages import language_name
from model_foundry.translation.publish import Outcome, Wanted, publish


def translate_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    to: str,
    source: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Translate files and write what is whole; the exit code.

    Returns:
        1 if a translation was not published, or the file in its place was kept.

    Raises:
        FoundryError: a file is not there, a language is not known, or no slot can be reached.
    """
    for language in filter(None, (to, source)):
        try:
            language_name(language)
        except ValueError as error:
            raise FoundryError(str(error)) from error
    if missing := [str(file) for file in files if not file.is_file()]:
        raise FoundryError(f"there is no file {', '.join(missing)}")
    wanted = [Wanted(Article(file.name, file), to, source, out) for file in files]
    with closing(postgres.connect(settings)) as connection, _bar() as bar:
        postgres.migrate(connection)
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
    return 0 if all(outcome.status in {"published", "skipped"} for outcome in outcomes) else 1


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )


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
