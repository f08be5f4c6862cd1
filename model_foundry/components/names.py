"""Names of recipes: which there are, and which cannot be given.

A recipe's name is that of its asset and of its rows in `inference_result`, which others write too.
"""

import re
from pathlib import Path
from typing import Final

import yaml

from model_foundry.batch import batch
from model_foundry.errors import FoundryError
from model_foundry.paths import PACKAGE
from model_foundry.requests import event
from model_foundry.translation import translate

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_OTHERS: Final = {
    batch.RECIPE: "`model-foundry batch`",
    event.RECIPE: "request events",
    translate.RECIPE: "the translation of articles",
    "slot_benchmark": "the measurement of slots",
}


def packaged_recipes(root: Path = PACKAGE / "defs") -> dict[str, str]:
    """Asset names of the recipes that ship, or were added under defs/, by their folders' names."""
    names = {}
    for path in sorted(root.rglob("defs.yaml")):
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        match = re.search(r"\.(\w+)Recipe$", str(declared.get("type", "")))
        if match:
            names[path.parent.name] = f"{match[1].lower()}_{path.parent.name}"
    return names


def require_free_name(name: str) -> None:
    """Refuse a name that cannot be a recipe's, or that others write rows under.

    Raises:
        FoundryError: the text says why.
    """
    if not NAME.fullmatch(name):
        raise FoundryError(
            f"{name!r} is no name of a recipe: it takes letters of ASCII, digits and _, begins "
            "with a letter, and has at most 63 of them"
        )
    if name in _OTHERS:
        raise FoundryError(
            f"no recipe can be named {name}: {_OTHERS[name]} keep their results under that name. "
            "Rename its folder"
        )


def require_recipe_name(name: str) -> None:
    """Likewise of a recipe outside the package, which can have no packaged one's name either."""
    require_free_name(name)
    if name in packaged_recipes():
        raise FoundryError(f"there is a recipe {name} in the package already: rename the folder")
