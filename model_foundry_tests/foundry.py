"""Materializing assets as the UI and the CLI do, with a test's own settings."""

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import dagster as dg

from model_foundry.assets.resource import Foundry
from model_foundry.definitions import build_defs
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX

# What a run logs of every step costs as much as many steps do.
_QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_SETTINGS: ContextVar[Settings] = ContextVar("settings")


class _Lent(Foundry):
    """The resource of definitions that outlive a test: the settings of whoever runs something."""

    @property
    def settings(self) -> Settings:
        return _SETTINGS.get()


@functools.lru_cache(maxsize=4)
def _loaded(_environment: tuple[tuple[str, str], ...]) -> dg.Definitions:
    return build_defs({"foundry": _Lent()})


def location() -> dg.Definitions:
    """The project's definitions, loaded once for what the environment sets, as a code server does.

    What runs of them runs within `lent`.
    """
    return _loaded(tuple(sorted(item for item in os.environ.items() if item[0].startswith(PREFIX))))


@contextlib.contextmanager
def lent(settings: Settings) -> Iterator[None]:
    """Whatever of `location` runs meanwhile, in this thread, has these settings."""
    token = _SETTINGS.set(settings)
    try:
        yield
    finally:
        _SETTINGS.reset(token)


def materialize(
    settings: Settings,
    *names: str,
    day: str | None = None,
    days: tuple[str, str] | None = None,
    config: dict[str, Any] | None = None,
    raise_on_error: bool = True,
    definitions: dg.Definitions | None = None,
    partitions: Mapping[str, Sequence[str]] | None = None,
    console: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run the named assets in process: unpartitioned, for a day, or for days from A to B.

    `definitions` instead of the project's own must bring their resources. `partitions` are dynamic
    ones, that the instance is to know. `console`: the run logs all that it does, as others do.
    """
    tags = {}
    if days is not None:
        tags = {
            "dagster/asset_partition_range_start": days[0],
            "dagster/asset_partition_range_end": days[1],
        }
    job = (definitions or location()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance, lent(settings):
        for name, keys in (partitions or {}).items():
            instance.add_dynamic_partitions(name, keys)
        return job.execute_in_process(
            asset_selection=[dg.AssetKey(name) for name in names],
            partition_key=day,
            tags=tags,
            run_config={**({} if console else _QUIET), **(config or {})},
            instance=instance,
            raise_on_error=raise_on_error,
        )


def metadata_of(
    result: dg.ExecuteInProcessResult, name: str, day: str | None = None
) -> dict[str, Any]:
    """The metadata of an asset's materialization, as plain values."""
    [event] = [
        event
        for event in result.asset_materializations_for_node(name)
        if day is None or event.partition == day
    ]
    return {key: value.value for key, value in event.metadata.items()}


def undescribed(shown: dict[str, Any]) -> list[str]:
    """Columns of an asset's schema of which its metadata does not say what they are."""
    columns = shown["dagster/column_schema"].columns
    assert columns
    return [column.name for column in columns if not column.description]


def checks_of(result: dg.ExecuteInProcessResult) -> Sequence[dg.AssetCheckEvaluation]:
    """Every check that a run evaluated."""
    return result.get_asset_check_evaluations()
