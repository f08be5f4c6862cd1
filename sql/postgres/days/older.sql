SELECT DISTINCT occurred_on
FROM day_partition
WHERE occurred_on < %(before)s AND table_name = any(%(tables)s)
ORDER BY occurred_on;
