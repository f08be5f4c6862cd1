"""Where Dagster keeps its runs: `<home>/dagster`, with our dagster.yaml in it."""

import os
from pathlib import Path

from model_foundry.paths import data_path
from model_foundry.settings import PREFIX, Settings, make_home


def prepare_dagster_home(settings: Settings) -> Path:
    """Make the folder, put the instance's configuration there, and point this process at both.

    A DAGSTER_HOME that is already set is left as it is.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else settings.home / "dagster"
    make_home(settings.home)
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    if not target.exists():
        target.write_bytes(data_path("dagster.yaml").read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[f"{PREFIX}HOME"] = str(settings.home)
    return home
