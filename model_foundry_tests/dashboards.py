"""The queries of the committed dashboards, and a real Prometheus that they are asked of."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from model_foundry.devstack.processes import free_port, kill_tree
from model_foundry.fleet.file import Slot
from model_foundry.fleet.scrape import target_groups

ROOT: Final = Path(__file__).parents[1]
COMMITTED: Final = ROOT / "deploy" / "grafana" / "dashboards"
VARIABLES: Final = {
    "$__rate_interval": "10s", "$__interval": "1m", "$__range": "1h",
    "$slot": ".+", "$model": ".+", "$correlation_id": "0193-a",
}  # fmt: skip

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="prometheus is missing (apt-get install prometheus): no panel's query is tried",
)


def _targets(path: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            name = f"{path.stem} {panel['id']}: {panel['title']}: {target['refId']}"
            yield name, panel, target


# Each target of the dashboards' panels, with a name and its panel.
TARGETS: Final = [found for path in sorted(COMMITTED.glob("*.json")) for found in _targets(path)]


def _filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def _queries(kind: str) -> dict[str, str]:
    return {
        name: _filled(target["expr"])
        for name, _, target in TARGETS
        if target["datasource"]["type"] == kind
    }


PROMQL: Final = _queries("prometheus")
VLLM: Final = {name: expression for name, expression in PROMQL.items() if "vllm:" in expression}
LOGQL: Final = _queries("loki")


def rules() -> list[str]:
    """The expressions of what Prometheus records and alerts of."""
    read = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    return [rule["expr"] for group in read["groups"] for rule in group["rules"]]


@contextlib.contextmanager
def prometheus_of(
    home: Path, slots: Iterable[Slot], environment: Mapping[str, str], **addresses: str
) -> Iterator[str]:
    """The URL of a Prometheus with the deployment's jobs and rules, for these slots.

    `addresses` (host:port) are of the other jobs; those without one scrape nothing.
    """
    folder = home / "prometheus"
    shutil.copytree(ROOT / "deploy" / "prometheus", folder)
    config = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        if "static_configs" in job:
            address = addresses.get(job["job_name"])
            job["static_configs"] = [{"targets": [address] if address else []}]
    groups = json.dumps(target_groups(slots, environment))
    (folder / "slots.json").write_text(groups, encoding="utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
         f"--storage.tsdb.path={home / 'tsdb'}", f"--web.listen-address={url.removeprefix('http://')}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield url
    finally:
        kill_tree(process.pid)
        process.wait()


def unanswered(prometheus: str, expressions: dict[str, str]) -> dict[str, str]:
    """Those that have no figure at this moment."""
    missing = {}
    with httpx.Client(base_url=prometheus) as client:
        for name, expression in expressions.items():
            answer = client.get("/api/v1/query", params={"query": expression}).json()
            assert answer["status"] == "success", f"{name}: {answer}"
            values = [series["value"][1] for series in answer["data"]["result"]]
            if all(value == "NaN" for value in values):
                missing[name] = expression
    return missing


def wait_until_answered(
    prometheus: str, expressions: dict[str, str], keep_busy: Callable[[], object]
) -> None:
    """Keep the slots busy, and ask Prometheus until every expression has a figure.

    Raises:
        AssertionError: some have none after 40 seconds.
    """
    deadline = time.monotonic() + 40
    missing = expressions
    while missing and time.monotonic() < deadline:
        keep_busy()
        try:
            missing = unanswered(prometheus, missing)
        except httpx.TransportError:
            time.sleep(0.1)  # it starts
    assert missing == {}
