"""Panels with queries, in rows; the same look on every dashboard."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from grafana_foundation_sdk.builders import dashboard, loki, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardLinkType,
    DataSourceRef,
)

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
LOKI = DataSourceRef(type_val="loki", uid="${loki}")
RATE = "$__rate_interval"


class Query(NamedTuple):
    """PromQL, and what its series are called."""

    expr: str
    legend: str = ""


class Metric(NamedTuple):
    """One panel of figures."""

    title: str
    unit: str
    queries: Sequence[Query]
    kind: Literal["time", "stat"] = "time"
    description: str = ""


def single(
    title: str,
    unit: str,
    expr: str,
    legend: str = "",
    *,
    kind: Literal["time", "stat"] = "time",
    description: str = "",
) -> Metric:
    """One panel of one query."""
    return Metric(title, unit, [Query(expr, legend)], kind, description)


def quantile(q: float, metric: str, by: str, selector: str = "") -> str:
    """PromQL of a histogram's quantile."""
    rate = f"sum by (le, {by}) (rate({metric}_bucket{selector}[{RATE}]))"
    return f"histogram_quantile({q}, {rate})"


def quantiles(metric: str, by: str, selector: str, legend: str) -> list[Query]:
    """p50, p95 and p99."""
    return [
        Query(quantile(q, metric, by, selector), f"p{round(q * 100)} {legend}")
        for q in (0.5, 0.95, 0.99)
    ]


def start(title: str, uid: str) -> dashboard.Dashboard:
    """An empty dashboard with both data sources and links to the others."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["model-foundry"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .link(
            dashboard.DashboardLink("model-foundry")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["model-foundry"])
            .as_dropdown(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("prometheus").type("prometheus"))
        .with_variable(dashboard.DatasourceVariable("loki").type("loki"))
    )


def row(board: dashboard.Dashboard, title: str, metrics: Iterable[Metric]) -> dashboard.Dashboard:
    """Add a row of figures."""
    board = board.with_row(dashboard.Row(title))
    for metric in metrics:
        board = board.with_panel(_panel(metric))
    return board


def _panel(metric: Metric) -> stat.Panel | timeseries.Panel:
    panel = stat.Panel() if metric.kind == "stat" else timeseries.Panel()
    panel = (
        panel.title(metric.title)
        .description(metric.description)
        .unit(metric.unit)
        .datasource(PROMETHEUS)
        .height(5 if metric.kind == "stat" else 8)
        .span(4 if metric.kind == "stat" else 8)
    )
    for number, query in enumerate(metric.queries):
        target = (
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend)
            .ref_id(chr(ord("A") + number))
            .datasource(PROMETHEUS)
        )
        panel = panel.with_target(target.instant() if metric.kind == "stat" else target.range())
    return panel


def logql(expr: str, ref: str, kind: Literal["instant", "range"]) -> loki.Dataquery:
    """A query of Loki; `ref` is how transformations name its values."""
    return loki.Dataquery().expr(expr).query_type(kind).ref_id(ref).datasource(LOKI)


def encoded(board: dashboard.Dashboard) -> str:
    """JSON with the panels numbered, which the builders leave open."""
    built: Dashboard = board.build()
    panels: list[Any] = built.panels or []
    for number, panel in enumerate(panels, 1):
        panel.id_val = number
    return str(JSONEncoder(sort_keys=True, indent=1).encode(built)) + "\n"
