"""Which translation a file has, in each language: the one on disk, or one about to be written.

Belongs here: from a source to its translation. Does not: rewriting links to it (`links`).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from model_foundry.translation.article import Tree, output_path, said_language
from model_foundry.translation.links import Place


class Siblings:
    """Translations by their sources; `coming` are those that are not on disk yet."""

    def __init__(self, coming: Mapping[tuple[Path, str], Path] | None = None) -> None:
        self._coming = {
            (_plain(path), language): output for (path, language), output in (coming or {}).items()
        }

    def place(self, source: Path, output: Path, language: str, tree: Tree | None = None) -> Place:
        """A translation's place among them."""

        def translation_of(path: Path) -> Path | None:
            if (coming := self._coming.get((_plain(path), language))) is not None:
                return coming
            names = (
                output_path(path, language, tree, own=own) for own in (None, said_language(path))
            )
            return next((each for each in names if each != path and each.is_file()), None)

        return Place(source.absolute(), output.absolute(), translation_of)


def _plain(path: Path) -> str:
    return os.path.normpath(path.absolute())
