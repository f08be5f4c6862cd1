INSERT INTO flat_batch (table_name, occurred_on, batch_id)
SELECT
    %(table)s,
    %(day)s,
    unnest(%(batches)s::bigint[]);
