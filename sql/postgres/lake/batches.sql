SELECT
    batch_id,
    mark
FROM lake_batch
WHERE table_name = %(table)s AND occurred_on = %(day)s;
