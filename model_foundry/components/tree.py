"""Loading what a folder declares, as Dagster loads defs/.

Belongs here: Dagster's component tree. Does not: which folders there are (`own`, `definitions`).
"""

import warnings
from pathlib import Path
from types import ModuleType

import dagster as dg


def load(defs_module: ModuleType, project_root: Path) -> dg.Definitions:
    """Everything under a package, modules and component folders."""
    # Not `load_from_defs_folder`: it wants a pyproject.toml, which an installed wheel has not.
    return _load(defs_module, project_root, None)


def load_folder(folder: Path) -> dg.Definitions:
    """What the defs.yaml of a folder outside every package declares."""
    module = ModuleType(f"own_{folder.name}")
    module.__file__ = None
    module.__path__ = [str(folder)]
    # At its path, since definitions from the root of a tree cannot be merged with another's.
    return _load(module, folder, folder)


def _load(module: ModuleType, root: Path, at: Path | None) -> dg.Definitions:
    with warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", category)  # as Dagster itself does
        return dg.ComponentTree.from_module(defs_module=module, project_root=root).build_defs(at)
