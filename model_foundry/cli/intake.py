"""`model-foundry intake`: the stream read again, files landed, the proof of rows."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from model_foundry import postgres
from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import json_line, plain_lines
from model_foundry.errors import FoundryError
from model_foundry.intake import archive, reconcile
from model_foundry.intake import replay as stream
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings


def replay(
    settings: Settings,
    *,
    from_seq: int | None,
    from_time: str | None,
    until_seq: int | None,
    until_time: str | None,
    as_json: bool,
) -> None:
    """Read a stretch of the stream again and land what the inbox lacks."""
    stretch = stream.Stretch(
        from_seq,
        stream.moment(from_time) if from_time is not None else None,
        until_seq,
        stream.moment(until_time) if until_time is not None else None,
    )
    done = run_interruptibly(stream.replay(settings, stretch, report=errors.print))
    _show_drained(done.as_dict(), as_json=as_json)


def import_file(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Land the events of a file."""
    done = run_interruptibly(archive.import_file(settings, file, report=errors.print))
    _show_drained(done.as_dict(), as_json=as_json)


def prove(
    settings: Settings, *, whole: bool, accepted: str | None, reason: str, as_json: bool
) -> int:
    """Print whether each acknowledged message lies somewhere; the exit code, 1 if one does not.

    Raises:
        FoundryError: `accepted` is no stretch of sequences.
    """
    with closing(postgres.connect(settings)) as connection:
        if accepted is not None:
            reconcile.accept(settings, connection, *_sequences(accepted), reason)
        found = reconcile.reconcile(settings, connection, whole=whole)
    if as_json:
        lost = [each._asdict() for each in found.accepted]
        told = {**found._asdict(), "accepted": lost, "ok": not found.missing}
        sys.stdout.write(json_line(told) + "\n")
    else:
        console.print(plain_lines(found.explained()), markup=False, highlight=False)
    return 1 if found.missing else 0


def _sequences(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        return int(first), int(last if dots else first)
    except ValueError:
        raise FoundryError(f"--accept takes a sequence or a stretch A..B, not {text!r}") from None


def _show_drained(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    names = ("messages", "landed", "duplicates", "redelivered", "quarantined", "repaired")
    console.print(", ".join(f"{result[name]} {name}" for name in names), highlight=False)
