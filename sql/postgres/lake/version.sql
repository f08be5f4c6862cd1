SELECT version
FROM lake_version
WHERE table_name = %(table)s AND occurred_on = %(day)s;
