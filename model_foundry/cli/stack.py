"""Starting the embedded stack where it is needed, with its services shown as they come."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import psutil
from rich.text import Text

from model_foundry.cli.console import console, errors
from model_foundry.cli.plain import plain
from model_foundry.devstack.left_over import end_left_over
from model_foundry.devstack.stack import Stack, run_foreground
from model_foundry.settings import Settings
from model_foundry.settings.files import embedded_stack_is_running, services_env

_STYLES = {
    "ready": "green",
    "failed": "bold red",
    "died": "bold red",
    "recovering": "yellow",
    "fetching": "yellow",
}


def show(service: str, state: str, detail: str) -> None:
    """One line for each change of a service."""
    style = _STYLES.get(state, "dim")
    target = errors if state in {"failed", "died"} else console
    line = Text.assemble(
        "  ", (f"{state:10}", style), f" {service:14} ", plain(detail, style="dim")
    )
    target.print(line, highlight=False, soft_wrap=True)


def show_left_over(processes: Sequence[psutil.Process]) -> None:
    """One line about what a `model-foundry dev` that was killed has left behind."""
    if processes:
        pids = ", ".join(str(process.pid) for process in processes)
        show("dev", "recovering", f"ends what the last one left: process {pids}")


def run_in_foreground(settings: Settings) -> int:
    """`model-foundry up`: the stack until a signal; its exit code."""

    console.print(f"Embedded stack in [bold]{settings.home}[/] (Ctrl-C stops it)", highlight=False)
    console.print(
        f"  [dim]addresses, once ready: {services_env(settings.home)}[/]", highlight=False
    )
    show_left_over(end_left_over(settings.home))
    return run_foreground(settings, show)


@contextlib.contextmanager
def stack_where_needed(
    settings: Settings,
    cancelled: threading.Event | None = None,
    *,
    telemetry_url: str | None = None,
) -> Iterator[Stack | None]:
    """The embedded stack for the length of the block; None where other servers are in use.

    `telemetry_url` is where those who use the stack find something that listens.
    Those are a stack that already runs in this home, or NATS and PostgreSQL of the person's own.
    """
    if embedded_stack_is_running(settings.home):
        console.print(f"Using the stack that runs in [bold]{settings.home}[/].", highlight=False)
        yield None
    elif settings.nats_url is not None and settings.postgres_url is not None:
        console.print("Using the NATS and PostgreSQL that the environment names.")
        yield None
    else:
        console.print(f"Embedded stack in [bold]{settings.home}[/]", highlight=False)
        stack = Stack(settings, telemetry_url=telemetry_url)
        stack.start(show, cancelled=cancelled)
        try:
            yield stack
        finally:
            stack.stop()
