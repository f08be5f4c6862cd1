"""Write the dashboards anew."""

from pathlib import Path

from deploy.grafana import dashboards

FOLDER = Path(__file__).parent / "dashboards"

for name, text in dashboards().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
