-- Blocks of the partition that holds a day of a table: the first number of a ctid is below it.
SELECT coalesce(sum(pg_relation_size(quote_ident(partition_name)::regclass) / 8192), 0)::bigint
FROM day_partition
WHERE table_name = %(table)s AND occurred_on = %(day)s;
