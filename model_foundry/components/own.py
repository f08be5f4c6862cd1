"""Recipes of one's own, outside the package: `recipes/NAME/` in the folder of definitions.

Each is what a folder of defs/recipes is. One that cannot be loaded is left out, and told of: it
does not take the others with it.

Belongs here: which recipes there are, why one is not. Does not: what a recipe is (`recipe`).
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import dagster as dg
import yaml
from pydantic import ValidationError

from model_foundry.components.names import packaged_recipes, require_recipe_name
from model_foundry.components.tree import load_folder
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries.own import Broken, own_summaries

COMPONENTS: Final = {
    f"model_foundry.components.{kind}Recipe": kind.lower() for kind in ("Generation", "Translation")
}


class OwnRecipe(NamedTuple):
    """A recipe outside the package that could be loaded."""

    asset: str
    definitions: dg.Definitions


def folder_of(settings: Settings) -> Path:
    """Where they lie, whether it exists or not."""
    return settings.defs_root / "recipes"


def own_recipes(settings: Settings) -> tuple[list[OwnRecipe], list[Broken]]:
    """Those that can be loaded, by name, and those that cannot."""
    whole: list[OwnRecipe] = []
    broken: list[Broken] = []
    for folder in _folders(folder_of(settings)):
        try:
            whole.append(load_own(folder))
        except FoundryError as error:
            broken.append(Broken("recipe", folder, str(error)))
    return whole, broken


def recipe_asset_names(settings: Settings) -> tuple[str, ...]:
    """Asset names of all recipes, of the package and outside it, sorted."""
    own, _ = own_recipes(settings)
    return tuple(sorted([*packaged_recipes().values(), *(recipe.asset for recipe in own)]))


def broken_definitions(settings: Settings) -> list[Broken]:
    """Every recipe and summary outside the package that cannot be loaded."""
    return [*own_recipes(settings)[1], *own_summaries(settings)[1]]


def load_own(folder: Path) -> OwnRecipe:
    """One recipe.

    Raises:
        FoundryError: it cannot be loaded; the text names its file.
    """
    require_recipe_name(folder.name)
    asset = f"{_kind_of(folder)}_{folder.name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of others' files: the location is not to be stopped
            definitions = load_folder(folder)
    except Exception as error:  # whatever stands in the folder
        raise FoundryError(_why(error, folder)) from error
    if len([*(definitions.assets or ())]) != 1:
        raise FoundryError(f"{folder / 'defs.yaml'} declares more than one recipe")
    return OwnRecipe(asset, definitions)


def _kind_of(folder: Path) -> str:
    path = folder / "defs.yaml"
    try:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise FoundryError(f"{path}: {why}") from None
    component = declared.get("type") if isinstance(declared, dict) else None
    if not isinstance(component, str) or component not in COMPONENTS:
        raise FoundryError(f"{path}: `type` must be one of {', '.join(COMPONENTS)}")
    return COMPONENTS[component]


def _why(error: BaseException, folder: Path) -> str:
    """The first cause, in its own words: what Dagster puts around it is a picture of the tree."""
    while (cause := error.__cause__ or error.__context__) is not None:
        if isinstance(error, FoundryError):
            break
        error = cause
    told = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults)
    return told if str(folder) in told else f"{folder / 'defs.yaml'}: {told}"


def _folders(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(
            path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"
        )
    except OSError:
        return
