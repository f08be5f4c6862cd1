"""What lies outside the package: recipes of one's own, and what of it cannot be loaded.

(Summaries of one's own are beside those that ship, in `summaries`.)
"""

import re
import zlib

import dagster as dg

from model_foundry.components.own import own_recipes
from model_foundry.settings import Settings
from model_foundry.summaries.own import Broken, own_summaries


@dg.definitions
def own() -> dg.Definitions:
    """Each recipe; and for each definition that is broken, an asset that says why."""
    settings = Settings()
    recipes, broken = own_recipes(settings)
    broken += own_summaries(settings)[1]
    log = dg.get_dagster_logger()
    for one in broken:
        log.warning(f"Left out: {one.why} ({one.path})")
    return dg.Definitions.merge(
        *(recipe.definitions for recipe in recipes),
        dg.Definitions(assets=[_told(one) for one in broken]),
    )


def _told(broken: Broken) -> dg.AssetSpec:
    name = re.sub(r"[^A-Za-z0-9_]", "_", broken.path.stem)
    if name != broken.path.stem:  # as another's may be, too
        name += f"_{zlib.crc32(broken.path.stem.encode(errors='replace')):08x}"
    return dg.AssetSpec(
        f"broken_{broken.kind}_{name}",
        group_name="broken",
        description=f"This {broken.kind} cannot be loaded, and everything else is. {broken.why}. "
        "Put it right, and reload the definitions.",
        metadata={"path": dg.MetadataValue.path(str(broken.path))},
    )
