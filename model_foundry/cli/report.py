"""`model-foundry report`: a day, as a page or as Markdown."""

import sys
from pathlib import Path

from model_foundry.cli.console import console
from model_foundry.cli.days import day_in
from model_foundry.cli.plain import plain, plain_lines
from model_foundry.errors import FoundryError
from model_foundry.fleet.rates import rates
from model_foundry.report import day_report
from model_foundry.settings import Settings


def run_report(settings: Settings, day: str, out: Path | None) -> None:
    """Write the report, or print it.

    Raises:
        FoundryError: nothing is known of the day, or the file cannot be written.
    """
    slots, _ = rates(settings)
    report = day_report(settings, day_in(day, settings.zone), slots)
    if out is None:
        sys.stdout.write(plain_lines(report.markdown()))
        return
    text = report.page() if out.suffix == ".html" else report.markdown()
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FoundryError(f"{out} cannot be written: {error.strerror or error}") from None
    console.print(plain(f"Wrote {out}"), soft_wrap=True)
