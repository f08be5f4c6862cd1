-- The partition that holds a day of a table, as of this snapshot; NULL: there is none. No row: the
-- table has no partitions.
SELECT
    child.relname::text AS partition_name,
    child.oid
FROM pg_class AS parent
LEFT JOIN day_partition AS part
    ON parent.relname = part.table_name AND part.occurred_on = %(day)s
LEFT JOIN pg_class AS child
    ON part.partition_name = child.relname AND parent.relnamespace = child.relnamespace
WHERE parent.oid = to_regclass(%(table)s) AND parent.relkind = 'p';
