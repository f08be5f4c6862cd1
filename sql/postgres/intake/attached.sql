-- How many of these tables are partitions of the inbox.
SELECT count(*)
FROM pg_inherits
INNER JOIN pg_class ON pg_inherits.inhrelid = pg_class.oid
WHERE
    pg_inherits.inhparent = 'event_inbox'::regclass
    AND NOT pg_inherits.inhdetachpending
    AND pg_class.relname = any(%(partitions)s::text[]);
