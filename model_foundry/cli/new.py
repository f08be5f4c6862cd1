"""`model-foundry new`: a recipe or a summary of one's own, that works at once."""

import sys
from pathlib import Path

from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain
from model_foundry.components.scaffold import new_recipe, new_summary
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Kind


def make_recipe(settings: Settings, name: str, *, kind: Kind, as_json: bool) -> None:
    """Write a recipe's folder, and say what to do with it.

    Raises:
        FoundryError: its name is taken or is none, or the folder cannot be written.
    """
    _tell(new_recipe(settings, name, kind), f"{kind}_{name}", as_json=as_json)


def make_summary(settings: Settings, name: str, *, as_json: bool) -> None:
    """Likewise of a summary's file."""
    _tell(new_summary(settings, name), name, as_json=as_json)


def _tell(path: Path, asset: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_line({"path": str(path), "asset": asset}) + "\n")
        return
    console.print(plain(f"Wrote {path}: the asset {asset}."), soft_wrap=True)
    console.print(
        plain(
            "It works as it is. Change it, then choose Reload definitions in the Dagster UI, and "
            "materialize a day of it."
        ),
        soft_wrap=True,
    )
