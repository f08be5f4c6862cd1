-- Dagster keeps its runs and its event log beside model-foundry's tables, not among them.
CREATE DATABASE dagster;
