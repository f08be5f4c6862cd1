"""One session: its nodes and edges, when each was at work, and its raw telemetry."""

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    logs,
    nodegraph,
    statushistory,
    table,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from deploy.grafana.panels import LOKI, logql, start

APP = '{app="model-foundry"}'
SESSION = "| correlation_id=`$correlation_id`"
RECENT = (
    "topk(50, sum by (correlation_id) (count_over_time("
    '{app="model-foundry", event=~"llm|node|edge"} | correlation_id!="none" [$__range])))'
)
DRAINS = (
    "topk(50, sum by (correlation_id) (count_over_time("
    '{app="model-foundry", event="log", service_name="model-foundry"} '
    '| correlation_id!="none" [$__range])))'
)
# Without PostgreSQL: an instant query whose labels are the columns that the Node Graph wants of edges.
EDGES = (
    "sum by (id, source, target, color) (count_over_time("
    '{app="model-foundry", event="edge"} ' + SESSION + " "
    '| json source="source", target="target", status="status" '
    "| label_format id=`{{.source}} to {{.target}}, {{.status}}`, "
    'color=`{{ if eq .status "ok" }}#73BF69{{ else }}#F2495C{{ end }}` [$__range]))'
)
AT_WORK = (
    'sum by (node) (count_over_time({app="model-foundry", event="node"} '
    + SESSION
    + ' | json node="node" [$__interval]))'
)
SECONDS = (
    'sum by (node) (sum_over_time({app="model-foundry", event="node"} '
    + SESSION
    + ' | json node="node", duration_seconds="duration_seconds" | duration_seconds!="" '
    "| unwrap duration_seconds [$__range]))"
)
ASKED = (
    'sum by (slot, model, recipe, status, run_id) (count_over_time({app="model-foundry", event="llm"} '
    + SESSION
    + ' | json slot="slot", model="model", recipe="recipe", status="status", run_id="run_id" [$__range]))'
)


def _link(title: str, url: str) -> DynamicConfigValue:
    return DynamicConfigValue(id_val="links", value=[{"title": title, "url": url}])


def build() -> dashboard.Dashboard:
    """The dashboard."""
    # `organize` only changes what is displayed; the Node Graph reads the names of fields.
    mainstat = DataTransformerConfig(
        id_val="calculateField",
        options={
            "mode": "reduceRow",
            "alias": "mainstat",
            "replaceFields": False,
            "reduce": {"reducer": "sum", "include": ["Value #edges"]},
        },
    )
    session = "/d/foundry-session-flow?var-correlation_id=${__value.text}&${__url_time_range}"
    run = "${dagster:raw}/runs/${__value.text}"
    return (
        start("Session flow", "foundry-session-flow")
        .with_variable(dashboard.TextBoxVariable("correlation_id").label("correlation_id"))
        .with_variable(
            dashboard.TextBoxVariable("dagster")
            .label("Dagster UI")
            .default_value("http://127.0.0.1:3000")
        )
        .with_row(dashboard.Row("Recent"))
        .with_panel(
            table.Panel()
            .title("Sessions")
            .datasource(LOKI)
            .height(8)
            .span(12)
            .with_target(logql(RECENT, "sessions", "instant"))
            .override_by_name("correlation_id", [_link("Show this session", session)])
        )
        .with_panel(
            table.Panel()
            .title("Drains, with their run in Dagster")
            .datasource(LOKI)
            .height(8)
            .span(12)
            .with_target(logql(DRAINS, "drains", "instant"))
            .override_by_name("correlation_id", [_link("Open the run in Dagster", run)])
        )
        .with_row(dashboard.Row("Session $correlation_id"))
        .with_panel(
            nodegraph.Panel()
            .title("Flow")
            .datasource(LOKI)
            .height(16)
            .span(24)
            .with_target(logql(EDGES, "edges", "instant"))
            .with_transformation(mainstat)
        )
        .with_panel(
            statushistory.Panel()
            .title("Timeline")
            .description("When each node said something.")
            .datasource(LOKI)
            .height(10)
            .span(24)
            .with_target(logql(AT_WORK, "timeline", "range").legend_format("{{node}}"))
        )
        .with_panel(
            bargauge.Panel()
            .title("Seconds at each node")
            .unit("s")
            .datasource(LOKI)
            .height(9)
            .span(12)
            .with_target(logql(SECONDS, "seconds", "instant").legend_format("{{node}}"))
        )
        .with_panel(
            table.Panel()
            .title("Requests to slots")
            .datasource(LOKI)
            .height(9)
            .span(12)
            .with_target(logql(ASKED, "asked", "instant"))
            .override_by_name("run_id", [_link("Open the run in Dagster", run)])
        )
        .with_panel(
            logs.Panel()
            .title("Raw telemetry")
            .datasource(LOKI)
            .height(12)
            .span(24)
            .with_target(logql(f"{APP} {SESSION}", "logs", "range"))
        )
    )
