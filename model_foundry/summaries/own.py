"""Summaries of one's own, outside the package: `summaries/NAME.sql` in the folder of definitions.

Each is what a file of sql/duckdb is, and becomes an asset, a view and files of the lake as those
do. One that is no such file is left out, and told of.

Belongs here: which summaries there are. Does not: what one computes (`compute`).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries.compute import (
    ROLLUPS,
    SUMMARIES,
    Summary,
    input_tables,
    rollup_views,
    shipped,
)

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Assets beside the summaries; those of recipes are known by how they begin.
_ASSETS: Final = ("article", "lake", "pipeline_event_inbox_record", "slot", "slot_benchmark")
_KINDS: Final = ("broken_", "generation_", "translation_")


class Broken(NamedTuple):
    """A definition outside the package that cannot be loaded.

    Attributes:
        kind: `recipe` or `summary`.
        path: its file or folder.
        why: one sentence, or a few.
    """

    kind: str
    path: Path
    why: str


def folder_of(settings: Settings) -> Path:
    """Where they lie, whether it exists or not."""
    return settings.defs_root / "summaries"


def own_summaries(settings: Settings) -> tuple[list[Summary], list[Broken]]:
    """Those that can be loaded, by name, and those that cannot."""
    whole: list[Summary] = []
    broken: list[Broken] = []
    for path in _files(folder_of(settings)):
        try:
            whole.append(_read(path))
        except FoundryError as error:
            broken.append(Broken("summary", path, str(error)))
    return whole, broken


def all_summaries(settings: Settings) -> list[Summary]:
    """Those of the package, then one's own."""
    return [*map(shipped, SUMMARIES), *own_summaries(settings)[0]]


def summary_names(settings: Settings) -> tuple[str, ...]:
    """Names of `all_summaries`."""
    return tuple(summary.name for summary in all_summaries(settings))


def find_summary(settings: Settings, name: str) -> Summary:
    """A summary by its name.

    Raises:
        FoundryError: there is none, or it cannot be loaded.
    """
    if name in SUMMARIES:
        return shipped(name)
    require_summary_name(name)
    return _read(folder_of(settings) / f"{name}.sql")


def require_summary_name(name: str) -> None:
    """Refuse what cannot be a summary's name, or is another thing's.

    Raises:
        FoundryError: the text says why.
    """
    if not NAME.fullmatch(name):
        raise FoundryError(
            f"{name!r} is no name of a summary: it takes small letters, digits and _, begins with "
            "a letter, and has at most 63 of them"
        )
    taken = {*SUMMARIES, *lake.LAKE_TABLES, *ROLLUPS, *rollup_views(), *_ASSETS}
    if name in taken or name.startswith(_KINDS):
        raise FoundryError(
            f"the name {name} is taken by a table, an asset or a view: choose another"
        )


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.glob("*.sql") if not path.name.startswith("."))
    except OSError:
        return


def _read(path: Path) -> Summary:
    require_summary_name(path.stem)
    try:
        summary = Summary(path.stem, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FoundryError(f"there is no summary {path.stem}: {path} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise FoundryError(f"{path} cannot be read: {reason}") from None
    try:
        tables = input_tables(summary)
    except ValueError as error:
        raise FoundryError(f"{path}: {error}") from None
    if unknown := [table for table in tables if table not in lake.LAKE_TABLES]:
        raise FoundryError(
            f"{path} reads {', '.join(unknown)}, which the lake does not have; it has "
            f"{', '.join(sorted(lake.LAKE_TABLES))}"
        )
    if not tables or "$day" not in summary.statement:
        raise FoundryError(
            f"{path} must read a table of the lake and say of which day: WHERE occurred_on = $day"
        )
    return summary
