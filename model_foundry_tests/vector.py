"""Vector's transforms without Vector: VRL on the real engine, log_to_metric by its documentation.

Belongs here: one event through the transforms of vector.toml, the file's own [[tests]], and what
Prometheus would scrape. It is not `vector test`: sources, sinks, buffers, the cardinality limit and
the checks of the configuration are Vector's own, and are not here.
"""

import contextlib
import copy
import fnmatch
import functools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import vrl_python

Event = dict[str, Any]
_FIELD = re.compile(r"{{\s*(\w+)\s*}}")
_DROPPED = re.compile(r"error\[E\d+\]: (?P<message>[^\n]*)\n(?P<rest>.*)", re.DOTALL)
# The binding gives a timestamp back as text; the next program must see a timestamp.
_TIMESTAMP = '.timestamp = parse_timestamp!(.timestamp, "%Y-%m-%d %H:%M:%S%.f UTC")\n'


@functools.cache
def _compiled(source: str) -> vrl_python.VRLRuntime:
    runtime = vrl_python.VRLRuntime()  # one for each: it remembers only its last program
    runtime.compile(source)
    return runtime


class DroppedError(Exception):
    """A program aborted, or failed."""

    def __init__(self, message: str, *, aborted: bool) -> None:
        super().__init__(message)
        self.message = message
        self.aborted = aborted


class Vector:
    """The transforms of a configuration.

    Raises:
        ValueError: a program does not compile; it says where.
    """

    def __init__(self, text: str) -> None:
        self.config: dict[str, Any] = tomllib.loads(text)
        self.transforms: dict[str, dict[str, Any]] = self.config["transforms"]
        for source in self._programs():
            _compiled(source)

    @classmethod
    def read(cls, path: Path) -> "Vector":
        """From a file."""
        return cls(path.read_text(encoding="utf-8"))

    def _programs(self) -> Iterator[str]:
        for transform in self.transforms.values():
            if transform["type"] == "remap":
                yield transform["source"]
            elif transform["type"] == "route":
                yield from transform["route"].values()

    def flow(self, event: Event, start: str) -> dict[str, list[Event]]:
        """What each output gives when an event enters at a transform and flows on from there."""
        found: dict[str, list[Event]] = {}
        waiting = [(start, event)]
        while waiting:
            name, taken = waiting.pop(0)
            for output, given in self._apply(name, taken):
                found.setdefault(output, []).append(given)
                waiting += [(reader, copy.deepcopy(given)) for reader in self._readers(output)]
        return found

    def metrics(self, event: Event) -> list[Event]:
        """The metrics that an event becomes, posted to the HTTP source."""
        [entry] = self._readers("http_telemetry")
        return self.flow(event, entry).get("cardinality_guard", [])

    def failures(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the configuration's own tests: the name of one, and how it failed."""
        for test in self.config["tests"]:
            for failure in self._failures_of(test):
                yield test["name"], failure

    def _failures_of(self, test: Mapping[str, Any]) -> Iterator[str]:
        got: dict[str, list[Event]] = {}
        for given in test["inputs"]:
            for name, events in self.flow(given["log_fields"], given["insert_at"]).items():
                got.setdefault(name, []).extend(events)
        for output in test.get("outputs", []):
            events = got.get(output["extract_from"], [])
            if output.get("expected_event_count", len(events)) != len(events):
                yield f"{output['extract_from']} gave {len(events)} events"
            for condition in output.get("conditions", []):
                if not any(self._holds(condition["source"], event) for event in events):
                    yield f"{output['extract_from']}: {condition['source']} of {events}"
        for name in test.get("no_outputs_from", []):
            if name in got:
                yield f"{name} gave {got[name]}"

    def _readers(self, output: str) -> list[str]:
        return [
            name
            for name, transform in self.transforms.items()
            if any(fnmatch.fnmatchcase(output, pattern) for pattern in transform["inputs"])
        ]

    def _apply(self, name: str, event: Event) -> Iterator[tuple[str, Event]]:
        transform = self.transforms[name]
        match transform["type"]:
            case "remap":
                yield self._remap(name, transform, event)
            case "route":
                for route, condition in transform["route"].items():
                    if self._holds(condition, event):
                        yield f"{name}.{route}", event
            case "log_to_metric":
                for metric in transform["metrics"]:
                    if metric["field"] in event:
                        yield name, _metric(metric, event)
            case "tag_cardinality_limit":
                yield name, event
            case other:
                raise NotImplementedError(f"no transform of type {other} here")

    def _remap(self, name: str, transform: Mapping[str, Any], event: Event) -> tuple[str, Event]:
        try:
            changed = self._run(transform["source"], event)
        except DroppedError as dropped:
            if not transform.get("reroute_dropped"):
                raise
            why = {
                "reason": "abort" if dropped.aborted else "error",
                "message": dropped.message,
                "component_id": name,
                "component_type": "remap",
                "component_kind": "transform",
            }
            return f"{name}.dropped", {**event, "metadata": {"dropped": why}}
        return name, changed.processed_event

    def _holds(self, condition: str, event: Event) -> bool:
        try:
            return self._run(condition, event).runtime_result is True
        except DroppedError:
            return False

    def _run(self, source: str, event: Event) -> vrl_python.VRLResult:
        if str(event.get("timestamp", "")).endswith(" UTC"):
            source = _TIMESTAMP + source
        try:
            return _compiled(source).execute(source, copy.deepcopy(event))
        except RuntimeError as error:
            found = _DROPPED.search(str(error))
            if found is None:
                raise
            raise DroppedError(found["message"], aborted="aborted" in found["rest"]) from error


def _metric(metric: Mapping[str, Any], event: Event) -> Event:
    """A metric's event, with its value beside what VRL sees of one."""
    by_value = metric["type"] != "counter" or metric.get("increment_by_value", False)
    return {
        "namespace": metric["namespace"],
        "name": metric["name"],
        "kind": "incremental",
        "type": metric["type"],
        "tags": _tags(metric["tags"], event),
        "value": float(event[metric["field"]]) if by_value else 1.0,
    }


def _tags(templates: Mapping[str, str], event: Event) -> dict[str, str]:
    """Those that can be rendered: Vector leaves the others out."""
    tags = {}
    for tag, template in templates.items():
        with contextlib.suppress(KeyError):
            tags[tag] = _FIELD.sub(lambda found: str(event[found[1]]), template)
    return tags


def exposition(vector: Vector, events: Iterable[Event]) -> str:
    """What the sink would answer on /metrics after these events, in Prometheus's text format."""
    bounds = vector.config["sinks"]["prometheus"]["buckets"]
    samples: Counter[str] = Counter()
    types: dict[str, str] = {}
    for metric in (metric for event in events for metric in vector.metrics(event)):
        name, value = f"{metric['namespace']}_{metric['name']}", metric["value"]
        types[name] = metric["type"]
        if metric["type"] == "counter":
            samples[_series(name, metric["tags"])] += value
            continue
        for bound in [*bounds, "+Inf"]:
            within = bound == "+Inf" or value <= bound
            samples[_series(f"{name}_bucket", {**metric["tags"], "le": bound})] += within
        samples[_series(f"{name}_sum", metric["tags"])] += value
        samples[_series(f"{name}_count", metric["tags"])] += 1
    lines = [f"# TYPE {name} {kind}" for name, kind in types.items()]
    lines += [f"{series} {value}" for series, value in samples.items()]
    return "\n".join(lines) + "\n"


def _series(name: str, labels: Mapping[str, object]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"
