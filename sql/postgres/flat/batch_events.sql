-- The events of one batch that are for a flat table.
SELECT event_id
FROM flat_expected
WHERE table_name = %(table)s AND occurred_on = %(day)s AND batch_id = any(%(batches)s)
ORDER BY event_id;
