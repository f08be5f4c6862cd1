DELETE FROM flat_batch
WHERE table_name = %(table)s AND occurred_on = %(day)s;
