"""A day in figures, pictures and tables: the questions of sql/duckdb/report, as Markdown or a page.

Belongs here: asking foundry.duckdb, what stands where, writing. Does not: figures (the SQL files
compute them), how they look (`looks`), Dagster.
"""

from model_foundry.report.day import Report, day_report

__all__ = ["Report", "day_report"]
