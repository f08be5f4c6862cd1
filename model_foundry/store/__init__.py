"""Where rows are kept: PostgreSQL (pool, migrations, SQL files) and the lake (Parquet, DuckDB).

Belongs here: connections, migrations, the SQL loader, Parquet writing, DuckDB views.
Does not: what an event means, when something is materialized, anything of Dagster.
"""
