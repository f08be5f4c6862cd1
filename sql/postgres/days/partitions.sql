SELECT
    table_name,
    partition_name
FROM day_partition
WHERE occurred_on = %(day)s AND table_name = any(%(tables)s)
ORDER BY table_name;
