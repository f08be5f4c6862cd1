"""`model-foundry status`: what runs, and how far the line is.

Belongs here: looking at the servers and counting. Does not: what to do about it (`doctor`).
"""

import asyncio
import sys
from contextlib import closing
from datetime import date
from typing import Any, Literal, NamedTuple

import psycopg
from rich.table import Table
from rich.text import Text

from model_foundry import postgres
from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.intake import address as nats_address
from model_foundry.intake.look import look
from model_foundry.postgres import flat
from model_foundry.postgres.address import address_of
from model_foundry.postgres.days import days_before
from model_foundry.settings import Settings
from model_foundry.settings.files import embedded_stack_is_running
from model_foundry.slot.liveness import look_at

State = Literal["up", "down"]


class Part(NamedTuple):
    """One part of the line as it was found; `figures` are for programs."""

    name: str
    state: State
    detail: str
    figures: dict[str, Any]


def show_status(settings: Settings, *, as_json: bool) -> int:
    """Print what runs; the exit code, 1 if a part is down."""
    parts = all_parts(settings)
    stack = embedded_stack_is_running(settings.home)
    ok = all(part.state == "up" for part in parts)
    if as_json:
        told = {
            "ok": ok,
            "home": str(settings.home),
            "embedded_stack": "running" if stack else "not running",
            "parts": [
                {"name": p.name, "state": p.state, "detail": p.detail, **p.figures} for p in parts
            ],
        }
        sys.stdout.write(json_line(told) + "\n")
        return 0 if ok else 1
    runs = "runs" if stack else "does not run"
    console.print(plain(f"Home {settings.home}; its embedded stack {runs}."), soft_wrap=True)
    table = Table("part", "state", "what it says")
    for part in parts:
        style = "green" if part.state == "up" else "bold red"
        table.add_row(plain(part.name), Text(part.state, style=style), plain(part.detail))
    console.print(table)
    return 0 if ok else 1


def all_parts(settings: Settings) -> list[Part]:
    """NATS, PostgreSQL, and each slot of the profile."""
    return [nats_part(settings), postgres_part(settings), *slot_parts(settings)]


def nats_part(settings: Settings) -> Part:
    """The stream, and what waits in it."""
    try:
        stand = asyncio.run(look(settings))
    except FoundryError as error:
        return Part("NATS", "down", str(error), {})
    where = nats_address.address_of(settings).where
    said = f"{where}, stream {settings.nats_stream}"
    if stand.messages is None:
        told = f"{said}: not made yet; the first publisher or drain makes it"
    elif stand.waiting is None:
        told = f"{said}: {stand.messages:,} messages, never drained yet"
    else:
        told = f"{said}: {stand.messages:,} messages, {stand.waiting + (stand.held or 0):,} wait"
    return Part("NATS", "up", told, stand._asdict())


def postgres_part(settings: Settings) -> Part:
    """The tables: which days they have, and which wait for their flat tables."""
    try:
        where = address_of(settings).where
        with closing(postgres.connect(settings)) as connection:
            postgres.require_schema(connection)
            days = days_before(connection, tables=["event_inbox"])
            stale = sorted(flat.stale_days(connection))
            quarantined = _count_quarantined(connection)
    except FoundryError as error:
        return Part("PostgreSQL", "down", str(error), {})
    except psycopg.Error as error:
        return Part("PostgreSQL", "down", " ".join(str(error).split()), {})
    span = f"days {days[0]} to {days[-1]}" if days else "no days yet"
    told = f"{where}: {span}, {len(stale)} of them with news, {quarantined:,} in quarantine"
    figures = {
        "days": len(days),
        "first_day": _iso(days[0]) if days else None,
        "last_day": _iso(days[-1]) if days else None,
        "days_with_news": [_iso(day) for day in stale],
        "quarantined": quarantined,
    }
    return Part("PostgreSQL", "up", told, figures)


def slot_parts(settings: Settings) -> list[Part]:
    """Each slot of the profile."""
    try:
        slots = settings_fleet(settings).in_profile(settings.profile)
    except FoundryError as error:
        return [Part("fleet", "down", str(error), {})]
    states = asyncio.run(look_at(slots, settings.environment(), settings))
    return [
        Part(
            f"slot {slot.name}",
            state.state,
            "; ".join(state.differences) or state.detail or f"{slot.model}, {slot.parallel} places",
            {"model": slot.model, "parallel": slot.parallel, "differences": state.differences},
        )
        for slot, state in zip(slots, states, strict=True)
    ]


def _count_quarantined(connection: psycopg.Connection[Any]) -> int:
    query = "SELECT count(*) FROM event_quarantine WHERE replayed_at IS NULL"
    [(count,)] = connection.execute(query).fetchall()
    return int(count)


def _iso(day: date) -> str:
    return day.isoformat()
