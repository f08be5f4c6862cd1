"""The lake: each day of a PostgreSQL table, and of a summary, as Parquet files.

    <lake>/<table>/day=YYYY-MM-DD.<layer>-<first>-<last>-<crc32>.parquet
    <lake>/.columns/<table>.parquet    without rows

Files are never written again. What arrived is appended as a file `n-n`; a rebuilt or merged day
is one file `0-n` (or `i-n`), which is worth more than every file whose numbers it covers: which
files are live can be read from one listing of one folder. A covered file is deleted some time
later, so that a reader that has listed it can still read it. A layer is what PostgreSQL held
between two drops of the day; only the last one is still written to.

Belongs here: which tables there are (`tables`), where their files lie (`place`; as DuckDB reads
them: `reading`), which there should be (`catalog`), what a file says (`parquet`), where rows come
from (`source`, and `keep` for a summary's), bringing a day up to PostgreSQL (`refresh`), what a
summary has read (`made`), showing days to DuckDB (`shown`), finding and mending damage (`check`),
dropping PostgreSQL's days that are here (`retention`).
Does not: what is computed from the lake (`summaries`), how others see it (`views`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from model_foundry.lake.catalog import Catalog, known_days
    from model_foundry.lake.check import Checked, Damage, Held, Remake, proven_day, whole
    from model_foundry.lake.keep import Kept, keep_day, kept_day, schema_of
    from model_foundry.lake.made import Unread, made_of, unread
    from model_foundry.lake.place import Lake, LakeFile, lake_of, live
    from model_foundry.lake.refresh import (
        LakeDay,
        adopt,
        compact_day,
        locked,
        refresh_day,
        tidy,
        tidy_day,
    )
    from model_foundry.lake.shown import show
    from model_foundry.lake.tables import LAKE_TABLES

__all__ = [
    "LAKE_TABLES",
    "Catalog",
    "Checked",
    "Damage",
    "Held",
    "Kept",
    "Lake",
    "LakeDay",
    "LakeFile",
    "Remake",
    "Unread",
    "adopt",
    "compact_day",
    "keep_day",
    "kept_day",
    "known_days",
    "lake_of",
    "live",
    "locked",
    "made_of",
    "proven_day",
    "refresh_day",
    "schema_of",
    "show",
    "tidy",
    "tidy_day",
    "unread",
    "whole",
]

# Each is imported when it is first used: a query reads the lake without Arrow and psycopg.
_NAMES: Final = {
    "catalog": ("Catalog", "known_days"),
    "check": ("Checked", "Damage", "Held", "Remake", "proven_day", "whole"),
    "keep": ("Kept", "keep_day", "kept_day", "schema_of"),
    "made": ("Unread", "made_of", "unread"),
    "place": ("Lake", "LakeFile", "lake_of", "live"),
    "refresh": (
        "LakeDay",
        "adopt",
        "compact_day",
        "locked",
        "refresh_day",
        "tidy",
        "tidy_day",
    ),
    "shown": ("show",),
    "tables": ("LAKE_TABLES",),
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
