"""A day in words, tables and plots: the questions of sql/duckdb/report, as Markdown or as a page.

Belongs here: asking foundry.duckdb, drawing, writing. Does not: figures (the SQL files compute
them), Dagster.
"""

from model_foundry.report.day import Report, day_report

__all__ = ["Report", "day_report"]
