"""Which files a command is to translate: files, folders and patterns, as a person names them.

Belongs here: from arguments to articles, and the tree that they share. Does not: the articles'
folder, which the sensor watches (`article`).
"""

import os
from collections.abc import Iterator, Sequence
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.translation.article import SUFFIXES, Article, Tree, read_text, stamp_of


class Named(NamedTuple):
    """A file, and why it is not read, if so; `found`: by a folder or a pattern."""

    path: Path
    found: bool
    refusal: str | None = None


class Files(NamedTuple):
    """The files that were named, each once, and the folder that holds them all."""

    named: list[Named]
    root: Path

    def tree(self, out: Path | None) -> Tree | None:
        """Where translations go, if not beside their sources."""
        return Tree(self.root, out) if out is not None else None

    def article(self, path: Path, tree: Tree | None) -> Article:
        """A file by the name that its translation says it is of."""
        inside = Path(os.path.relpath(path.absolute(), self.root)).as_posix()
        return Article(inside if tree else path.name, path)


def named_files(arguments: Sequence[Path], *, as_markdown: bool = False) -> Files:
    """What the arguments name. Of folders and patterns only Markdown counts.

    Raises:
        FoundryError: a file is not there, or nothing was found.
    """
    found: dict[str, Named] = {}
    roots: list[Path] = []
    missing: list[str] = []
    for argument in arguments:
        if argument.is_dir():
            roots.append(argument.absolute())
            paths, is_found = _below(argument, "**/*"), True
        elif has_magic(str(argument)) and not argument.exists():
            fixed, pattern = _fixed(argument)
            roots.append(fixed.absolute())
            paths, is_found = _below(fixed, pattern), True
        elif argument.is_file():
            roots.append(argument.absolute().parent)
            paths, is_found = iter([argument]), False
        else:
            missing.append(str(argument))
            continue
        before = len(found)
        for path in paths:
            refusal = None
            if path.suffix.lower() not in SUFFIXES and not as_markdown:
                if is_found:
                    continue
                refusal = (
                    f"{path.name} is no Markdown: {', '.join(SUFFIXES)} are; --format markdown "
                    "reads a file as Markdown whatever its name is"
                )
            found.setdefault(os.path.normpath(path.absolute()), Named(path, is_found, refusal))
        if is_found and len(found) == before:
            missing.append(str(argument))
    if missing:
        raise FoundryError(f"there is no file {', '.join(missing)}")
    root = Path(os.path.commonpath([os.path.normpath(each) for each in roots]))
    return Files(list(found.values()), root)


def without_translations(named: Sequence[Named], max_bytes: int) -> list[Named]:
    """The files but for translations of others of them, and those that nobody named himself."""
    there = {os.path.normpath(each.path.absolute()) for each in named}
    kept = []
    for each in named:
        source = None if each.refusal else _source_of(each.path, max_bytes)
        if source is None or not (each.found or source in there):
            kept.append(each)
    return kept


def _source_of(path: Path, max_bytes: int) -> str | None:
    try:
        stamp = stamp_of(read_text(path, max_bytes))
    except (FoundryError, FileNotFoundError):
        return None
    return os.path.normpath(path.absolute().parent / Path(stamp.source).name) if stamp else None


def _fixed(pattern: Path) -> tuple[Path, str]:
    """The folders of a pattern before its first sign, and the rest."""
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if has_magic(part))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    """Files that are not hidden, by name."""
    for path in sorted(folder.glob(pattern)):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in inside):
            yield path
