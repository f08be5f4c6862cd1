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
from dagster._daemon.types import DaemonHeartbeat

from deploy.grafana import dashboards
from model_foundry.devstack.processes import free_port, kill_tree
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.dashboards import (
    COMMITTED,
    LOGQL,
    PROMQL,
    ROOT,
    TARGETS,
    VLLM,
    needs_prometheus,
    prometheus_of,
    rules,
    unanswered,
    wait_until_answered,
)
from model_foundry_tests.foundry import lent, location
from model_foundry_tests.line import event, publish

SCRIPTS = Path(__file__).parents[1] / "grafana"
VECTOR = (ROOT / "deploy" / "vector" / "vector.toml").read_text(encoding="utf-8")
NAME = re.compile(r"\b(?:llm|telemetry|foundry|jetstream)_[a-z0-9_]+")
NO_VECTOR = "the VRL engine (wheel vrl-python) is missing: what Vector exports cannot be made"
LLM = {
    "event": "llm", "service": "familiar", "correlation_id": "0193-a", "slot": "naughty",
    "model": "smollm2-135m-instruct", "backend": "llama.cpp", "prompt_tokens": 120,
    "completion_tokens": 81, "ttft_ms": 100, "duration_ms": 1700,
    "pp_tokens_per_s": 1200, "tg_tokens_per_s": 50, "timing_source": "server",
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


def test_the_committed_dashboards_are_what_the_code_builds() -> None:
    built = dashboards()
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == built, "write them anew: python -m deploy.grafana"


def test_no_panel_asks_postgresql() -> None:
    assert {target["datasource"]["type"] for _, _, target in TARGETS} == {"prometheus", "loki"}
    assert (len(PROMQL), len(LOGQL)) == (71, 7)


def _unknown_names(config: str) -> set[str]:
    from model_foundry_tests.vector import Vector, exposition

    exported = set(NAME.findall(exposition(Vector(config), EVENTS)))
    documented = set(NAME.findall((ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")))
    histograms = {f"{name}_bucket" for name in documented}
    asked = {name for text in (*PROMQL.values(), *rules()) for name in NAME.findall(text)}
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
        deadline = time.monotonic() + 120
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
    job = location().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(settings.home / "dagster")) as instance, lent(settings):
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
    """A Prometheus that scrapes all of it."""
    server = slot_servers["naughty"]
    slot = server.slot.model_copy(update={"endpoint": server.url})
    with prometheus_of(home, [slot], {}, vector=vector_exports, foundry=exporter) as url:
        yield url


@needs_prometheus
def test_every_panel_has_figures(
    settings: Settings,
    prometheus: str,
    slot_servers: EmbeddedSlots,
) -> None:
    pytest.importorskip("vrl_python", reason=NO_VECTOR)
    here = {name: asked for name, asked in PROMQL.items() if name not in VLLM}
    assert len(here) > 50

    def keep_busy() -> None:
        prompt = {"prompt": f"Count from {time.monotonic()}:", "max_tokens": 8}
        httpx.post(f"{slot_servers['naughty'].url}/v1/completions", json=prompt, timeout=30)

    wait_until_answered(prometheus, {"scraped": 'up{job="foundry"} == 1'}, keep_busy)
    carry_something(settings)
    wait_until_answered(prometheus, here, keep_busy)
    renamed = {
        name: expression.replace("_total", "_totals")
        for name, expression in here.items()
        if "_total" in expression and "vector(0)" not in expression
    }
    assert len(renamed) > 5
    assert unanswered(prometheus, renamed) == renamed
    assert unanswered(prometheus, VLLM) == VLLM  # no vLLM is here; see the tests of vLLM


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
