"""Charts for the Dagster UI: SVGs in Markdown, one below the other.

Belongs here: how a chart gets into metadata. Does not: charts (`looks.charts`), which figures a
summary is worth (`summary_plots`).
"""

import base64

import dagster as dg

from model_foundry.looks.charts import Chart


def plots(*charts: Chart) -> dg.MarkdownMetadataValue:
    """The charts as one value of metadata."""
    return dg.MetadataValue.md("\n\n".join(map(_image, charts)))


def _image(chart: Chart) -> str:
    encoded = base64.b64encode(chart.svg.encode()).decode()
    return f"![{chart.title}](data:image/svg+xml;base64,{encoded})"
