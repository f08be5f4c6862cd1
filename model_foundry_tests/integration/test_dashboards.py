"""deploy/grafana: the committed JSON, and that every panel has something to show.

PromQL is asked of a real Prometheus that scrapes a real llama.cpp slot, the real exporter and what
Vector would export of the events. LogQL is parsed by Grafana's grammar; there is no Loki here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml
from dagster._daemon.types import DaemonHeartbeat

from deploy.grafana import dashboards
from model_foundry.components.resource import Foundry
from model_foundry.definitions import build_defs
from model_foundry.devstack.processes import free_port, kill_tree
from model_foundry.inference.scrape import target_groups
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.line import event, publish

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "deploy" / "grafana" / "dashboards"
SCRIPTS = Path(__file__).parents[1] / "grafana"
VECTOR = (ROOT / "deploy" / "vector" / "vector.toml").read_text(encoding="utf-8")
VARIABLES = {
    "$__rate_interval": "10s", "$__interval": "1m", "$__range": "1h",
    "$slot": ".*", "$model": ".*", "$correlation_id": "0193-a",
}  # fmt: skip
NAME = re.compile(r"\b(?:llm|telemetry|foundry|jetstream)_[a-z0-9_]+")
NO_VECTOR = "the VRL engine (wheel vrl-python) is missing: what Vector exports cannot be made"
LLM = {
    "event": "llm", "service": "familiar", "correlation_id": "0193-a", "slot": "naughty",
    "model": "smollm2-135m-instruct", "backend": "llama.cpp", "prompt_tokens": 120,
    "completion_tokens": 81, "ttft_ms": 100, "duration_ms": 1700,
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    LLM,
    {**LLM, "status": "error"},
    {"event": "node", "service": "familiar", "correlation_id": "0193-a", "node": "worker-1",
     "duration_ms": 12},
    {"event": "edge", "service": "familiar", "correlation_id": "0193-a", "source": "orchestrator",
     "target": "worker-1"},
    {"event": "edge", "service": "familiar", "correlation_id": "0193-a", "source": "orchestrator",
     "target": "worker-2", "status": "error"},
    {"event": "nothing", "service": "familiar"},
]  # fmt: skip
ASKED = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12, "seed": 1}
VECTORS_OWN = """# TYPE vector_component_errors_total counter
vector_component_errors_total{component_id="loki"} 1
# TYPE vector_buffer_discarded_events_total counter
vector_buffer_discarded_events_total{component_id="loki"} 1
"""


def _targets(path: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each target of a dashboard's panels, with a name and its panel."""
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            name = f"{path.stem} {panel['id']}: {panel['title']}: {target['refId']}"
            yield name, panel, target


TARGETS = [found for path in sorted(COMMITTED.glob("*.json")) for found in _targets(path)]


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


PROMQL = _queries("prometheus")
VLLM = {title: expression for title, expression in PROMQL.items() if "vllm:" in expression}
LOGQL = _queries("loki")


def test_the_committed_dashboards_are_what_the_code_builds() -> None:
    built = dashboards()
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == built, "write them anew: python -m deploy.grafana"


def test_no_panel_asks_postgresql() -> None:
    targets = [target for path in COMMITTED.glob("*.json") for target in _targets(path)]
    assert {target["datasource"]["type"] for _, _, target in targets} == {"prometheus", "loki"}
    assert (len(PROMQL), len(LOGQL)) == (70, 7)


def _unknown_names(config: str) -> set[str]:
    from model_foundry_tests.vector import Vector, exposition

    exported = set(NAME.findall(exposition(Vector(config), EVENTS)))
    documented = set(NAME.findall((ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")))
    histograms = {f"{name}_bucket" for name in documented}
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked = {name for text in (*PROMQL.values(), *expressions) for name in NAME.findall(text)}
    assert {name for name in asked if name.startswith("llm_")}
    return asked - exported - documented - histograms


def test_every_name_is_exported_by_somebody() -> None:
    pytest.importorskip("vrl_python", reason=NO_VECTOR)
    assert _unknown_names(VECTOR) == set()


@pytest.mark.parametrize("name", re.findall(r'^name = "(\w+_(?:total|seconds))"$', VECTOR, re.M))
def test_a_metric_that_vector_renames_is_missed(name: str) -> None:
    pytest.importorskip("vrl_python", reason=NO_VECTOR)
    assert _unknown_names(VECTOR.replace(f'name = "{name}"', f'name = "other_{name}"'))


class _Grows(BaseHTTPRequestHandler):
    """Each scrape finds that all the events have come once more."""

    scrapes = 0

    def do_GET(self) -> None:
        from model_foundry_tests.vector import Vector, exposition

        type(self).scrapes += 1
        text = exposition(Vector(VECTOR), EVENTS * self.scrapes) + VECTORS_OWN
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def vector_exports() -> Iterator[str]:
    """host:port of what Vector's sink would serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Grows)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def exporter(
    settings: Settings, slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """host:port of the real exporter."""
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir()
    for name in slot_servers:  # one server is enough for all of them here
        variable = f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL"
        monkeypatch.setenv(variable, slot_servers["naughty"].url)
    port = free_port()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_NATS_URL": settings.require_nats_url(),
        "MODEL_FOUNDRY_NATS_STREAM": settings.nats_stream,
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
        "MODEL_FOUNDRY_EXPORTER_PORT": str(port),
        "MODEL_FOUNDRY_EXPORTER_CACHE_S": "0",
    }
    program = Path(sys.executable).with_name("model-foundry")
    url = f"http://127.0.0.1:{port}/metrics"
    with (settings.home / "exporter.log").open("wb") as log:
        process = subprocess.Popen([program, "exporter"], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not _answers(url):
            assert process.poll() is None, (settings.home / "exporter.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        kill_tree(process.pid)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def carry_something(settings: Settings) -> None:
    """A request over NATS, answered by the slot, a summary, and a sign of life of a daemon."""
    publish(settings, [event("llm.generation.request", ASKED)])
    job = build_defs({"foundry": Foundry(settings)}).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(settings.home / "dagster")) as instance:
        for names, day in (
            (["pipeline_event_inbox_record"], None),
            (["llm_request", "generation_request", "daily_events"], "2026-11-20"),
        ):
            keys = [dg.AssetKey(name) for name in names]
            job.execute_in_process(asset_selection=keys, partition_key=day, instance=instance)
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "test"))


@pytest.fixture
def prometheus(
    home: Path, vector_exports: str, exporter: str, slot_servers: EmbeddedSlots
) -> Iterator[str]:
    """A real Prometheus with the deployment's jobs and rules, at the test's addresses."""
    folder = home / "prometheus"
    shutil.copytree(ROOT / "deploy" / "prometheus", folder)
    config = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["vector"]["static_configs"] = [{"targets": [vector_exports]}]
    jobs["foundry"]["static_configs"] = [{"targets": [exporter]}]
    server = slot_servers["naughty"]
    slot = server.slot.model_copy(update={"endpoint": server.url})
    (folder / "slots.json").write_text(json.dumps(target_groups([slot], {})), encoding="utf-8")
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
        for title, expression in expressions.items():
            answer = client.get("/api/v1/query", params={"query": expression}).json()
            assert answer["status"] == "success", f"{title}: {answer}"
            values = [series["value"][1] for series in answer["data"]["result"]]
            if all(value == "NaN" for value in values):
                missing[title] = expression
    return missing


def wait_until_answered(prometheus: str, expressions: dict[str, str], keep_busy: str) -> None:
    """Ask the slot, and Prometheus, until every expression has a figure.

    Raises:
        AssertionError: some have none after 40 seconds.
    """
    deadline = time.monotonic() + 40
    missing = expressions
    while missing and time.monotonic() < deadline:
        prompt = {"prompt": f"Count from {time.monotonic()}:", "max_tokens": 8}
        httpx.post(f"{keep_busy}/v1/completions", json=prompt, timeout=30)
        try:
            missing = unanswered(prometheus, missing)
        except httpx.TransportError:
            time.sleep(0.1)  # it starts
    assert missing == {}


@pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="prometheus is missing (apt-get install prometheus): no panel's query is tried",
)
def test_every_panel_has_figures(
    settings: Settings,
    prometheus: str,
    slot_servers: EmbeddedSlots,
) -> None:
    pytest.importorskip("vrl_python", reason=NO_VECTOR)
    here = {title: asked for title, asked in PROMQL.items() if title not in VLLM}
    assert len(here) > 50
    slot = slot_servers["naughty"].url
    wait_until_answered(prometheus, {"scraped": 'up{job="foundry"} == 1'}, slot)
    carry_something(settings)
    wait_until_answered(prometheus, here, slot)
    renamed = {
        title: expression.replace("_total", "_totals")
        for title, expression in here.items()
        if "_total" in expression and "vector(0)" not in expression
    }
    assert len(renamed) > 5
    assert unanswered(prometheus, renamed) == renamed
    assert unanswered(prometheus, VLLM) == VLLM  # they are PromQL, and no vLLM is here


def _node(script: str, given: object) -> Any:
    done = subprocess.run(
        ["node", SCRIPTS / script], input=json.dumps(given), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.skipif(
    shutil.which("node") is None or not (SCRIPTS / "node_modules/@grafana/lezer-logql").exists(),
    reason="node or @grafana/lezer-logql is missing (make test installs it with npm): "
    "no LogQL is parsed",
)
def test_every_logql_query_parses() -> None:
    broken = [query.replace("(", "", 1) for query in LOGQL.values() if "(" in query]
    assert broken
    queries = [*LOGQL.values(), *broken]
    assert _node("logql.mjs", queries) == list(range(len(LOGQL), len(queries)))


@pytest.mark.skipif(
    shutil.which("node") is None or not (SCRIPTS / "node_modules/@grafana/data").exists(),
    reason="@grafana/data is missing (make test-grafana installs it with npm): "
    "the node graph is not tried",
)
def test_the_node_graph_gets_edges() -> None:
    pytest.importorskip("vrl_python", reason=NO_VECTOR)
    from model_foundry_tests.vector import Vector

    [(panel, target)] = [(p, t) for _, p, t in TARGETS if p["type"] == "nodeGraph"]
    assert "sum by (id, source, target, color)" in target["expr"]
    vector = Vector(VECTOR)
    edges = [
        line
        for event in EVENTS
        if event["event"] == "edge"
        for line in vector.flow(event, "normalize")["normalize"]
    ]
    result = [
        {
            "metric": {
                "id": f"{edge['source']} to {edge['target']}, {edge['status']}",
                "source": edge["source"],
                "target": edge["target"],
                "color": "#73BF69" if edge["status"] == "ok" else "#F2495C",
            },
            "value": [1_700_000_000, str(number)],
        }
        for number, edge in enumerate(edges, 1)
    ]
    given = {
        "result": result,
        "refId": target["refId"],
        "transformations": panel["transformations"],
    }
    fields = _node("nodegraph.cjs", given)
    assert fields["source"] == ["orchestrator", "orchestrator"]
    assert fields["target"] == ["worker-1", "worker-2"]
    assert fields["mainstat"] == [1, 2]
    assert len(set(fields["id"])) == 2
    assert fields["color"] == ["#73BF69", "#F2495C"]
