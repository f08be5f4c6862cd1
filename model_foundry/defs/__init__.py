"""Dagster, and only Dagster: assets, checks, sensors, schedules, jobs, resources.

Belongs here: definitions that call the packages. Loaded wholesale by `definitions`.
Does not: helpers (`components`), work (the packages), SQL (sql/).
"""
