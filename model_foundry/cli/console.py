"""The two rich consoles that every command writes to."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console()
errors = Console(stderr=True)


@contextmanager
def people_on_stderr(wanted: bool) -> Iterator[None]:
    """What is for people goes to stderr, if a program reads stdout."""
    console.stderr = wanted
    try:
        yield
    finally:
        console.stderr = False
