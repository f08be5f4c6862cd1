"""Where Dagster keeps its runs: `<home>/dagster`, with our dagster.yaml in it."""

import os
from pathlib import Path
from typing import Final

import dagster as dg

from model_foundry.devstack.stack import Stack
from model_foundry.paths import data_path
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, make_home

_UNDER_WAY: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


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


def fail_lost_runs(settings: Settings, stack: Stack | None) -> None:
    """Mark as failed what was under way on a stack that was killed: it would count for ever.

    Nothing happens unless we have just started the embedded stack, without which no run of this
    home can go on, and Dagster keeps its runs in this home.
    """
    with dg.DagsterInstance.get() as instance:
        ours = Path(instance.root_directory).resolve() == (settings.home / "dagster").resolve()
        if stack is None or not ours:
            return
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY)):
            instance.report_run_failed(
                record.dagster_run, "The embedded stack that it ran on was killed."
            )
