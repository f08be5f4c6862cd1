"""A recipe or a summary from nothing, that works at once: what `new` and `dg scaffold` write.

Belongs here: the files of a new one, and where they go. Does not: what they mean (`recipe`,
`summaries.own`).
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import dagster as dg

from model_foundry.components import own
from model_foundry.components.names import require_free_name, require_recipe_name
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Kind
from model_foundry.sql import load_sql
from model_foundry.summaries import own as own_summaries
from model_foundry.whole_file import whole_file

TEMPLATES: Final = Path(__file__).with_name("templates")
_ROLES: Final[dict[Kind, tuple[str, ...]]] = {
    "generation": ("worker", "orchestrator", "translator"),
    "translation": ("translator", "worker", "orchestrator"),
}


class RecipeScaffolder(dg.Scaffolder[Any]):
    """What `dg scaffold defs` writes for a recipe: all its files, since it needs them to load."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Fill the folder.

        Raises:
            FoundryError: its name cannot be a recipe's, or a file is to be appended to.
        """
        if request.append:
            raise FoundryError("a folder holds one recipe: name another folder")
        require_free_name(request.target_path.name)
        kind: Kind = (
            "translation" if request.type_name.endswith("TranslationRecipe") else "generation"
        )
        _write_recipe(kind, request.target_path, Settings())


def new_recipe(settings: Settings, name: str, kind: Kind) -> Path:
    """A new recipe's folder, outside the package.

    Raises:
        FoundryError: its name is taken or is none, or the folder cannot be written.
    """
    require_recipe_name(name)
    folder = own.folder_of(settings) / name
    if folder.exists():
        raise FoundryError(f"{folder} is there already")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
            written = Path(scratch) / name
            written.mkdir()
            _write_recipe(kind, written, settings)
            own.load_own(written)
            written.rename(folder)
    except OSError as error:
        raise FoundryError(f"{folder} cannot be written: {error.strerror or error}") from None
    return folder


def new_summary(settings: Settings, name: str) -> Path:
    """A new summary's file, outside the package.

    Raises:
        FoundryError: as of `new_recipe`.
    """
    own_summaries.require_summary_name(name)
    path = own_summaries.folder_of(settings) / f"{name}.sql"
    if path.exists():
        raise FoundryError(f"{path} is there already")
    with whole_file(path) as file:
        file.write(load_sql("duckdb/template/summary").encode())
    return path


def _write_recipe(kind: Kind, folder: Path, settings: Settings) -> None:
    shutil.copytree(TEMPLATES / kind, folder, dirs_exist_ok=True)
    declared = folder / "defs.yaml"
    default = _ROLES[kind][0]
    text = declared.read_text(encoding="utf-8")
    text = text.replace(f"role: {default}", f"role: {_served_role(kind, settings)}")
    declared.write_text(text, encoding="utf-8")


def _served_role(kind: Kind, settings: Settings) -> str:
    """The role that suits the kind best of those that some slot of the profile serves."""
    try:
        slots = settings_fleet(settings).in_profile(settings.profile)
    except FoundryError:
        return _ROLES[kind][0]  # whoever uses the fleet says what is wrong with it
    served = {role for slot in slots for role in slot.roles}
    return next((role for role in _ROLES[kind] if role in served), _ROLES[kind][0])
