"""The resources that assets ask for by name."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from model_foundry.assets.resource import Foundry
from model_foundry.settings import Settings


@dg.definitions
def resources() -> dg.Definitions:
    """`foundry`: settings and PostgreSQL. `duckdb`: an in-memory database, one for each run."""
    settings = Settings()
    return dg.Definitions(
        resources={
            "foundry": Foundry(),
            "duckdb": DuckDBResource(
                database=":memory:",
                connection_config={
                    "memory_limit": settings.duckdb_memory_limit,
                    "threads": settings.duckdb_threads,
                },
            ),
        }
    )
