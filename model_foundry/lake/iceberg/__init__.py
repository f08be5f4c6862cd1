"""An Iceberg catalog of the lake, in the same PostgreSQL: so that any engine reads what views show.

It is derived: the files and their names stay the truth, it names those that are live, without a
copy. It follows under the day's lock, after the publication. A death in between is seen by whoever
has the day next, from `lake_file`; the night compares everything. Where it is not wanted
(`lake_catalog` is unset) nothing of this is imported.

Belongs here: its tables and where their metadata lie (`tables`), making them name what is live
(`follow`), expiring and tidying (`upkeep`). Does not: which files are live (`place`).
"""

from model_foundry.errors import FoundryError

try:
    import pyiceberg as _installed
except ImportError:
    raise FoundryError(
        "MODEL_FOUNDRY_LAKE_CATALOG is set, and PyIceberg is not installed: install "
        "model-foundry[iceberg], or unset it"
    ) from None

from model_foundry.lake.iceberg.follow import Following, follow_day, follow_everything

__all__ = ["Following", "follow_day", "follow_everything"]
del _installed
