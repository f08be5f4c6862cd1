"""The two rich consoles that every command writes to."""

from rich.console import Console

console = Console()
errors = Console(stderr=True)
