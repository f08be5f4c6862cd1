SELECT count(*) > 0 AS has_refused
FROM flat_refused
WHERE table_name = %(table)s AND occurred_on = %(day)s;
