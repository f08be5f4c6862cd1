-- Bytes of the partition that holds a day of a table, indexes included.
SELECT coalesce(sum(pg_total_relation_size(quote_ident(partition_name)::regclass)), 0)::bigint
FROM day_partition
WHERE table_name = %(table)s AND occurred_on = %(day)s;
