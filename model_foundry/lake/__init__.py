"""The lake: each day of a PostgreSQL table, and of a summary, as Parquet files.

    <lake>/<table>/day=YYYY-MM-DD.<layer>-<first>-<last>-<crc32>.parquet
    <lake>/.columns/<table>.parquet    without rows

Files are never written again. What arrived is appended as a file `n-n`; a rebuilt or merged day
is one file `0-n` (or `i-n`), which is worth more than every file whose numbers it covers: which
files are live can be read from one listing of one folder. A covered file is deleted some time
later, so that a reader that has listed it can still read it. A layer is what PostgreSQL held
between two drops of the day; only the last one is still written to.

Belongs here: where the files lie (`place`), which there should be (`catalog`),
what a file says (`parquet`), where rows come from
(`source`, and `keep` for a summary's), bringing a day up to PostgreSQL (`refresh`), what a summary
has read (`made`), showing days to DuckDB (`show`), finding and mending damage (`check`),
dropping PostgreSQL's days that are here (`retention`).
Does not: what is computed from the lake (`summaries`), how others see it (`views`).
"""

from typing import Final

from model_foundry.lake.catalog import Catalog
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
from model_foundry.lake.show import show
from model_foundry.postgres import flat

LAKE_TABLES: Final = (
    "event_inbox",
    "event_quarantine",
    *flat.FLAT_TABLES,
    "inference_result",
    "article_translation",
    "article_segment",
)

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
