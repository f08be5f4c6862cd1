"""`model-foundry quarantine`: what was refused, at the door and by flat tables."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from rich.table import Table
from rich.text import Text

from model_foundry import postgres
from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain, plain_lines
from model_foundry.errors import FoundryError
from model_foundry.intake.quarantine import (
    Quarantined,
    Replayed,
    list_quarantined,
    replay_quarantined,
    show_quarantined,
)
from model_foundry.postgres.flat_refused import (
    FlatRefused,
    is_for_tables,
    list_refused,
    refused_event,
    replay_refused,
)
from model_foundry.settings import Settings


def list_messages(
    settings: Settings,
    *,
    reason: str | None,
    flat_table: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Print what was refused, newest first."""
    with closing(postgres.connect(settings)) as connection:
        refused = list_refused(connection, reason=reason, table=flat_table, limit=limit)
        only_tables = is_for_tables(reason, flat_table)
        found = [] if only_tables else list_quarantined(connection, reason=reason, limit=limit)
    if as_json:
        for item in found:
            sys.stdout.write(json.dumps({"refused_by": "door", **item.as_dict()}) + "\n")
        for event in refused:
            sys.stdout.write(json.dumps({"refused_by": "table", **event.as_dict()}) + "\n")
        return
    if not found and not refused:
        console.print("The quarantine is empty.")
        return
    table = Table("id", "refused by")
    table.add_column("subject or event", overflow="fold", min_width=16)
    table.add_column("received, UTC", no_wrap=True)
    table.add_column("why", overflow="fold", min_width=20)
    rows = [
        *((e.refused_id, e.table, e.event_id, str(e.day), _why(e)) for e in refused),
        *((m.quarantine_id, "door", m.subject, f"{m.received_at:%F %R}", _why(m)) for m in found),
    ]
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table)


def _why(refused: Quarantined | FlatRefused) -> str:
    return f"{refused.reason}: {refused.detail}"


def replay(
    settings: Settings,
    quarantine_ids: Sequence[int] | None,
    *,
    reason: str | None,
    flat_table: str | None,
    everything: bool,
    under_new_ids: bool,
    as_json: bool,
) -> None:
    """Try again what was refused.

    Raises:
        FoundryError: nothing, or more than one thing, says which.
    """
    given = [bool(quarantine_ids), reason is not None, flat_table is not None, everything]
    if sum(given) != 1:
        raise FoundryError("say which: ids, --reason REASON, --table TABLE, or --all")
    ids = list(quarantine_ids or ()) or None
    events = replay_refused(settings, refused_ids=ids, reason=reason, table=flat_table)
    done = Replayed(0, 0, 0, 0)
    if not is_for_tables(reason, flat_table):
        done = replay_quarantined(
            settings, quarantine_ids=ids, reason=reason, under_new_ids=under_new_ids
        )
    if as_json:
        sys.stdout.write(json.dumps({**done._asdict(), "flat": events._asdict()}) + "\n")
        return
    if done.tried or not events.found:
        console.print(
            f"Tried {done.tried}: the inbox took {done.accepted}, it had {done.duplicates} "
            f"already, {done.refused} stay refused."
        )
    if events.found:
        console.print(
            f"Tried {events.tried} of the flat tables: {events.accepted} have their rows now, "
            f"{events.tried - events.accepted} stay refused."
        )
    if events.gone:
        console.print(
            f"{events.gone} are of days that PostgreSQL has dropped: the lake's event_inbox "
            "has these events; publish them again under another event_id."
        )


def show(settings: Settings, quarantine_id: int, *, raw: bool, as_json: bool) -> None:
    """Print one message, or one event, with its reason; `raw`: only its bytes.

    Raises:
        FoundryError: there is none, or its bytes would go to a terminal.
    """
    with closing(postgres.connect(settings)) as connection:
        if raw and sys.stdout.isatty():
            raise FoundryError("these bytes are not for a terminal: send them to a file or a pipe")
        if refused := list_refused(connection, refused_ids=[quarantine_id]):
            event = refused_event(connection, quarantine_id)
            _show_refused(refused[0], event, raw=raw, as_json=as_json)
            return
        item = show_quarantined(connection, quarantine_id)
    if raw:
        sys.stdout.buffer.write(item.raw)
        return
    _print_fields({"refused_by": "door", **item.as_dict()}, as_json=as_json)


def _show_refused(
    refused: FlatRefused, event: tuple[str, str] | None, *, raw: bool, as_json: bool
) -> None:
    subject, payload = event or (None, "")
    if raw:
        sys.stdout.buffer.write(payload.encode())
        return
    fields = {"refused_by": "table", **refused.as_dict(), "subject": subject, "payload": payload}
    _print_fields(fields, as_json=as_json)
    if event is None and not as_json:
        console.print(
            "PostgreSQL has dropped its day; the lake's event_inbox has the event.", highlight=False
        )


def _print_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_line(fields) + "\n")
        return
    for name, value in fields.items():
        shown = json.dumps(value) if isinstance(value, dict) else str(value)
        line = Text.assemble((name, "bold"), " ", plain_lines(shown))
        console.print(line, highlight=False, soft_wrap=True)
