"""A source of figures, asked at most so often, and what is said of it while it is away."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple, Protocol, runtime_checkable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model_foundry.settings import Settings

log = logging.getLogger(__name__)


class Source(Protocol):
    """Somebody who has figures."""

    @property
    def name(self) -> str:
        """As the exporter's own figures name it."""
        ...

    @property
    def up(self) -> str | None:
        """The metric that says whether it answered, if it has one."""
        ...

    async def look(self) -> Sequence[Metric]:
        """The figures as they are now; whatever it raises means that the source is away."""
        ...

    def lasting(self) -> Sequence[Metric]:
        """The figures that outlast the source: counters."""
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


class Trouble(NamedTuple):
    """Something that has failed, when, why, and the page that shows it."""

    since: datetime
    title: str
    reason: str
    url: str


@runtime_checkable
class Troubled(Protocol):
    """A source that knows of troubles too."""

    def troubles(self) -> Sequence[Trouble]:
        """Those that stand, newest first, as its last look found them."""
        ...


def gauge(
    name: str,
    documentation: str,
    samples: Iterable[tuple[Sequence[str], float]],
    labels: Sequence[str] = (),
) -> Metric:
    """A family of gauges from (label values, value) pairs."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def counter(
    name: str,
    documentation: str,
    samples: Iterable[tuple[Sequence[str], float]],
    labels: Sequence[str] = (),
) -> Metric:
    """A family of counters; Prometheus knows it as `<name>_total`."""
    family = CounterMetricFamily(name, documentation, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


class _Look(NamedTuple):
    """What the last look at a source found; `figures` is None if it failed."""

    figures: Sequence[Metric] | None
    at: float
    took_s: float


class Sources(Collector):
    """All sources. `refresh` has those looked at whose figures are old, `collect` serves them."""

    def __init__(self, sources: Sequence[Source], settings: Settings) -> None:
        self._sources: Final = sources
        self._settings = settings
        self._looks: dict[str, _Look] = {}
        self._failures = dict.fromkeys((source.name for source in sources), 0)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._began: dict[str, float] = {}

    async def refresh(self, wait_s: float | None = None) -> None:
        """Look at what is old, all sources side by side, and wait `exporter_wait_s` at most.

        A source that takes longer is looked at to the end; until then its last figures stand.
        """
        now = time.monotonic()
        for source in self._sources:
            known = self._looks.get(source.name)
            old = known is None or now - known.at >= self._settings.exporter_cache_s
            if old and source.name not in self._under_way:
                task = asyncio.create_task(self._look(source))
                self._under_way[source.name] = task
                self._began[source.name] = now
        if self._under_way:
            wait_s = self._settings.exporter_wait_s if wait_s is None else wait_s
            await asyncio.wait(self._under_way.values(), timeout=wait_s)

    async def close(self) -> None:
        """End what is under way, and close the sources."""
        for task in [*self._under_way.values()]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for source in self._sources:
            await source.close()

    def figures(self, name: str) -> Sequence[Metric] | None:
        """What a source said last; None while it is away, or takes too long to say anything."""
        look = self._looks.get(name)
        if name in self._under_way:
            waited_s = time.monotonic() - self._began[name]
            if waited_s > self._settings.exporter_source_timeout_s:
                return None
        return None if look is None else look.figures

    def collect(self) -> Iterator[Metric]:
        """Every family, as prometheus_client wants them."""
        for source in self._sources:
            figures = self.figures(source.name)
            if source.up is not None:
                answered = figures is not None
                yield gauge(source.up, f"Whether {source.name} answered.", [((), answered)])
            yield from figures or ()
            yield from source.lasting()
        yield gauge(
            "foundry_exporter_collect_seconds",
            "How long the last look at a source took.",
            [((name,), look.took_s) for name, look in self._looks.items()],
            ["source"],
        )
        yield counter(
            "foundry_exporter_failures",
            "Looks at a source that failed.",
            [((name,), count) for name, count in self._failures.items()],
            ["source"],
        )

    async def _look(self, source: Source) -> None:
        began = time.monotonic()
        figures = None
        try:
            async with asyncio.timeout(self._settings.exporter_source_timeout_s):
                figures = await source.look()
        except Exception as error:
            self._failures[source.name] += 1
            before = self._looks.get(source.name)
            if before is None or before.figures is not None:
                log.warning("%s is away: %s", source.name, str(error) or type(error).__name__)
        finally:
            del self._under_way[source.name]
        now = time.monotonic()
        self._looks[source.name] = _Look(figures, now, now - began)
