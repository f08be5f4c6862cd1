"""Grafana's dashboards as code. `python -m deploy.grafana` writes them to dashboards/*.json.

Belongs here: what is shown, and the queries. Each module is one dashboard; `panels` is what they
share. Needs grafana-foundation-sdk in its flavour for Grafana 11.6, as pyproject.toml pins it.
"""

from deploy.grafana import llm_stack, pipeline, session_flow
from deploy.grafana.panels import encoded


def dashboards() -> dict[str, str]:
    """File name and JSON of each dashboard."""
    return {
        "llm-stack.json": encoded(llm_stack.build()),
        "pipeline.json": encoded(pipeline.build()),
        "session-flow.json": encoded(session_flow.build()),
    }
