"""`model-foundry summarize`: days that earlier code has summarized, computed again."""

import sys
from collections import Counter

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import json_line, plain, plain_lines
from model_foundry.fleet.rates import rates
from model_foundry.settings import Settings
from model_foundry.summaries.older import OlderDay, older_days, renew


def run_summarize(settings: Settings, *, only_list: bool, as_json: bool) -> int:
    """Compute them, or name them; the exit code.

    Raises:
        FoundryError: PostgreSQL cannot be asked.
    """
    days = older_days(settings)
    if only_list:
        _list(days, as_json=as_json)
        return 0
    slots, without = rates(settings)
    if without is not None and days:
        errors.print(f"[yellow]Without costs: {without}[/]", soft_wrap=True)
    failed: list[str] = []
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )
    with bar as progress:
        task = progress.add_task("", total=len(days))
        for done in renew(settings, days, slots):
            progress.update(task, advance=1, description=f"{done.older.name} {done.older.day}")
            if done.why is not None:
                failed.append(f"{done.older.name} {done.older.day}: {done.why}")
    for line in failed:
        errors.print(plain_lines(line), markup=False, soft_wrap=True)
    told = {"computed": len(days) - len(failed), "failed": len(failed)}
    if as_json:
        sys.stdout.write(json_line(told) + "\n")
    else:
        console.print(f"{told['computed']:,} days computed again, {told['failed']:,} failed")
    return 1 if failed else 0


def _list(days: list[OlderDay], *, as_json: bool) -> None:
    if as_json:
        listed = [{"summary": each.name, "day": each.day.isoformat()} for each in days]
        sys.stdout.write(json_line({"days": listed}) + "\n")
        return
    for name, count in sorted(Counter(each.name for each in days).items()):
        console.print(plain(f"{name}: {count:,} days by older code"))
    if not days:
        console.print("No day was summarized by older code.")
