"""The line's figures, served to Prometheus and on a small live page (docs/telemetry.md).

Belongs here: sources that are asked for figures (PostgreSQL, JetStream, the slots), how long what
they said is used, the HTTP application. Does not: Dagster's figures, which `cli` brings as one more
source, since only it may know Dagster.
"""
