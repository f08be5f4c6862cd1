"""What Dagster's assets share, whether `defs` or a component makes them.

Belongs here: the resource, the daily partitions, metadata and plots for the UI, what sensors ask
before they ask for runs. Does not: assets (`defs`), recipes (`components`), work (the packages).
"""
