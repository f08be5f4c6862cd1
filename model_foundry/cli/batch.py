"""`model-foundry batch`: a file in OpenAI's batch format, answered by the fleet."""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from model_foundry import postgres
from model_foundry.batch.batch import Batch, Stand, Survey, Written
from model_foundry.batch.target import Targets
from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import plain
from model_foundry.dispatch.report import DispatchReport
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings


def run_batch(
    settings: Settings,
    file: Path,
    *,
    out: Path,
    errors_to: Path | None,
    role: str,
    any_model: bool,
    as_json: bool,
) -> int:
    """Answer a file's lines; the exit code, 1 if some have no answer.

    Raises:
        FoundryError: a file cannot be read or written, no slot serves the role, or nothing can
            be asked.
    """
    errors_to = errors_to or out.with_suffix(".errors.jsonl")
    _check_files(file, out, errors_to)
    fleet = settings_fleet(settings)
    fleet.with_role(role, settings.profile)  # said at once, whatever the lines name
    targets = Targets(fleet.in_profile(settings.profile), role, any_model=any_model)
    batch = Batch(file, targets)
    survey = batch.survey()
    with closing(postgres.connect(settings)) as connection:
        postgres.migrate(connection)
    with _bar() as bar:
        task = bar.add_task("lines", total=survey.lines, completed=survey.refused, speed=0.0)

        def show(stand: Stand) -> None:
            bar.update(task, completed=stand.done, speed=stand.tokens_per_s)

        reports = run_interruptibly(batch.ask(settings, survey, show))
    with closing(postgres.connect(settings)) as connection:
        written = batch.write(connection, out, errors_to)
    figures = _figures(survey, reports, written)
    if as_json:
        told = {**figures, "out": str(out), "errors_to": str(errors_to)}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        _show(figures, out, errors_to)
    return 1 if written.errors else 0


def _check_files(file: Path, out: Path, errors_to: Path) -> None:
    paths = [path.absolute() for path in (file, out, errors_to)]
    if len(set(paths)) < len(paths):
        raise FoundryError("the file, --out and --errors must be three different files")
    for path in paths:
        if path.is_dir():
            raise FoundryError(f"{path} is a folder")
    if file.exists() and not file.is_file():
        raise FoundryError(f"{file} is a pipe or a device: a batch is read three times")


def _figures(survey: Survey, reports: list[DispatchReport], written: Written) -> dict[str, Any]:
    names = ("asked", "cached", "ok", "rejected", "failed", "input_tokens", "output_tokens")
    return {
        "lines": survey.lines,
        "answers": written.answers,
        "errors": written.errors,
        "errors_by_code": written.by_code,
        "not_sent": survey.not_sent,
        **{name: sum(getattr(report, name) for report in reports) for name in names},
    }


def _show(figures: Mapping[str, Any], out: Path, errors_to: Path) -> None:
    lines = [
        f"{figures['answers']} answers in {out}; {figures['asked']} lines were asked now, "
        f"{figures['cached']} had an answer already."
    ]
    if figures["errors"]:
        listed = _listed(figures["errors_by_code"])
        lines.append(f"{figures['errors']} lines without one in {errors_to}: {listed}.")
    if figures["not_sent"]:
        lines.append(f"Not sent, as nothing but an account's: {_listed(figures['not_sent'])}.")
    for line in lines:
        console.print(plain(line), highlight=False, soft_wrap=True)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]:.1f} tokens/s"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )
