-- Batches that the table has taken in: their day is asked for again, without any work for it.
INSERT INTO flat_pending (table_name, occurred_on, batch_id)
SELECT
    %(table)s,
    %(day)s,
    unnest(%(batches)s::bigint[])
ON CONFLICT DO NOTHING;
