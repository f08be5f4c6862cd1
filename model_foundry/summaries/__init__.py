"""Summaries: what a day comes to, computed from the lake by DuckDB and kept as Parquet.

Belongs here: summarizing a day (`day`), and only what is new of it (`by_hour`, `by_key` with
`session_days`); the SQL of sql/duckdb and what it calls (`compute`, `functions`, `languages`,
`columns`, `zone`); summaries outside the package (`own`); `foundry.duckdb` and asking it (`views`,
`query`, `session`); looking after the whole lake (`tending`).
Does not: the files (`lake`), how figures look (`looks`, `report`), when anything is computed.
"""
