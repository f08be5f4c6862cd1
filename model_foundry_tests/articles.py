"""The sensor of articles without a daemon: what its ticks ask for is run, here or in a process.

`python -m model_foundry_tests.articles DIRECTORY` is one tick, of a Dagster that keeps what it
knows in that directory.
"""

import sys

import dagster as dg

from model_foundry.assets.resource import Foundry
from model_foundry.settings import Settings
from model_foundry_tests.foundry import lent, location


class Sensor:
    """The sensor `articles_changed`, and what the daemon does with its ticks."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._foundry = Foundry(settings)
        self._definitions = location()

    def rest(self) -> None:
        """Time goes by: nothing runs any more, and nothing failed lately."""
        for run in self.instance.get_runs():
            if not run.is_success:
                self.instance.delete_run(run.run_id)

    def tick(self, *, run: bool = True) -> list[tuple[str, str]]:
        """The ranges of partitions that were asked for, which are run."""
        sensor = self._definitions.resolve_sensor_def("articles_changed")
        data = sensor.evaluate_tick(
            dg.build_sensor_context(
                instance=self.instance,
                repository_def=self._definitions.get_repository_def(),
                resources={"foundry": self._foundry},
            )
        )
        for change in data.dynamic_partitions_requests or ():
            if isinstance(change, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions("articles", change.partition_keys)
            else:
                for key in change.partition_keys:
                    self.instance.delete_dynamic_partition("articles", key)
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        asked: list[tuple[str, str]] = []
        for request in data.run_requests or ():
            if run:
                job = self._definitions.resolve_job_def("translate_articles")
                with lent(self._foundry.settings):
                    done = job.execute_in_process(instance=self.instance, tags=request.tags)
                assert done.success
            start, end = (
                request.tags[f"dagster/asset_partition_range_{e}"] for e in ("start", "end")
            )
            asked.append((start, end))
        return asked

    def seen(self, name: str) -> int:
        """How often an article was seen with a new text."""
        found = self.instance.fetch_observations(
            dg.AssetRecordsFilter(dg.AssetKey("article"), asset_partitions=[name]), limit=10
        )
        return len(found.records)


if __name__ == "__main__":
    with dg.DagsterInstance.local_temp(sys.argv[1]) as kept:
        Sensor(Settings(), kept).tick()
