"""model-foundry: the traffic of self-hosted LLM slots as rows, summaries and training data.

The tree is the architecture (docs/architecture.md): `events` is pure; `intake`, `dispatch` and
`lake` do the work; `defs`, `components`, `assets` and `definitions` are Dagster; `devstack` runs
the embedded servers; `cli` is the command line.
"""
