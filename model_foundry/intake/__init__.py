"""JetStream batches into PostgreSQL: nothing lost, nothing twice.

Belongs here: the stream and its durable consumer, the batched pull, the transaction that lands a
batch, the drain that overlaps the two, quarantine.
Does not: what an envelope is (`events`), flat tables (`postgres`), anything of Dagster.
"""
