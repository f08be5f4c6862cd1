"""`model-foundry fleet`: memory plan, running slots, how to start them, where they are scraped."""

import json
import sys

import msgspec
from rich.table import Table
from rich.text import Text

from model_foundry.cli.console import console
from model_foundry.cli.plain import plain
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.fleet.memory import DevicePlan, MemoryPlan, memory_plan
from model_foundry.fleet.render import start_command
from model_foundry.fleet.scrape import target_groups
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings
from model_foundry.slot.liveness import SlotState, look_at


def check_fleet(settings: Settings, *, as_json: bool) -> int:
    """Show plan and slots of the profile; the exit code.

    Returns:
        1 if a device is too small, or a live server contradicts the fleet; a slot that is down is
        named, and no fault of the fleet.

    Raises:
        FoundryError: the fleet file or the profile is wrong.
    """
    fleet = settings_fleet(settings)
    slots = fleet.in_profile(settings.profile)
    plan = memory_plan(fleet, slots)
    states = run_interruptibly(look_at(slots, settings.environment(), settings))
    too_small = [device.name for device in plan.devices if device.fits is False]
    contradicting = [state.slot for state in states if state.differences]
    ok = not too_small and not contradicting
    if as_json:
        shown = {
            "fleet": fleet.name,
            "profile": settings.profile,
            "ok": ok,
            **msgspec.to_builtins(plan),
            "slots": msgspec.to_builtins(states),
        }
        sys.stdout.write(json.dumps(shown) + "\n")
        return 0 if ok else 1
    title = plain(f"Memory of fleet {fleet.name}, profile {settings.profile}")
    console.print(_memory(plan, title=title))
    if plan.unplaced:
        unplaced = ", ".join(plan.unplaced)
        console.print(plain(f"No host given, so not planned: {unplaced}.", style="dim"))
    console.print(_slots(slots, states))
    for name in too_small:
        why = plain(f"{name}: lower parallel or context_tokens.")
        console.print(Text.assemble(("Too small: ", "bold red"), why))
    for name in contradicting:
        why = plain(f"{name}, see above.")
        console.print(Text.assemble(("Contradicts the fleet file: ", "bold red"), why))
    return 0 if ok else 1


def render_fleet(settings: Settings) -> None:
    """Print a shell command for each slot of the profile.

    Raises:
        FoundryError: the fleet file or the profile is wrong, or a slot says too little.
    """
    fleet = settings_fleet(settings)
    environment = settings.environment()
    lines = []
    for slot in fleet.in_profile(settings.profile):
        if slot.embedded:
            lines.append(f"# {slot.name}: `model-foundry up` starts it")
        elif (command := start_command(fleet, slot, environment)) is None:
            lines.append(f"# {slot.name}: runtime {slot.runtime}, started by whoever runs it")
        else:
            place = ", ".join([command.host or "any host", *command.gpus])
            lines += [f"# {slot.name}: {place}", command.line]
    sys.stdout.write("\n".join(lines) + "\n")


def print_targets(settings: Settings) -> None:
    """Print the profile's slots for Prometheus.

    Raises:
        FoundryError: the fleet file or the profile is wrong, or an endpoint is not known.
    """
    slots = settings_fleet(settings).in_profile(settings.profile)
    groups = target_groups(slots, settings.environment())
    sys.stdout.write(json.dumps(groups, indent=2) + "\n")


def _memory(plan: MemoryPlan, *, title: Text) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("device / slot")
    for name in ("weights", "KV a request", "parallel", "GiB", "max parallel"):
        table.add_column(name, justify="right")
    for device in plan.devices:
        table.add_row(
            plain(device.name, style="bold"), "", "", "", _gib(device.memory_gib), "", style="cyan"
        )
        for need in device.slots:
            table.add_row(
                Text("  ").append_text(plain(need.slot)),
                _gib(need.weights_gib),
                _gib(need.kv_gib_per_request),
                str(need.parallel),
                _gib(need.need_gib),
                "" if need.max_parallel is None else str(need.max_parallel),
            )
        table.add_row("  reserve", "", "", "", _gib(device.reserve_gib), "", style="dim")
        table.add_row("  free", "", "", "", _free(device), "")
        table.add_section()
    return table


def _free(device: DevicePlan) -> str:
    style = {True: "green", False: "bold red", None: "yellow"}[device.fits]
    at_most = "≤ " if device.fits is None and device.free_gib is not None else ""
    return f"[{style}]{at_most}{_gib(device.free_gib)}[/]"


def _gib(value: float | None) -> str:
    return "?" if value is None else f"{value:,.2f}"


def _slots(slots: tuple[Slot, ...], states: list[SlotState]) -> Table:
    table = Table("slot", "model", "state", title="\nSlots", title_justify="left")
    table.add_column("parallel", justify="right")
    table.add_column("server's", justify="right")
    table.add_column("differences", overflow="fold")
    for slot, state in zip(slots, states, strict=True):
        style = "dim" if state.state == "down" else "bold red" if state.differences else "green"
        table.add_row(
            plain(slot.name),
            plain(slot.model),
            Text(state.state, style=style),
            str(slot.parallel),
            "" if state.total_slots is None else str(state.total_slots),
            plain("; ".join(state.differences) or state.detail),
        )
    return table
